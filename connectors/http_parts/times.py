"""Times in the forms that servers want. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

from pydantic import AfterValidator

FORMATS: Mapping[str, str] = {
    "iso": "2026-01-31T10:00:00Z",
    "iso_ms": "2026-01-31T10:00:00.000Z",
    "iso_offset": "2026-01-31T10:00:00+00:00",
    "unix": "seconds since 1970",
    "unix_ms": "milliseconds since 1970",
    "http_date": "Sat, 31 Jan 2026 10:00:00 GMT",
}
"""The time formats, beside the directives of strftime (``%Y-%m-%d %H:%M:%S``); times are always in UTC."""


def _time_format(value: str) -> str:
    if value not in FORMATS and "%" not in value:
        raise ValueError(f"is not a time format: write one of {', '.join(FORMATS)}, or directives such as %Y-%m-%d")
    return value


TimeFormat = Annotated[str, AfterValidator(_time_format)]
"""An option that holds one of these formats."""


def moment(seconds: float, form: str) -> str | int:
    """Return a moment in a format of :data:`FORMATS` or strftime, rounded down."""
    if form == "unix":
        return int(seconds)
    if form == "unix_ms":
        return int(seconds * 1000)
    at = datetime.fromtimestamp(max(0.0, seconds), UTC)
    if form == "http_date":
        return format_datetime(at.replace(microsecond=0), usegmt=True)
    if form in {"iso", "iso_offset"}:
        text = at.isoformat(timespec="seconds")
    elif form == "iso_ms":
        text = at.isoformat(timespec="milliseconds")
    else:
        return at.strftime(form)
    return text if form == "iso_offset" else text.replace("+00:00", "Z")
