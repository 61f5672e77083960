"""Lengths of time as people write them: ``30s``, ``15m``, ``1h30m``, ``2d``, or a number of seconds."""

from __future__ import annotations

import re

LONGEST = 3660 * 86400.0
"""No duration is longer (seconds): about ten years."""

FORM = "write 30s, 15m, 1h30m, 2d or a number of seconds"

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_DURATION = re.compile(
    "".join(rf"(?:(?P<{unit}>\d{{1,12}}(?:\.\d{{1,9}})?)\s*{unit})?\s*" for unit in _UNITS), re.ASCII
)


def parse_duration(value: str | float) -> float:
    """Return the seconds in ``15m``, ``1h30m``, ``2d``, ``90s``; a plain number is seconds.

    Raises:
        ValueError: the value is not of this form, is negative, or is longer than :data:`LONGEST`.

    """
    seconds = seconds_in(value)
    if seconds is None:
        raise ValueError(f"is not a duration: {FORM}")
    if not 0 <= seconds <= LONGEST:
        raise ValueError("is not a usable duration: it must be from 0 seconds to 3660 days")
    return seconds


def seconds_in(value: str | float) -> float | None:
    """Return the seconds in ``value``, or None if it is no length of time."""
    # In Python a bool is a number, but ``yes`` in the configuration is no length of time.
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = value.strip()
    if NUMBER.fullmatch(text):
        return float(text)
    parts = _DURATION.fullmatch(text)
    # Every unit may be left out, so the form fits an empty text as well.
    return float(sum(float(parts[unit] or 0) * size for unit, size in _UNITS.items())) if text and parts else None
