"""The cursor of a HubSpot source: where a read stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

# A cursor of another version is not read, so to raise this number makes every account be read in full once.
VERSION = 2

BIN_KEPT = 5_000
"""The most ids of archived records that a cursor holds."""


# The names of the fields are the keys of the stored JSON: another name would make every stored cursor unreadable.
@dataclass(frozen=True, slots=True)
class Cursor:
    """The state after a read. All times are milliseconds since 1970 by HubSpot's clock, of the beginning of a read.

    ``since``: changes after it are unread. ``full``, ``swept``, ``binned``: when all contacts, all keys, and the bin
    were last read. ``bin``: the ids that were in the bin then; None if they were too many or are unknown. ``large``:
    whether the bin takes more than one page. ``daemon``: the start of the daemon whose run last looked at the bin.
    """

    since: int
    full: int
    swept: int
    binned: int
    bin: tuple[int, ...] | None = None
    large: bool = False
    daemon: str = ""

    def text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True, separators=(",", ":"))


def parse_cursor(text: str | None) -> Cursor | None:
    """Return the cursor in ``text``; None if there is none, or another version wrote it."""
    try:
        stored: Any = json.loads(text) if text else None
        if not isinstance(stored, dict) or stored.pop("version", None) != VERSION:
            return None
        ids = stored.get("bin")
        return Cursor(**{**stored, "bin": None if ids is None else tuple(ids)})
    except (ValueError, TypeError):
        return None
