"""Times and ages as ``syncd status --json`` shows them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_of(moment: float | None) -> str | None:
    """Return a time in Unix seconds as ISO 8601 in UTC; None stays None."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def age_of(moment: float | None, now: float) -> float | None:
    """Return how many seconds ago a moment was; None stays None."""
    return None if moment is None else round(now - moment)
