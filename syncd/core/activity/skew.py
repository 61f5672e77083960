"""How far this machine's clock may be off: the target signs with its own time, and a signature counts for a while."""

from __future__ import annotations

from typing import Literal

WARN = 60.0
"""The seconds by which a clock that is off is worth a warning."""

ALARM = 200.0
"""The seconds by which a clock that is off is an alarm: at 300 every delivery is refused."""

Trouble = Literal["", "warning", "alarm"]


def trouble_of(skew: float | None) -> Trouble:
    """Return how bad a clock is that is off by so many seconds; None: nobody knows."""
    off = abs(skew or 0.0)
    return "alarm" if off > ALARM else "warning" if off > WARN else ""
