"""When a schedule is due next. Pure: the time is an argument.

A cron schedule speaks of a wall clock, which daylight saving turns. A time that the clock leaves out is due as long
after the gap's begin as it was after it (02:30 becomes 03:30), and a time that comes twice is due at the first. A
schedule of every hour (its hour begins with ``*``) goes on in real time instead: nothing is added in the gap, and the
hour that comes twice is served twice. So no day lacks its run, and none has two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from math import floor
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from syncd.core.settings.schedules import Cron, Every, Schedule

_TURN = 3 * 3600.0  # seconds: more than any clock is turned by daylight saving


def next_time(schedule: Schedule, due: float, now: float) -> float:
    """The first time of ``schedule`` after ``now``, of an interval counted from ``due``. Times are Unix seconds."""
    if isinstance(schedule, Every):
        missed = max(0, floor((now - due) / schedule.seconds))
        return due + (missed + 1) * schedule.seconds
    return _next_cron(schedule, now)


def _next_cron(cron: Cron, now: float) -> float:
    zone = zone_of(cron)
    begin = now - _TURN if _is_turned(zone, now) else now
    best = float("inf")
    for wall in _walls(cron.text, datetime.fromtimestamp(begin, zone).replace(tzinfo=None)):
        if best < float("inf") and not (
            _is_turned(zone, best) and wall.replace(tzinfo=zone).timestamp() < best + _TURN
        ):
            break
        best = min([best, *(moment for moment in _moments(wall, zone, cron) if moment > now)])
    return best


def _is_turned(zone: tzinfo, moment: float) -> bool:
    """Whether clocks are turned about then, so that the wall clock's order is not that of time."""
    before, after = (datetime.fromtimestamp(moment + step, zone).utcoffset() for step in (-_TURN, _TURN))
    return before != after


def _walls(text: str, begin: datetime) -> Iterator[datetime]:
    """The wall-clock times of cron text from ``begin`` on, without a time zone."""
    trigger = _trigger(text)
    wall = trigger.get_next_fire_time(None, begin.replace(tzinfo=UTC))
    while wall is not None:
        yield wall.replace(tzinfo=None)
        wall = trigger.get_next_fire_time(None, wall + timedelta(minutes=1))


def _moments(wall: datetime, zone: tzinfo, cron: Cron) -> list[float]:
    """When the wall clock shows ``wall``, as far as that is a time of the schedule."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if first < second:  # shown twice
        return [first, second] if is_hourly(cron) else [first]
    if first > second:  # never shown
        return [] if is_hourly(cron) else [first]
    return [first]


@cache
def _trigger(text: str) -> CronTrigger:
    return CronTrigger.from_crontab(text, timezone=UTC)


def is_hourly(cron: Cron) -> bool:
    """Whether the schedule is of every hour, and so of real time, not of times of the day."""
    return cron.text.split()[1].startswith("*")


def zone_of(cron: Cron) -> tzinfo:
    """The time zone that the schedule speaks of."""
    if cron.timezone is not None:
        return ZoneInfo(cron.timezone)
    from tzlocal import get_localzone

    return get_localzone()
