"""The journal: what is about to be sent is marked, then what became of it is recorded (see :mod:`syncd.push`)."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

FOLDS = "target.folds_case"
"""The fact that the target takes match values for one that differ only in case."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one marked upsert, ``entry`` being what :meth:`Ledger.mark` returned for it.

    ``outcome``: ``accepted`` (``id`` and ``returned`` are the target's) · ``refused`` (``reason``) ·
    ``folded`` (the target took it for a contact whose match value differs only in case) · ``unknown``.
    ``returned`` is None where it equals what was sent. ``adopted``: the contact was there before us.
    """

    entry: Mapping[str, Any]
    outcome: str
    id: int | None = None
    returned: Mapping[str, str] | None = None
    reason: str | None = None
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Leftover:
    """What an earlier change may have left at the target that no contact should be.

    With ``id``: the id a moved contact had. Without: a call whose outcome is unknown, marked at ``at``, may have made a
    contact with ``match`` and no other ``fields`` than these; ids above ``horizon`` were not there before it.
    """

    change: int
    key: str
    kind: str
    match: str
    id: int | None
    fields: Mapping[str, str]
    horizon: int
    at: float


class Journal:
    """The part of the state that knows what is under way. Times are Unix seconds."""

    clock: Callable[[], float]

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]: ...

    def mark(
        self, run: str, source: str, changes: Sequence[Mapping[str, Any]], *, horizon: int = 0
    ) -> list[dict[str, Any]]:
        """Journal upserts that are about to be sent and make their contacts ``pending``; return the journal's entries.

        Should none of them be sent after all, :meth:`unmark` takes it back.

        Each change holds ``@kind``, ``@key``, ``@id``, ``@match``, ``@digest``, ``before``, ``after``. Ids up to
        ``horizon`` were at the target before.
        """
        now = self.clock()
        with self.write() as connection:
            journal = _append(connection, run, source, changes, horizon=horizon, now=now)
            values = [(source, each["key"], each["digest"], each["match"], now, now) for each in journal]
            connection.exec_driver_sql(
                "INSERT INTO contact (source, key, digest, status, origin, match, fields, created_at, updated_at)"
                " VALUES (?, ?, ?, 'pending', 'created', ?, '{}', ?, ?)"
                " ON CONFLICT (source, key) DO UPDATE SET status = 'pending', updated_at = excluded.updated_at",
                values,
            )
        return journal

    def unmark(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Take back what :meth:`mark` or :meth:`mark_deletes` did, for entries of which nothing was sent."""
        values = [dict(entry) for entry in entries]
        with self.write() as connection:
            for statement in _UNMARKED if values else ():
                connection.execute(statement, values)

    def record(self, results: Sequence[Settled]) -> None:
        """Record what became of marked upserts; a result whose outcome is unknown leaves its contact pending."""
        now = self.clock()
        with self.write() as connection:
            late = _overtaken(connection, [each.entry for each in results])
            results = [each for each in results if each.entry["id"] not in late]
            accepted = [each for each in results if each.outcome == "accepted"]
            refused = [each for each in results if each.outcome == "refused"]
            folded = [{**each.entry, "reason": each.reason, "at": now} for each in results if each.outcome == "folded"]
            if accepted:
                _accept(connection, accepted, now)
            for statement in (_REFUSED, _NEVER_THERE, _REJECTED, _FORGOTTEN, _CASE_FOLDS) if folded else ():
                connection.execute(statement, folded)
            for each in refused:
                values = {**each.entry, "reason": each.reason, "at": now}
                connection.execute(_REFUSED, values)
                connection.execute(_REJECTED, values)

    def done_keys(self, run: str, source: str) -> set[str]:
        """Keys that the run need not look at again: what it was to do is done, or refused for as long as they stay."""
        query = text(
            "SELECT key FROM change WHERE run = :run AND source = :source"
            " AND (outcome IN ('accepted', 'moved') OR (outcome = 'refused' AND kind <> 'delete'))"
        )
        with self.read() as connection:
            return set(connection.execute(query, {"run": run, "source": source}).scalars())

    def leftovers(self, source: str) -> list[Leftover]:
        """Return what earlier changes may have left behind: old ids of moves, and calls of unknown outcome."""
        query = text(
            "SELECT id, key, kind, match, CASE outcome WHEN 'moved' THEN old_id END, before, after, horizon, at"
            " FROM change WHERE source = :source AND outcome IN ('pending', 'moved') AND kind <> 'delete' ORDER BY id"
        )
        with self.read() as connection:
            rows = connection.execute(query, {"source": source}).all()
        return [
            Leftover(id_, key, kind, match, old, {**_fields(before), **_fields(after)}, horizon, at)
            for id_, key, kind, match, old, before, after, horizon, at in rows
        ]

    def claimed(
        self, ids: Iterable[int], matches: Iterable[str], *, going: Mapping[str, Collection[str]]
    ) -> tuple[set[int], set[str]]:
        """Return which of these ids a contact holds, and which of these match values a pending contact may hold.

        ``going``: per source, keys that are being deleted: their own claims do not count.
        """
        gone = json.dumps([[source, key] for source, keys in going.items() for key in keys])
        skip = "NOT EXISTS (SELECT 1 FROM gone WHERE gone.source = contact.source AND gone.key = contact.key)"
        head = (
            "WITH gone AS (SELECT json_extract(value, '$[0]') AS source, json_extract(value, '$[1]') AS key"
            " FROM json_each(:gone))"
        )
        with self.write() as connection:
            connection.exec_driver_sql(
                "CREATE TEMP TABLE IF NOT EXISTS gone (source TEXT, key TEXT, PRIMARY KEY (source, key))"
            )
            connection.exec_driver_sql("DELETE FROM temp.gone")
            connection.execute(text(f"{head} INSERT INTO temp.gone SELECT source, key FROM gone"), {"gone": gone})
            held = connection.execute(
                text(
                    f"SELECT remote_id FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids)) AND {skip}"
                ),
                {"ids": json.dumps(list(ids))},
            ).scalars()
            claimed_ids = set(held)
            open_ = connection.execute(
                text(
                    "SELECT change.match FROM change JOIN contact ON contact.source = change.source"
                    " AND contact.key = change.key AND contact.status = 'pending'"
                    " WHERE change.outcome = 'pending' AND change.kind <> 'delete'"
                    f" AND change.match IN (SELECT value FROM json_each(:matches)) AND {skip}"
                ),
                {"matches": json.dumps(list(matches))},
            ).scalars()
            return claimed_ids, set(open_)

    def mark_deletes(self, run: str, source: str, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Journal deletes that are about to be sent and make their contacts ``pending``; return the entries."""
        now = self.clock()
        with self.write() as connection:
            journal = _append(connection, run, source, changes, horizon=0, now=now)
            connection.exec_driver_sql(
                "UPDATE contact SET status = 'pending', updated_at = ? WHERE source = ? AND key = ?",
                [(now, source, each["key"]) for each in journal],
            )
        return journal

    def record_deletes(
        self, deleted: Sequence[Mapping[str, Any]], refused: Sequence[tuple[Mapping[str, Any], str]] = ()
    ) -> None:
        """Record marked deletes: the contacts of ``deleted`` leave the ledger; ``refused`` ones stay, with why."""
        now = self.clock()
        with self.write() as connection:
            late = _overtaken(connection, deleted)
            deleted = [entry for entry in deleted if entry["id"] not in late]
            for statement in _DELETED if deleted else ():
                connection.execute(statement, [dict(entry) for entry in deleted])
            for entry, reason in refused:
                values = {**entry, "reason": reason, "at": now}
                connection.execute(_REFUSED, values)
                connection.execute(_KEPT, values)

    def forget(self, source: str, keys: Sequence[str]) -> None:
        """Take contacts out of the ledger that left the source and stay at the target: others may claim them."""
        if keys:
            with self.write() as connection:
                connection.execute(
                    text("DELETE FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"),
                    {"source": source, "keys": json.dumps(list(keys))},
                )

    def settle(self, changes: Iterable[int], outcome: str) -> None:
        """Close journal entries: ``accepted`` (a move's old id is dealt with) or ``superseded``."""
        values = [{"change": change, "outcome": outcome} for change in changes]
        if values:
            with self.write() as connection:
                connection.execute(text("UPDATE change SET outcome = :outcome WHERE id = :change"), values)


_UNMARKED = (
    text("DELETE FROM change WHERE id = :id"),
    text("DELETE FROM contact WHERE :was IS NULL AND source = :source AND key = :key"),
    text(
        "UPDATE contact SET status = CASE WHEN :was = 'accepted' AND digest = 0 THEN 'pending' ELSE :was END"
        " WHERE :was IS NOT NULL AND source = :source AND key = :key"
    ),
)
"""A contact that another call overwrote in the meantime (see _OVERWRITTEN_TOO) is not known any more."""
_REFUSED = text("UPDATE change SET outcome = 'refused', reason = :reason WHERE id = :id")
_REJECTED = text(
    "UPDATE contact SET status = 'rejected', reason = :reason, updated_at = :at, digest = :digest"
    " WHERE source = :source AND key = :key"
)
_NEVER_THERE = text("DELETE FROM contact WHERE source = :source AND key = :key AND remote_id IS NULL")
_FORGOTTEN = text("UPDATE contact SET digest = 0 WHERE source = :source AND key = :key")
_CASE_FOLDS = text(f"INSERT INTO fact (name, value) VALUES ('{FOLDS}', 'yes') ON CONFLICT (name) DO NOTHING")
_OVERWRITTEN = text(
    "UPDATE contact SET status = 'pending' WHERE status = 'accepted'"
    " AND remote_id IN (SELECT value FROM json_each(:ids))"
    " AND NOT (source = :source AND key IN (SELECT value FROM json_each(:keys))) RETURNING remote_id, match"
)
"""Another contact's values are at the target now under the id that these hold: what they say there is unknown."""
_OVERWRITTEN_TOO = text(
    "UPDATE contact SET digest = 0 WHERE status = 'pending' AND remote_id IN (SELECT value FROM json_each(:ids))"
    " AND NOT (source = :source AND key IN (SELECT value FROM json_each(:keys)))"
)
_UNSURE = text("UPDATE contact SET status = 'pending' WHERE source = :source AND key = :key")
_KEPT = text(
    "UPDATE contact SET status = 'accepted', reason = :reason, updated_at = :at WHERE source = :source AND key = :key"
)
_DELETED = (
    text("DELETE FROM contact WHERE status = 'pending' AND source = :source AND key = :key"),
    text("UPDATE change SET outcome = 'accepted' WHERE id = :id"),
    text(
        "UPDATE change SET outcome = 'superseded' WHERE source = :source AND key = :key AND id < :id"
        " AND outcome = 'pending' AND (kind = 'delete' OR match = :match)"
    ),
)


def _append(
    connection: Connection, run: str, source: str, changes: Sequence[Mapping[str, Any]], *, horizon: int, now: float
) -> list[dict[str, Any]]:
    """Add ``pending`` journal rows and return them."""
    first: int = connection.execute(text("SELECT coalesce(max(id), 0) + 1 FROM change")).scalar_one()
    journal = [
        {
            "id": first + place,
            "source": source,
            "key": change["@key"],
            "kind": change["@kind"],
            "old_id": change["@id"],
            "match": change["@match"],
            "digest": change["@digest"],
            "after": _json(change["after"]),
        }
        for place, change in enumerate(changes)
    ]
    status = _statuses(connection, source, [entry["key"] for entry in journal])
    connection.exec_driver_sql(
        "INSERT INTO change (run, horizon, at, before, id, source, key, kind, old_id, match, digest, after, outcome)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
        [
            (run, horizon, now, _json(change["before"] or None), *entry.values())
            for entry, change in zip(journal, changes, strict=True)
        ],
    )
    return [{**entry, "was": status.get(entry["key"])} for entry in journal]


def _statuses(connection: Connection, source: str, keys: Sequence[str]) -> dict[str, str]:
    query = text(
        "SELECT key, status FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
    )
    return {row[0]: row[1] for row in connection.execute(query, {"source": source, "keys": json.dumps(keys)})}


def _overtaken(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> set[int]:
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


def _accept(connection: Connection, accepted: Sequence[Settled], now: float) -> None:
    connection.exec_driver_sql(
        "UPDATE change SET new_id = ?, outcome = CASE WHEN old_id <> ? AND (kind = 'move' OR (kind = 'update' AND"
        " (SELECT origin FROM contact WHERE source = ? AND key = ?) = 'created')) THEN 'moved' ELSE 'accepted' END"
        " WHERE id = ?",
        [(each.id, each.id, each.entry["source"], each.entry["key"], each.entry["id"]) for each in accepted],
    )
    connection.exec_driver_sql(
        "UPDATE contact SET status = 'accepted', reason = NULL, missing_since = NULL, updated_at = ?,"
        " origin = CASE WHEN remote_id = ? THEN origin ELSE ? END, remote_id = ?, returned = ?, digest = ?,"
        " match = ?, fields = ? WHERE source = ? AND key = ?",
        [
            (
                now,
                each.id,
                "adopted" if each.adopted else "created",
                each.id,
                None if each.returned is None else _json(each.returned),
                each.entry["digest"],
                each.entry["match"],
                each.entry["after"],
                each.entry["source"],
                each.entry["key"],
            )
            for each in accepted
        ],
    )
    keys = json.dumps([each.entry["key"] for each in accepted])
    taking = {"source": accepted[0].entry["source"], "keys": keys, "ids": json.dumps([each.id for each in accepted])}
    connection.execute(_OVERWRITTEN_TOO, taking)
    overwritten = connection.execute(_OVERWRITTEN, taking).all()
    if overwritten:
        connection.execute(text("DELETE FROM cursor"))
    taken = {each.id: each.entry["match"] for each in accepted}
    if any(taken[id_] != match and taken[id_].casefold() == match.casefold() for id_, match in overwritten):
        connection.execute(_CASE_FOLDS)
    connection.execute(
        text(
            "UPDATE change SET outcome = 'superseded' WHERE outcome = 'pending' AND source = :source AND id < :first"
            " AND key IN (SELECT value FROM json_each(:keys)) AND (kind = 'delete' OR match ="
            " (SELECT match FROM contact WHERE contact.source = change.source AND contact.key = change.key))"
        ),
        {
            "source": accepted[0].entry["source"],
            "first": min(each.entry["id"] for each in accepted),
            "keys": keys,
        },
    )


def _fields(stored: str | None) -> dict[str, str]:
    fields: dict[str, str] = json.loads(stored) if stored else {}
    return fields


def _json(fields: Mapping[str, str] | None) -> str | None:
    return None if fields is None else json.dumps(fields, ensure_ascii=False)
