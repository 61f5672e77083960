"""Reads a schedule: an interval, or cron text checked by the scheduler that will run it."""

from __future__ import annotations

import re

from syncd.core.settings.durations import parse_duration
from syncd.core.settings.schedules import Cron, Every, Never, Schedule
from syncd.core.wording import nearest

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FORM = 'write 15m, or five cron fields such as "*/15 7-19 * * mon-fri"'


def parse_schedule(value: str | float) -> Schedule:
    """``15m`` is an interval; text of several words is cron, in the machine's own time zone.

    Raises:
        ValueError: it is neither.

    """
    if isinstance(value, str) and (len(value.split()) > 2 or value.startswith("@")):
        return parse_cron(value)
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise ValueError(f"is not a schedule: {_FORM}") from None
    if seconds < 1:
        raise ValueError("is too often: a schedule is at least one second")
    return Every(seconds)


def parse_reconcile(value: str | float) -> Schedule | Never:
    """A schedule, or ``never``.

    Raises:
        ValueError: it is neither.

    """
    return "never" if isinstance(value, str) and value.strip().lower() == "never" else parse_schedule(value)


def parse_cron(text: str, timezone: str | None = None) -> Cron:
    """Cron's five fields, the days of the week made names.

    Raises:
        ValueError: a field is wrong, or no date ever fits.

    """
    from datetime import UTC, datetime

    from apscheduler.triggers.cron import CronTrigger

    fields = text.lower().split()
    if len(fields) != 5:
        raise ValueError(f"is not a schedule: {_FORM}")
    if "*" not in {fields[2], fields[4]}:
        raise ValueError("names days of the month and of the week: cron programs differ in what both mean; name one")
    fields[4] = _named_days(fields[4])
    named = " ".join(fields)
    try:
        trigger = CronTrigger.from_crontab(named, timezone=UTC)
    except ValueError as error:
        raise ValueError(f"is not a schedule: {_plain(error)}; {_FORM}") from None
    if trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("is a schedule that no date ever fits")
    return Cron(named, timezone)


def _plain(error: ValueError) -> str:
    """Only the part of the scheduler's message that repeats nothing of the value."""
    return "a value is out of its range" if "than the" in str(error) else "a field is not understood"


def _named_days(field: str) -> str:
    """``1-5`` → ``mon,tue,wed,thu,fri``; 0 and 7 are Sunday. What is not understood stays, for the scheduler to say."""
    days: list[str] = []
    for item in field.split(","):
        parts = re.fullmatch(r"(\*|[0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?(?:/([1-7]))?", item)
        first, last, step = parts.groups() if parts else ("", None, None)
        begin = 0 if first == "*" else _day(first)
        end = 6 if first == "*" or (step and last is None) else _day(last or first)
        if begin is None or end is None or item == "*":
            return field
        days += [_DAYS[day % 7] for day in range(begin, end + 1 if end >= begin else end + 8, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _day(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    return _DAYS.index(text) if text in _DAYS else None


def parse_timezone(name: str) -> str:
    """An IANA time zone that this machine knows.

    Raises:
        ValueError: it knows none of that name.

    """
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        hint = nearest(name, sorted(available_timezones()))
        raise ValueError(f"is not a time zone: write a name such as America/New_York{hint}") from None
