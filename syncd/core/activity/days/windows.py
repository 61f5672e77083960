"""Which days are asked for: the open window, days that have ended in every time zone, days of a moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from syncd.core.activity.instants import begin_of, day_after, day_of, days_between

_HOUR = 3600.0
_DAY = 86_400.0

BEHIND = 36 * _HOUR
"""The open window begins with the UTC date of so many seconds ago: yesterday in every time zone, also after a change of
the clocks."""

EAST = 14 * _HOUR
"""The first zone of the earth is so far ahead of UTC."""

WEST = 12 * _HOUR
"""The last zone of the earth is so far behind UTC."""

STRAY = 2 * _DAY
"""A row may lie so far outside the days that were asked for: a zone's offset and the length of a call."""


class Days(NamedTuple):
    """The days from ``first`` to ``last``, both included, as dates: ``2026-03-10``."""

    first: str
    last: str

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    @property
    def length(self) -> int:
        """How many days these are."""
        return len(self.each())

    def each(self) -> list[str]:
        """Return every day, the oldest first."""
        return days_between(self.first, self.last)

    def halves(self) -> tuple[Days, Days]:
        """Return the first and the second half of at least two days."""
        middle = day_after(self.first, self.length // 2)
        return Days(self.first, day_after(middle, -1)), Days(middle, self.last)

    def pieces(self, longest: int) -> list[Days]:
        """Return the same days in pieces of at most ``longest`` days, the oldest first."""
        starts = range(0, self.length, longest)
        ends = [min(start + longest, self.length) - 1 for start in starts]
        return [Days(day_after(self.first, a), day_after(self.first, b)) for a, b in zip(starts, ends, strict=True)]


def window(now: float) -> Days:
    """Return the open window: today and yesterday of every time zone."""
    return Days(day_of(now - BEHIND), day_of(now + EAST))


def ended(day: str) -> float:
    """Return when a day has ended in every time zone, in Unix seconds."""
    return begin_of(day_after(day)) + WEST


def of_moment(moment: float) -> Days:
    """Return the days in whose lists something of this moment may stand, whatever the calendar."""
    return Days(day_of(moment - WEST), day_of(moment + EAST))


def between(first: float, last: float) -> Days:
    """Return the days in whose lists something between two moments may stand."""
    return Days(of_moment(first).first, of_moment(max(first, last)).last)


def strays(days: Days, times: Iterable[float]) -> list[bool]:
    """Return of each time whether it lies so far from the days that no calendar and no long call explains it."""
    first, last = begin_of(days.first) - STRAY, begin_of(day_after(days.last)) + STRAY
    return [not first <= moment <= last for moment in times]


def are_other_days(outside: int, inside: int) -> bool:
    """Return whether the server has listed other days than were asked for.

    ``outside``, ``inside``: how many rows of a page lie far from these days, and how many do not. A single odd row, as
    of a phone whose clock was wrong, says nothing.
    """
    return outside > max(1, inside)


def runs(days: Iterable[str]) -> list[Days]:
    """Return days as runs of days that follow each other, the oldest first."""
    found: list[Days] = []
    for day in sorted(set(days)):
        if found and day == day_after(found[-1].last):
            found[-1] = Days(found[-1].first, day)
        else:
            found.append(Days(day, day))
    return found
