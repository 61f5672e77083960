"""Reads a schedule: an interval, or a cron text that is checked with the scheduler that will run it."""

from __future__ import annotations

import re

from syncd.core.settings.durations import parse_duration
from syncd.core.settings.schedules import Cron, Every, Never, Schedule
from syncd.core.wording import nearest

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FORM = 'write 15m, or five cron fields such as "*/15 7-19 * * mon-fri"'


def parse_schedule(value: str | float) -> Schedule:
    """Read ``15m`` as an interval, and a text of several words as cron in the machine's own time zone.

    Raises:
        ValueError: it is neither.

    """
    # Two words may be a duration: "1h 30m".
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
    """Read a schedule, or ``never``.

    Raises:
        ValueError: it is neither.

    """
    return "never" if isinstance(value, str) and value.strip().lower() == "never" else parse_schedule(value)


def parse_cron(value: str | float, timezone: str | None = None) -> Cron:
    """Read cron's five fields; the days of the week become names.

    Raises:
        ValueError: a field is wrong, or no date ever fits.

    """
    # Imported here: both take a while to import, and most commands meet no cron text.
    from datetime import UTC, datetime

    from apscheduler.triggers.cron import CronTrigger

    fields = str(value).lower().split()
    if len(fields) != 5:
        raise ValueError(f"is not a schedule: {_FORM}")
    if "*" not in {fields[2], fields[4]}:
        raise ValueError("names days of the month and of the week: cron programs differ in what both mean; name one")
    fields[4] = _named_days(fields[4])
    text = " ".join(fields)
    try:
        trigger = CronTrigger.from_crontab(text, timezone=UTC)
    except ValueError as error:
        # The scheduler's own message repeats the value, which may come from a variable.
        reason = "a value is out of its range" if "than the" in str(error) else "a field is not understood"
        raise ValueError(f"is not a schedule: {reason}; {_FORM}") from None
    if trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("is a schedule that no date ever fits")
    return Cron(text, timezone)


def _named_days(field: str) -> str:
    """Return the days of the week as names: ``1-5`` becomes ``mon,tue,wed,thu,fri``; 0 and 7 are Sunday.

    A field that is not understood is returned as it is: the scheduler then refuses it.
    """
    days: list[str] = []
    for item in field.split(","):
        parts = re.fullmatch(r"(\*|[0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?(?:/([1-7]))?", item)
        first, last, step = parts.groups() if parts else ("", None, None)
        begin = 0 if first == "*" else _day(first)
        end = 6 if first == "*" or (step and last is None) else _day(last or first)
        if begin is None or end is None or item == "*":
            return field
        # fri-mon goes over the end of the week: count on to the day after it, modulo 7.
        days += [_DAYS[day % 7] for day in range(begin, end + 1 if end >= begin else end + 8, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _day(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    return _DAYS.index(text) if text in _DAYS else None


def parse_timezone(value: str | float) -> str:
    """Return the name of an IANA time zone that this machine knows.

    Raises:
        ValueError: the machine does not know the name.

    """
    from zoneinfo import ZoneInfo, available_timezones

    name = str(value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder of time zones, as in "America"
        hint = nearest(name, sorted(available_timezones()))
        raise ValueError(f"is not a time zone: write a name such as America/New_York{hint}") from None
