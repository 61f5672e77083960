"""The state database: what we last sent, what is under way, what waits; the only SQL of our own.

``State`` is imported when it is asked for: a process that only looks on (:mod:`syncd.state.glance`) needs none of what
comes with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd.state.state import State

__all__ = ["State"]


def __getattr__(name: str) -> Any:
    if name == "State":
        from syncd.state.state import State

        return State
    raise AttributeError(name)
