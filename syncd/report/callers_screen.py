"""What becomes of callers, as text: one line of counts, and the numbers that get another name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from syncd.core.callers.effects import NEW, OLD
from syncd.core.callers.kinds import RENAMED, in_words
from syncd.core.callers.numbers import NUMBER
from syncd.report.callers_report import Callers
from syncd.report.change_lines import Line, shown
from syncd.report.screen import PAGE, Screen

_NAMES = 4
"""Names of a number that are shown."""


def show_callers(screen: Screen, callers: Callers, *, dry_run: bool) -> None:
    """Write the counts, and in a dry run the first numbers that get another name."""
    counts = callers.counts
    if words := in_words(counts):
        screen.line(("callers", "bold"), f": {words}", hanging=2)
    # The changes of the plan show a number that is new or that goes; nothing else shows who is called now.
    if dry_run and (total := sum(counts[kind] for kind in RENAMED)):
        for each in callers.named(RENAMED).head(PAGE).iter_rows(named=True):
            screen.line(*_line(each[NUMBER], each[OLD], each[NEW]), indent=2, hanging=6)
        screen.more(total, "; --json holds them all")


def _line(number: str, old: Sequence[str], new: Sequence[str]) -> Line:
    return [f"{number}  ", (_names(old), "red"), " → ", (_names(new), "green")]


def _names(names: Sequence[str]) -> str:
    return ", ".join(_shown(names))


def _shown(names: Sequence[str]) -> Iterator[str]:
    yield from (shown(name) for name in names[:_NAMES])
    if len(names) > _NAMES:
        yield f"and {len(names) - _NAMES:,} more"
