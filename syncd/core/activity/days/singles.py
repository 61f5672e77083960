"""Calls that are asked for alone, by ``search=ID``, since their texts are overdue.

A day is read when it has ended everywhere, and some times after that: those readings find every text. Until then a look
at the head of the list sees the newest calls only. A call that ended long after it began stands behind them, and its
text would come up to a day and a half late.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from syncd.core.activity.days.windows import ended, of_moment

SOON = 3600.0
"""Seconds within which a day that is read anyway brings its texts."""


def singly(overdue: Sequence[str], asked: Collection[str], pages: int) -> list[str]:
    """Return which calls are asked for alone; each is asked for once.

    ``overdue``: the calls whose texts are overdue. ``asked``: those that were asked for since the open window began.
    ``pages``: of one day's list. All that are asked for take fewer requests than one reading of the day; if they do
    not, none is asked for, and the day is waited for.
    """
    fresh = [each for each in overdue if each not in asked]
    return fresh if len(asked) + len(fresh) < pages else []


def is_read_soon(started: float, now: float) -> bool:
    """Return whether the list of a call's day is read within the hour; ``started``: when the call began."""
    return any(0 <= ended(day) - now <= SOON for day in of_moment(started).each())
