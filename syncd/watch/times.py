"""Times as JSON has them and as people read them; always in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment: float) -> str:
    """Return a time in Unix seconds as JSON has it: ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def shown_time(moment: float | str) -> str:
    """Return a time, in Unix seconds or as JSON has it, for people."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else datetime.fromtimestamp(moment, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
