"""Says which numbers wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.core.wording import counted

if TYPE_CHECKING:
    from syncd.report.screen import Screen

FEW = 5
"""Numbers that are shown."""


def show_undecided(screen: Screen, numbers: Sequence[str]) -> None:
    """Write which numbers wait for a decision, and the command that decides."""
    if not numbers:
        return
    rest = f" and {len(numbers) - FEW:,} more" if len(numbers) > FEW else ""
    what = counted(len(numbers), "number waits for a decision", "numbers wait for a decision")
    screen.line(("to decide", "bold yellow"), f": {what}: {', '.join(numbers[:FEW])}{rest}", indent=2, hanging=6)
    screen.line("to say whose it is: ", (f"syncd number {numbers[0]} --to SOURCE KEY", "bold"), indent=4)
