"""What people write for some days: ``2026-03-01..2026-03-10``, one day, ``today``, ``yesterday``, ``-7d..``."""

from __future__ import annotations

import re
from typing import NamedTuple

from syncd.core.activity.instants import begin_of, day_after

FORMS = "2026-03-01..2026-03-10, one such date, today, yesterday, or -7d.. for the last seven days"
"""The forms, for messages."""

_NAMED = {"today": 0, "yesterday": 1}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LAST = "9999-12-31"
_AGO = re.compile(r"-(\d{1,4})d", re.ASCII)


class Span(NamedTuple):
    """Days from ``first`` to ``last``, both included; None at a side that has no end."""

    first: str | None
    last: str | None


def span_of(text: str, today: str) -> Span:
    """Return the days that ``text`` means; ``today``: a date, in UTC.

    Raises:
        ValueError: it has another form, or its days are in the wrong order.
    """
    left, dots, right = text.strip().lower().partition("..")
    first = _day(left, today)
    last = _day(right, today) if dots else first
    if last == _LAST:
        # No day comes after it: people write it for "without end".
        last = None
    if first is None and last is None:
        raise ValueError("no day")
    if first is not None and last is not None and first > last:
        raise ValueError("the wrong order")
    return Span(first, last)


def _day(text: str, today: str) -> str | None:
    text = text.strip()
    if not text:
        return None
    if (ago := _AGO.fullmatch(text)) or text in _NAMED:
        return day_after(today, -int(ago[1]) if ago else -_NAMED[text])
    if not _DATE.fullmatch(text):
        raise ValueError("no date")
    begin_of(text)
    return text
