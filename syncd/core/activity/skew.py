"""How far this machine's clock may be off: the target signs with its own time, and a signature counts for a while."""

from __future__ import annotations

from typing import Literal

WARN = 60.0
"""The seconds by which a clock that is off is worth a warning."""

ALARM = 200.0
"""The seconds by which a clock that is off is an alarm: at 300 every delivery is refused."""

WRONG = 12 * 3600.0
"""The seconds by which a clock that is off names other days: nothing is read or removed by it."""

Trouble = Literal["", "warning", "alarm"]


def trouble_of(skew: float | None) -> Trouble:
    """Return how bad a clock is that is off by so many seconds; None: nobody knows."""
    off = abs(skew or 0.0)
    return "alarm" if off > ALARM else "warning" if off > WARN else ""


def clock_text(skew: float) -> str:
    """Say how far this machine's clock is off; ``skew``: by how many seconds the target's is ahead of it."""
    off = abs(skew)
    length = f"{off:.0f} s" if off < 2 * 86_400 else f"{off / 86_400:,.0f} days"
    return f"this machine's clock is {length} {'behind' if skew > 0 else 'ahead of'} Vocatech's"
