"""The ledger (what we last sent) and the journal (what is under way): mark, then record."""

from __future__ import annotations

import io
import json
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.diff import ACCEPTED, DETAIL_SCHEMA, LEDGER_SCHEMA

_PAGE = 1_000_000
"""Ledger rows that SQLite joins into one text at a time."""

_OPEN = "FROM contact INDEXED BY contact_open WHERE source = :source AND status <> 'accepted'"
"""Few contacts of many: without the hint SQLite would look at all of the source's."""

FOLDS = "target.folds_case"
"""The fact that the target takes match values for one that differ only in case."""

_FIELD, _RECORD = "\x1d", "\x1e"
"""They separate columns and rows in such a text; no key contains them."""


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

    With ``id``: the id a moved contact had. Without: a call whose outcome is unknown may have made a contact with
    ``match`` and exactly ``fields``; ids above ``horizon`` were not there before it.
    """

    change: int
    key: str
    kind: str
    match: str
    id: int | None
    fields: Mapping[str, str]
    horizon: int


class Ledger:
    """The part of the state that knows contacts. Times are Unix seconds."""

    clock: Callable[[], float]

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]: ...

    def ledger(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@digest``, ``@status`` (``a``, ``p``, ``r``) of every contact of the source."""
        schema = {KEY: pl.String, DIGEST: pl.Int64}
        found = self._columns(("key", "digest"), "source = :source", {"source": source}, schema)
        query = text(f"SELECT key, substr(status, 1, 1) {_OPEN}")
        with self.read() as connection:
            open_ = list(map(tuple, connection.execute(query, {"source": source})))
        whole = found.with_columns(pl.lit(ACCEPTED).alias("@status"))
        return whole.update(pl.DataFrame(open_, schema=[KEY, "@status"], orient="row"), on=KEY) if open_ else whole

    @staticmethod
    def no_ledger() -> pl.DataFrame:
        """What :meth:`ledger` returns of a source that nothing is known of."""
        return pl.DataFrame(schema=LEDGER_SCHEMA)

    def matches(self, sources: Sequence[str]) -> pl.DataFrame:
        """Return ``@source``, ``@key``, ``@match`` of every contact that these sources hold at the target."""
        columns = {KEY: pl.String, MATCH: pl.String}
        found = [pl.DataFrame(schema={"@source": pl.String, **columns})]
        for source in sources:
            condition = "source = :source AND (remote_id IS NOT NULL OR status = 'pending')"
            frame = self._columns(("key", "match"), condition, {"source": source}, columns)
            found.append(frame.select(pl.lit(source).alias("@source"), KEY, MATCH))
        return pl.concat(found)

    def _columns(
        self, columns: Sequence[str], condition: str, values: Mapping[str, Any], schema: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Read columns by letting SQLite join them into text that Polars parses: no Python object a row."""
        joined = f" || '{_FIELD}' || ".join(columns)
        among = f"FROM contact WHERE {condition} AND key > :after"
        count = text(f"SELECT count(*) FROM contact WHERE {condition}")
        bound = text(f"SELECT key {among} ORDER BY key LIMIT 1 OFFSET {_PAGE - 1}")
        query = text(f"SELECT group_concat({joined}, '{_RECORD}') {among} AND key <= coalesce(:last, key)")
        pages: list[pl.DataFrame] = []
        after: str | None = ""
        with self.read() as connection:
            many = connection.execute(count, values).scalar_one() > _PAGE
            while after is not None:
                last = connection.execute(bound, {**values, "after": after}).scalar() if many else None
                page = connection.execute(query, {**values, "after": after, "last": last}).scalar_one()
                pages += [_parse(page, schema)] if page else []
                after = last
        return pl.concat(pages) if pages else pl.DataFrame(schema=dict(schema))

    def detail(self, source: str, keys: pl.Series) -> pl.DataFrame:
        """Return what is known of these keys, as :data:`syncd.core.diff.DETAIL_SCHEMA` describes it."""
        query = text(
            "SELECT key, remote_id, substr(status, 1, 1), match, coalesce(returned, nullif(fields, '{}')), origin,"
            " missing_since FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
        )
        found: list[Any] = []
        with self.read() as connection:
            for start in range(0, len(keys), _PAGE):
                page = json.dumps(keys.slice(start, _PAGE).to_list())
                found += map(tuple, connection.execute(query, {"source": source, "keys": page}))
        return pl.DataFrame(found, schema=DETAIL_SCHEMA, orient="row")

    def known(self, source: str) -> int:
        """How many contacts of the source are at the target, as far as we know."""
        with self.read() as connection:
            query = text("SELECT count(*) FROM contact WHERE source = :source AND remote_id IS NOT NULL")
            count: int = connection.execute(query, {"source": source}).scalar_one()
            return count

    def created_ids(self) -> set[int]:
        """Every id that came to be by a call of ours, or that we deleted: a target may bring it back for a contact."""
        with self.read() as connection:
            query = text(
                "SELECT remote_id FROM contact WHERE remote_id IS NOT NULL AND origin = 'created'"
                " UNION SELECT old_id FROM change WHERE old_id IS NOT NULL AND (outcome = 'moved'"
                " OR (outcome = 'accepted' AND (kind = 'delete' OR (kind = 'move' AND old_id <> new_id))))"
            )
            return set(connection.execute(query).scalars())

    def pending_keys(self, source: str) -> set[str]:
        """Keys whose last call has an unknown outcome."""
        with self.read() as connection:
            query = text(f"SELECT key {_OPEN} AND status = 'pending'")
            return set(connection.execute(query, {"source": source}).scalars())

    def horizon(self) -> int:
        """The highest id known to be at the target before now."""
        with self.read() as connection:
            query = text(
                "SELECT max(coalesce((SELECT max(remote_id) FROM contact), 0),"
                " coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'target.highest_id'), 0))"
            )
            highest: int = connection.execute(query).scalar_one()
            return highest

    def mark(
        self, run: str, source: str, changes: Sequence[Mapping[str, Any]], *, horizon: int = 0
    ) -> list[dict[str, Any]]:
        """Journal upserts that are about to be sent and make their contacts ``pending``; return the journal's entries.

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

    def record(self, results: Sequence[Settled]) -> None:
        """Record what became of marked upserts; a result whose outcome is unknown leaves its contact pending."""
        now = self.clock()
        accepted = [each for each in results if each.outcome == "accepted"]
        refused = [each for each in results if each.outcome == "refused"]
        folded = [{**each.entry, "reason": each.reason, "at": now} for each in results if each.outcome == "folded"]
        with self.write() as connection:
            if accepted:
                _accept(connection, accepted, now)
            for statement in (_REFUSED, _NEVER_THERE, _REJECTED, _FORGOTTEN, _CASE_FOLDS) if folded else ():
                connection.execute(statement, folded)
            for each in refused:
                values = {**each.entry, "reason": each.reason, "at": now}
                connection.execute(_REFUSED, values)
                connection.execute(_REJECTED, values)

    def leftovers(self, source: str) -> list[Leftover]:
        """Return what earlier changes may have left behind: old ids of moves, and calls of unknown outcome."""
        query = text(
            "SELECT id, key, kind, match, CASE outcome WHEN 'moved' THEN old_id END, after, horizon FROM change"
            " WHERE source = :source AND outcome IN ('pending', 'moved') AND kind <> 'delete' ORDER BY id"
        )
        with self.read() as connection:
            rows = connection.execute(query, {"source": source}).all()
        return [
            Leftover(id_, key, kind, match, old, json.loads(after or "{}"), horizon)
            for id_, key, kind, match, old, after, horizon in rows
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

    def redigest(self, source: str, digests: Mapping[str, int]) -> None:
        """Note the digests of contacts that are what the ledger says, though it had another digest for them."""
        if digests:
            with self.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE contact SET digest = ?, status = 'accepted', reason = NULL"
                    " WHERE source = ? AND key = ? AND status <> 'pending'",
                    [(digest, source, key) for key, digest in digests.items()],
                )

    def see_missing(self, source: str, missing: Sequence[str], present: Sequence[str]) -> None:
        """Note since when contacts are missing from a proved read, and that others are back."""
        with self.write() as connection:
            if missing:
                connection.execute(
                    text(
                        "UPDATE contact SET missing_since = coalesce(missing_since, :now) WHERE source = :source"
                        " AND key IN (SELECT value FROM json_each(:keys))"
                    ),
                    {"now": self.clock(), "source": source, "keys": json.dumps(list(missing))},
                )
            if present:
                connection.execute(
                    text(
                        "UPDATE contact SET missing_since = NULL WHERE source = :source"
                        " AND key IN (SELECT value FROM json_each(:keys))"
                    ),
                    {"source": source, "keys": json.dumps(list(present))},
                )

    def missing_keys(self, source: str) -> list[str]:
        """Keys that were missing from an earlier read."""
        with self.read() as connection:
            query = text("SELECT key FROM contact WHERE source = :source AND missing_since IS NOT NULL")
            return list(connection.execute(query, {"source": source}).scalars())

    def rejected(self, source: str) -> list[tuple[str, str]]:
        """Return the key and the target's reason of every rejected contact of the source."""
        query = text(f"SELECT key, coalesce(reason, '') {_OPEN} AND status = 'rejected' ORDER BY key")
        with self.read() as connection:
            return [(key, reason) for key, reason in connection.execute(query, {"source": source})]

    def retry_rejected(self, source: str | None = None) -> int:
        """Let the next run send rejected contacts again; return how many."""
        with self.write() as connection:
            query = text(
                "UPDATE contact SET digest = 0 WHERE status = 'rejected' AND source = coalesce(:source, source)"
            )
            return connection.execute(query, {"source": source}).rowcount


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
    connection.exec_driver_sql(
        "INSERT INTO change (run, horizon, at, before, id, source, key, kind, old_id, match, digest, after, outcome)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
        [
            (run, horizon, now, _json(change["before"] or None), *entry.values())
            for entry, change in zip(journal, changes, strict=True)
        ],
    )
    return journal


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
    overwritten = connection.execute(
        _OVERWRITTEN,
        {"source": accepted[0].entry["source"], "keys": keys, "ids": json.dumps([each.id for each in accepted])},
    ).all()
    if overwritten:
        connection.execute(text("DELETE FROM cursor"))
    taken = {each.id: each.entry["match"] for each in accepted}
    if any(taken[id_] != match and taken[id_].lower() == match.lower() for id_, match in overwritten):
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


def _parse(page: str, schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(page.encode()),
        has_header=False,
        separator=_FIELD,
        eol_char=_RECORD,
        quote_char=None,
        schema=dict(schema),
        empty_string_is_null=False,
    )


def _json(fields: Mapping[str, str] | None) -> str | None:
    return None if fields is None else json.dumps(fields, ensure_ascii=False)
