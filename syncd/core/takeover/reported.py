"""Takeovers that a source reports: it merged one key into another."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def reported(merged: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return which key takes over the contact of which key: new key to old key.

    Args:
        merged: as the source reports it, old key to surviving key; a survivor may be merged in turn.
        known: those of all these keys that the ledger holds.
    """
    found: dict[str, str] = {}
    for old in sorted(merged):
        new = _survivor(old, merged)
        # A survivor that the ledger holds has a contact of its own. Then the old key's contact leaves with its row.
        if old in known and new not in known and old != new:
            found.setdefault(new, old)
    return found


def _survivor(key: str, merged: Mapping[str, str]) -> str:
    """Follow merges to the key that is left; a circle ends where it began."""
    seen = {key}
    while (key := merged.get(key, key)) not in seen:
        seen.add(key)
    return key
