"""The state database: what we last sent, which calls are open, what waits. All SQL of our own is in this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd.state.state import State

__all__ = ["State"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: a small process that imports syncd.state.glance needs no Polars.
    if name == "State":
        from syncd.state.state import State

        return State
    raise AttributeError(name)
