"""Times as the API writes them (ISO 8601), as Unix seconds, and as days (UTC dates). No clock is asked."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_EARLIEST, _LATEST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2000, 2100))
"""Other times, such as 0001-01-01, 1970-01-01 and 9999-12-31, stand where a server knows none."""


_DIGITS = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)


def seconds(text: object) -> float | None:
    """Return the Unix seconds of a time such as ``2026-03-10T14:30:00.000Z``; None if ``text`` is no time.

    Unix seconds and milliseconds are times too, as numbers and as digits. A time without an offset is UTC. A time
    outside 2000 to 2100 is none: no call was then.
    """
    if isinstance(text, str):
        return _seconds(text)
    return _since_1970(text) if isinstance(text, int | float) and not isinstance(text, bool) else None


def _since_1970(number: float) -> float | None:
    # No number is in both ranges.
    found = (each for each in (number, number / 1000) if _EARLIEST <= each < _LATEST) if number < 1e15 else iter(())
    return next(map(float, found), None)


# A call's times stand in its row and in its segments, and the proof of a page asks for them again.
@lru_cache(maxsize=4096)
def _seconds(text: str) -> float | None:
    if _DIGITS.fullmatch(text):
        return _since_1970(int(text))
    try:
        moment = datetime.fromisoformat(text.strip())
        found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return found if _EARLIEST <= found < _LATEST else None


def iso(moment: float) -> str:
    """Return Unix seconds as a time in UTC: ``2026-03-10T14:30:00Z``, with milliseconds if it has any."""
    whole = int(moment)
    if whole != moment:
        found = datetime.fromtimestamp(round(moment, 3), UTC)
        precision = "milliseconds" if found.microsecond else "seconds"
        return found.isoformat(timespec=precision).replace("+00:00", "Z")
    # Nearly all times of calls are whole seconds, and a list of calls has hundreds of thousands of them.
    day, rest = divmod(whole, 86_400)
    return f"{_date(day)}{_clock(rest)}"


def day_of(moment: float) -> str:
    """Return the UTC date of a moment: ``2026-03-10``."""
    return _date(int(moment // 86_400))


@lru_cache(maxsize=86_400)
def _clock(seconds: int) -> str:
    """Return the time so many seconds after midnight."""
    return f"T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """Return the date that is so many days after 1970-01-01."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def begin_of(day: str) -> float:
    """Return when a day begins in UTC, in Unix seconds.

    Raises:
        ValueError: ``day`` is no date.
    """
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def day_after(day: str, count: int = 1) -> str:
    """Return the day ``count`` days after ``day`` (before it, if negative).

    Raises:
        ValueError: ``day`` is no date.
    """
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def days_between(first: str, last: str) -> list[str]:
    """Return every day from ``first`` to ``last``, both included.

    Raises:
        ValueError: one of them is no date.
    """
    count = (date.fromisoformat(last) - date.fromisoformat(first)).days
    return [day_after(first, number) for number in range(count + 1)]
