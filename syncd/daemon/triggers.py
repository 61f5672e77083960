"""When a schedule is due next. Pure: the time is an argument.

A cron schedule means the wall clock, which daylight saving changes. A time that the clock skips is due after the gap
(02:30 becomes 03:30), and a time that comes twice is due the first time. So no day lacks its run, and no day has two.
A schedule of every hour (its hour begins with ``*``) follows real time instead: the skipped hour is left out, and the
hour that comes twice is served twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from math import floor
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.surroundings.zone import local_zone

# Seconds: more than daylight saving moves any clock.
_TURN = 3 * 3600.0


def next_time(schedule: Schedule, due: float, now: float) -> float:
    """Return the first time of ``schedule`` after ``now`` (Unix seconds); an interval is counted from ``due``."""
    if isinstance(schedule, Every):
        missed = max(0, floor((now - due) / schedule.seconds))
        return due + (missed + 1) * schedule.seconds
    zone = zone_of(schedule)
    # Near a change the order of wall-clock times is not the order of time: look back, and compare several candidates.
    begin = now - _TURN if _is_turned(zone, now) else now
    best = float("inf")
    for wall in _walls(schedule.text, datetime.fromtimestamp(begin, zone).replace(tzinfo=None)):
        if best < float("inf") and not (
            _is_turned(zone, best) and wall.replace(tzinfo=zone).timestamp() < best + _TURN
        ):
            break
        best = min([best, *(moment for moment in _moments(wall, zone, schedule) if moment > now)])
    return best


def _is_turned(zone: tzinfo, moment: float) -> bool:
    """Return whether the clocks change within :data:`_TURN` of ``moment``."""
    before, after = (datetime.fromtimestamp(moment + step, zone).utcoffset() for step in (-_TURN, _TURN))
    return before != after


def _walls(text: str, begin: datetime) -> Iterator[datetime]:
    """Yield the wall-clock times of a cron text from ``begin`` on, without a time zone."""
    # The library's own handling of daylight saving skips runs, so it is asked in UTC, which knows none.
    trigger = _trigger(text)
    wall = trigger.get_next_fire_time(None, begin.replace(tzinfo=UTC))
    while wall is not None:
        yield wall.replace(tzinfo=None)
        wall = trigger.get_next_fire_time(None, wall + timedelta(minutes=1))


def _moments(wall: datetime, zone: tzinfo, cron: Cron) -> list[float]:
    """Return the moments at which the schedule is due for the wall-clock time ``wall``."""
    # fold=0 and fold=1 give the same moment, except for a time that is shown twice or never.
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
    """Return whether the schedule is of every hour, and so follows real time."""
    return cron.text.split()[1].startswith("*")


def zone_of(cron: Cron) -> tzinfo:
    """Return the time zone of the schedule; the machine's own if it names none."""
    if cron.timezone is not None:
        return ZoneInfo(cron.timezone)
    return local_zone()
