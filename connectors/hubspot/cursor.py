"""Where a read of HubSpot stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 1
"""Part of every cursor; another one makes everything be read."""

BIN_KEPT = 5_000
"""Ids of archived records that a cursor holds at most."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """All times are milliseconds since 1970, of the beginning of a read.

    ``since``: what changed later is unread. ``full``, ``swept``, ``binned``: when everything, all keys, and the bin
    were read last. ``bin``: the ids that were in the bin then, or None if they were too many or are not known;
    ``large``: whether the bin takes more than one page.
    """

    since: int
    full: int
    swept: int
    binned: int
    bin: tuple[int, ...] | None = None
    large: bool = False

    def text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True, separators=(",", ":"))


def parse_cursor(text: str | None) -> Cursor | None:
    """The cursor in ``text``; None if there is none, or another version wrote it."""
    try:
        held: Any = json.loads(text) if text else None
        if not isinstance(held, dict) or held.pop("version", None) != VERSION:
            return None
        ids = held.get("bin")
        return Cursor(**{**held, "bin": None if ids is None else tuple(ids)})
    except (ValueError, TypeError):
        return None
