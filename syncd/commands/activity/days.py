"""``syncd activity days``: which days of the lists are proved to be whole; the target is asked nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.options import DaysOptions
from syncd.commands.settings import activity_of, loaded
from syncd.commands.status import shown_time
from syncd.report.exit_code import DONE
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.activity.store.days import Day
    from syncd.report.screen import Screen

HEAD = ("day", "kind", "in the list", "state", "proved", "by webhook")


def days(config: Path | None, options: DaysOptions) -> int:
    """Print every day that is known.

    Raises:
        ConfigError: no activity is configured.
    """
    settings = loaded(config, keyless=True)
    from syncd.activity.opening import open_store
    from syncd.activity.pull import day_json

    # Before the first pull no day is known, and that is an answer: the store is not made.
    with open_store(settings, activity_of(settings), read_only=True) as store:
        found = store.days.all()
    if options.as_json:
        print_json({"days": [day_json(day) for day in found]})
    else:
        from syncd.report.screen import Screen

        screen = Screen()
        # The newest first; of one day, the calls first.
        show_days(screen, sorted(sorted(found, key=lambda day: day.kind), key=lambda day: day.day, reverse=True))
        if not found:
            screen.line("No day is known: syncd activity pull reads them.")
    return DONE


def show_days(screen: Screen, found: Sequence[Day]) -> None:
    """Show days as a table."""
    if found:
        screen.table(HEAD, [_row(day) for day in found])


def _row(day: Day) -> tuple[Any, ...]:
    total = "-" if day.total is None else f"{day.total:,}"
    return (day.day, f"{day.kind}s", total, day.state, _when(day.proved_at), f"{day.by_webhook:,}")


def _when(moment: float | None) -> str:
    from syncd.core.activity.instants import iso

    return "-" if moment is None else shown_time(iso(moment))
