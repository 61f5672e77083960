"""Where a read stopped: what the cursor of a REST source holds, and the window of time that the next read asks for.

The watermark is the moment a read began (the earlier of this machine's clock and the server's), never the largest date
among its records: what is changed while it is read belongs to the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

VERSION = 1
"""Part of every cursor; another one makes the source be read in full."""

FORMATS: Mapping[str, str] = {
    "iso": "2026-01-31T10:00:00Z",
    "iso_ms": "2026-01-31T10:00:00.000Z",
    "iso_offset": "2026-01-31T10:00:00+00:00",
    "unix": "seconds since 1970",
    "unix_ms": "milliseconds since 1970",
    "http_date": "Sat, 31 Jan 2026 10:00:00 GMT",
}
"""How a moment is written for a server, beside the directives of strftime (``%Y-%m-%d %H:%M:%S``); always in UTC."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a read leaves for the next one.

    ``since``: changes after it are unread (Unix seconds). ``tokens``: what the server gave to go on from, by the branch
    of a fan-out ("" without one). ``full``, ``swept``: when the source was last read in full, or its keys were.
    ``branches``: those that the full read had.
    """

    since: float | None = None
    tokens: Mapping[str, str] = field(default_factory=dict)
    full: float = 0.0
    swept: float = 0.0
    branches: tuple[str, ...] = ("",)

    def text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)


def parse_cursor(text: str | None) -> Cursor | None:
    """The cursor that ``text`` holds; None if there is none or another version wrote it."""
    try:
        held: Any = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(held, dict) or held.pop("version", None) != VERSION:
        return None
    try:
        return Cursor(**{**held, "branches": tuple(held.get("branches", ("",)))})
    except TypeError:
        return None


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that an incremental read asks for, as Unix seconds."""

    since: float
    until: float


def window(cursor: Cursor, now: float, *, overlap: float, lag: float) -> Window:
    """From ``overlap`` seconds before where the last read stopped to ``lag`` seconds ago.

    The overlap catches what the server's index showed late, and clocks that disagree; what is read twice costs nothing,
    since only contacts that differ are sent.
    """
    until = now - lag
    return Window(min((cursor.since or 0.0) - overlap, until), until)


def moment(seconds: float, form: str) -> str | int:
    """A moment as ``form`` (one of :data:`FORMATS`, or strftime's directives) writes it, rounded down."""
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
