"""The cursor of a REST source, and the window of time that the next read asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# A cursor of another version is not read, so to raise this number makes every source be read in full once.
VERSION = 1


# The names of the fields are the keys of the stored JSON: another name would make every stored cursor unreadable.
@dataclass(frozen=True, slots=True)
class Cursor:
    """The state after a read.

    ``since``: changes after it are unread (Unix seconds). ``tokens``: where the server goes on from, by the branch of a
    fan-out ("" without one). ``full``, ``swept``: when all records, or all keys, were last read. ``branches``: the
    branches of that full read.
    """

    # since is the moment at which the read began, and not the largest date among its records: a record that changes
    # during the read belongs to the next one.
    since: float | None = None
    tokens: Mapping[str, str] = field(default_factory=dict)
    full: float = 0.0
    swept: float = 0.0
    branches: tuple[str, ...] = ("",)

    def text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)


def parse_cursor(text: str | None) -> Cursor | None:
    """Return the cursor in ``text``; None if there is none, or another version wrote it."""
    try:
        stored: Any = json.loads(text) if text else None
        if not isinstance(stored, dict) or stored.pop("version", None) != VERSION:
            return None
        return Cursor(**{**stored, "branches": tuple(stored.get("branches", ("",)))})
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that an incremental read asks for, in Unix seconds."""

    since: float
    until: float


def window(cursor: Cursor, now: float, *, overlap: float, lag: float) -> Window:
    """Return the window from ``overlap`` seconds before the last read to ``lag`` seconds ago."""
    # The overlap finds records that the server's index showed late. To read a record twice costs nothing, since only
    # contacts that differ are sent.
    until = now - lag
    return Window(min((cursor.since or 0.0) - overlap, until), until)
