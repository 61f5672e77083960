"""The history sum: one count of all proved days shows whether one of them has changed, and halving finds which."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from syncd.core.activity.days.windows import Days, runs
from syncd.core.activity.instants import day_after

Known = Callable[[Days], int]
"""How many rows, each counted once, the proved days hold as far as is known."""

Ask = Generator[Days, int | None, "Sum"]
"""Yields days, and is sent how many rows the server counts in them; None if it refuses so many days."""


@dataclass(frozen=True, slots=True)
class Sum:
    """``changed``: the days whose lists have changed. ``longest``: the most days that the server counts at once.

    ``reached``: the oldest day that it counts at all, if it refused older ones; None if it refused none.
    """

    changed: frozenset[str]
    longest: int
    reached: str | None = None


def history_sum(proved: Iterable[str], known: Known, longest: int) -> Ask:
    """Compare the server's count of all ``proved`` days with the ``known`` rows, at most ``longest`` days at once.

    If nothing has changed, each run of days that follow each other takes one request. One day that changed takes once
    or twice log₂ of the days more. A row that came and one that went in one run are not seen.
    """
    # The newest days stand last and come first: a server that does not reach back refuses the oldest ones.
    todo, changed = [piece for days in runs(proved) for piece in days.pieces(longest)], set[str]()
    accepted = 0
    while todo:
        days = todo.pop()
        total = yield days
        if total is not None:
            accepted = max(accepted, days.length)
            changed |= yield from _changed(days, known, total - known(days))
        elif days.length > 1:
            # Either so many days are too many, or the first of them is too old.
            longest = min(longest, max(accepted, days.length - days.length // 2))
            todo += days.halves()
        else:
            return Sum(frozenset(changed), longest, day_after(days.first))
    return Sum(frozenset(changed), longest)


def _changed(days: Days, known: Known, difference: int) -> Generator[Days, int | None, set[str]]:
    """Return the days of a range that explain the difference between the server's count and ours."""
    if not difference:
        return set()
    if days.length == 1:
        return {days.first}
    left, right = days.halves()
    of_left = yield from _difference(left, known)
    found = (yield from _changed(left, known, of_left)) if of_left else set()
    if of_left == difference:
        return found
    # Only what the left half does not explain: so one changed day takes one or two requests at each halving.
    of_right = yield from _difference(right, known)
    if of_left or of_right:
        return found | (yield from _changed(right, known, of_right))
    # Both halves are as they were: a row that stood on both sides of the middle stands on one of them now.
    return {left.last, right.first}


def _difference(days: Days, known: Known) -> Generator[Days, int | None, int]:
    total = yield days
    # A server that refuses a part of what it has counted is taken at its word: these days show no difference.
    return 0 if total is None else total - known(days)
