"""The journal's entries as they are written: what is about to be sent, before it is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from syncd.state.bulk import in_bulk

REFUSED = text("UPDATE change SET outcome = 'refused', reason = :reason WHERE id = :id")
"""The target, or we, refused what the entry ``:id`` is about."""

OF_RUN = (
    "run = :run AND source = :source"
    " AND at >= coalesce((SELECT started - 86400 FROM run WHERE run = :run AND source = :source), 0)"
)
"""A run's entries, found by their time: an index by run would cost each push a fifth. Clocks may be set back."""

OURS = "outcome = 'accepted' AND (kind = 'delete' OR (kind = 'move' AND old_id <> new_id))"
"""Of the journal: the entries by which we deleted ``old_id``."""

DONE = "(outcome IN ('accepted', 'moved') OR (outcome = 'superseded' AND new_id IS NOT NULL))"
"""Of the journal: the entries that are known to have been carried out (a move whose old id another contact has since
is superseded)."""

_NEWEST = text("SELECT coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'journal.newest'), 0)")
_NUMBERED = text(
    "INSERT INTO fact (name, value) VALUES ('journal.newest', :newest)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
"""An id is not used again when its entry is taken back: what was marked after it must be told from before."""
_UNSURE = text("UPDATE contact SET status = 'pending' WHERE source = :source AND key = :key")
_WRITTEN = ("id", "source", "key", "kind", "old_id", "match", "digest", "before", "after")
_APPENDED = f"INSERT INTO change (outcome, run, horizon, at, old_match, {', '.join(_WRITTEN)}) VALUES {{rows}}"


def drafted(source: str, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return journal entries for changes, to be appended: made before the file is locked, since others wait for it.

    Each change holds ``@kind``, ``@key``, ``@id``, ``@match``, ``@digest``, ``before``, ``after`` and perhaps ``@raw``.
    """
    return [
        {
            "source": source,
            "key": change["@key"],
            "kind": change["@kind"],
            "old_id": change["@id"],
            "match": change["@match"],
            "digest": change["@digest"],
            "before": as_json(change["before"] or None),
            "after": as_json(change["after"]),
            "raw": change.get("@raw"),
        }
        for change in changes
    ]


def append(connection: Connection, run: str, entries: Sequence[dict[str, Any]], *, horizon: int, now: float) -> None:
    """Add ``pending`` journal rows; the entries get their ``id``, and what the contact's status ``was``, if any."""
    if not entries:
        return
    first = newest_change(connection) + 1
    known = _known(connection, entries[0]["source"], [entry["key"] for entry in entries])
    values = []
    for number, entry in enumerate(entries, first):
        was, match = known.get(entry["key"], (None, None))
        old_match = None if match == entry["match"] else match
        entry["id"], entry["was"] = number, was
        values.append(("pending", run, horizon, now, old_match, *map(entry.__getitem__, _WRITTEN)))
    in_bulk(connection, _APPENDED, values)
    connection.execute(_NUMBERED, {"newest": first + len(values) - 1})


def newest_change(connection: Connection) -> int:
    """Return the highest id that an entry of the journal ever had; 0 if there was none."""
    newest: int = connection.execute(_NEWEST).scalar_one()
    return newest


def overtaken(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> set[int]:
    """Find the entries that a later call of another run has settled meanwhile; return their numbers.

    Which of the two calls reached the target last cannot be told, so what is there is unknown.
    """
    ids = json.dumps([entry["id"] for entry in entries])
    query = text("SELECT id FROM change WHERE id IN (SELECT value FROM json_each(:ids)) AND outcome <> 'pending'")
    late = set(connection.execute(query, {"ids": ids}).scalars())
    if late:
        connection.execute(_UNSURE, [dict(entry) for entry in entries if entry["id"] in late])
        connection.execute(text("DELETE FROM cursor"))
    return late


def _known(connection: Connection, source: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The status and the match value of those contacts that the ledger holds."""
    query = text(
        "SELECT key, status, match FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query, {"source": source, "keys": json.dumps(keys)})}


def as_json(fields: Mapping[str, str] | None) -> str | None:
    """Fields as the tables hold them."""
    return None if fields is None else orjson.dumps(fields).decode()
