"""The ledger: what we last sent for each key of a source, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import text

from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH, RAW
from syncd.core.compare import DETAIL_SCHEMA, LEDGER_SCHEMA
from syncd.core.identity import folded, has_case
from syncd.core.undo import Known
from syncd.state import bulk
from syncd.state.bulk import read_columns
from syncd.state.database import Database

_OPEN = "FROM contact INDEXED BY contact_open WHERE source = :source AND status <> 'accepted'"
"""Few contacts of many: without the hint SQLite would look at all of the source's."""

_FOUND = (
    "SELECT before FROM change WHERE change.source = contact.source AND change.key = contact.key"
    " AND outcome = 'pending' AND before IS NOT NULL ORDER BY id LIMIT 1"
)
"""What the target held before the first call of unknown outcome: that call may have taken it away."""

IN_ANY_CASE = "(lower(match) IN (SELECT value FROM json_each(:values)) OR length(match) <> length(CAST(match AS BLOB)))"
"""Of the ledger: contacts whose match values without case are among these, and those with letters beyond ASCII, whose
case SQLite does not know: they are to be compared."""

_NONE = 0
"""Stands for a number that is not there: no digest is likely to be it, and one that is would only cost a look."""
_RAW = f"CASE WHEN digest AND status = 'accepted' THEN ifnull(raw, {_NONE}) ELSE {_NONE} END"
"""The digest of a contact's row, where such a row need not be looked at."""

_MADE_OF = {KEY: pl.String, RAW: pl.Int64, MATCH: pl.String}

_TAKEN_OVER = (
    text("UPDATE contact SET key = :new, raw = NULL WHERE source = :source AND key = :old"),
    text("UPDATE change SET key = :new WHERE source = :source AND key = :old AND outcome IN ('pending', 'moved')"),
)


class Ledger:
    """The contacts as syncd last sent them, by source and key. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def digests(self, source: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Return ``@key``, ``@digest``, ``@status`` (a :class:`syncd.core.change.Status`) of the source's contacts.

        ``keys``: of these alone, which are looked up one by one.
        """
        if keys is not None:
            return self._looked_up("key, digest, status", source, keys, LEDGER_SCHEMA)
        found = read_columns(
            self.database,
            ("key", "digest"),
            "source = :source",
            {"source": source},
            {KEY: pl.String, DIGEST: pl.Int64},
        )
        query = text(f"SELECT key, status {_OPEN}")
        with self.database.read() as connection:
            open_ = list(map(tuple, connection.execute(query, {"source": source})))
        whole = found.with_columns(pl.lit(Status.ACCEPTED).alias("@status"))
        return whole.update(pl.DataFrame(open_, schema=[KEY, "@status"], orient="row"), on=KEY) if open_ else whole

    def row_digests(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@raw``, ``@match`` of every contact of the source.

        ``@raw`` is null where its row must be looked at: the contact at the target may be another than its row makes.
        """
        found = read_columns(self.database, ("key", _RAW, "match"), "source = :source", {"source": source}, _MADE_OF)
        return found.with_columns(pl.when(pl.col(RAW) != _NONE).then(RAW).alias(RAW))

    def count(self, source: str) -> int:
        """How many contacts of the source the ledger holds."""
        with self.database.read() as connection:
            # The index is a fraction of the table.
            query = text("SELECT count(*) FROM contact INDEXED BY contact_remote_id WHERE source = :source")
            count: int = connection.execute(query, {"source": source}).scalar_one()
            return count

    def matches(self, sources: Sequence[str]) -> pl.DataFrame:
        """Return ``@source``, ``@key``, ``@match`` of every contact that these sources hold at the target."""
        columns = {KEY: pl.String, MATCH: pl.String}
        found = [pl.DataFrame(schema={"@source": pl.String, **columns})]
        for source in sources:
            condition = "source = :source AND (remote_id IS NOT NULL OR status = 'pending')"
            frame = read_columns(self.database, ("key", "match"), condition, {"source": source}, columns)
            found.append(frame.select(pl.lit(source).alias("@source"), KEY, MATCH))
        return pl.concat(found)

    def detail(self, source: str, keys: pl.Series) -> pl.DataFrame:
        """Return what is known of these keys, as :data:`syncd.core.compare.DETAIL_SCHEMA` describes it."""
        there = (
            "CASE WHEN remote_id IS NOT NULL OR status <> 'pending' THEN coalesce(returned, nullif(fields, '{}'))"
            f" ELSE ({_FOUND}) END"
        )
        columns = f"key, remote_id, status, match, {there}, origin, missing_since"
        return self._looked_up(columns, source, keys, DETAIL_SCHEMA)

    def _looked_up(self, columns: str, source: str, keys: pl.Series, schema: Mapping[str, Any]) -> pl.DataFrame:
        query = text(
            f"SELECT {columns} FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
        )
        found: list[Any] = []
        with self.database.read() as connection:
            for start in range(0, len(keys), bulk.PAGE):
                page = json.dumps(keys.slice(start, bulk.PAGE).to_list())
                found += map(tuple, connection.execute(query, {"source": source, "keys": page}))
        return pl.DataFrame(found, schema=dict(schema), orient="row")

    def known(self, source: str) -> int:
        """How many contacts of the source are at the target, as far as we know."""
        with self.database.read() as connection:
            query = text("SELECT count(*) FROM contact WHERE source = :source AND remote_id IS NOT NULL")
            count: int = connection.execute(query, {"source": source}).scalar_one()
            return count

    def contact(self, source: str, key: str) -> dict[str, Any] | None:
        """Return all that the ledger says of one key, or None."""
        query = text(
            "SELECT status, remote_id AS id, origin, match, fields, returned, reason, missing_since,"
            " created_at AS created, updated_at AS updated FROM contact WHERE source = :source AND key = :key"
        )
        with self.database.read() as connection:
            row = connection.execute(query, {"source": source, "key": key}).mappings().first()
        return (
            None
            if row is None
            else {**row, "fields": _fields_of(row["fields"]), "returned": _fields_of(row["returned"])}
        )

    def known_now(self, source: str, keys: Collection[str]) -> dict[str, Known]:
        """Return what the ledger says of these keys."""
        query = text(
            "SELECT key, status, remote_id, match, coalesce(returned, fields), origin = 'created', digest FROM contact"
            " WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
        )
        with self.database.read() as connection:
            rows = connection.execute(query, {"source": source, "keys": json.dumps(list(keys))}).all()
        return {
            key: Known(status, id_, match, _fields_of(fields) or {}, bool(created), digest)
            for key, status, id_, match, fields, created, digest in rows
        }

    def pending_keys(self, source: str) -> set[str]:
        """Keys whose last call has an unknown outcome."""
        with self.database.read() as connection:
            query = text(f"SELECT key {_OPEN} AND status = 'pending'")
            return set(connection.execute(query, {"source": source}).scalars())

    def redigest(self, source: str, digests: Mapping[str, int]) -> None:
        """Note the digests of contacts that are what the ledger says, though it had another digest for them."""
        if digests:
            with self.database.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE contact SET digest = ?, status = 'accepted', reason = NULL"
                    " WHERE source = ? AND key = ? AND status <> 'pending'",
                    [(digest, source, key) for key, digest in digests.items()],
                )

    def rematch(self, source: str, matches: Sequence[tuple[str, str]]) -> None:
        """Note other match values of contacts: pairs of key and value."""
        if matches:
            with self.database.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE contact SET match = ? WHERE source = ? AND key = ?",
                    [(match, source, key) for key, match in matches],
                )

    def take_over(self, source: str, names: Mapping[str, str]) -> None:
        """Hand contacts, and the calls for them that are under way, over to other keys: old to new."""
        if names:
            values = [{"source": source, "old": old, "new": new} for old, new in names.items()]
            with self.database.write() as connection:
                for statement in _TAKEN_OVER:
                    connection.execute(statement, values)

    def link(self, source: str, rows: pl.DataFrame) -> None:
        """Note the rows that contacts are made of, or that they must be looked at: ``@key``, ``@raw``."""
        if not rows.is_empty():
            with self.database.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE contact SET raw = ? WHERE source = ? AND key = ?",
                    [(raw, source, key) for key, raw in rows.select(KEY, RAW).iter_rows()],
                )

    def see_missing(self, source: str, missing: Sequence[str], present: Sequence[str]) -> None:
        """Note since when contacts are missing from a proved read, and that others are back."""
        with self.database.write() as connection:
            if missing:
                connection.execute(
                    text(
                        "UPDATE contact SET missing_since = coalesce(missing_since, :now) WHERE source = :source"
                        " AND key IN (SELECT value FROM json_each(:keys))"
                    ),
                    {"now": self.database.clock(), "source": source, "keys": json.dumps(list(missing))},
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
        with self.database.read() as connection:
            query = text("SELECT key FROM contact WHERE source = :source AND missing_since IS NOT NULL")
            return list(connection.execute(query, {"source": source}).scalars())

    def rejected(self, source: str) -> list[tuple[str, str]]:
        """Return the key and the target's reason of every rejected contact of the source."""
        query = text(f"SELECT key, coalesce(reason, '') {_OPEN} AND status = 'rejected' ORDER BY key")
        with self.database.read() as connection:
            return [(key, reason) for key, reason in connection.execute(query, {"source": source})]

    def refused(self, source: str) -> list[tuple[str, str, float, dict[str, str]]]:
        """Return of every rejected contact of the source the key, the target's reason, when, and the fields as sent."""
        sent = (
            "SELECT after FROM change WHERE change.source = contact.source AND change.key = contact.key"
            " AND change.outcome = 'refused' ORDER BY id DESC LIMIT 1"
        )
        query = text(
            f"SELECT key, coalesce(reason, ''), updated_at, ({sent})"
            " FROM contact WHERE source = :source AND status = 'rejected' ORDER BY key"
        )
        with self.database.read() as connection:
            rows = connection.execute(query, {"source": source}).all()
        return [(key, reason, at, json.loads(sent or "{}")) for key, reason, at, sent in rows]

    def retry_rejected(self, source: str) -> int:
        """Let the next run read everything and send the source's rejected contacts again; return how many."""
        values = {"source": source}
        with self.database.write() as connection:
            again = text("UPDATE contact SET digest = 0 WHERE status = 'rejected' AND source = :source")
            count = connection.execute(again, values).rowcount
            if count:
                connection.execute(text("DELETE FROM cursor WHERE source = :source"), values)
            return count

    def forget(self, source: str, keys: Sequence[str]) -> None:
        """Take contacts out of the ledger that left the source and stay at the target: others may claim them."""
        if keys:
            with self.database.write() as connection:
                connection.execute(
                    text("DELETE FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"),
                    {"source": source, "keys": json.dumps(list(keys))},
                )


class LedgerParts:
    """A source's ledger, asked for single contacts; frames hold ``@key``, ``@raw``, ``@match``."""

    def __init__(self, ledger: Ledger, source: str) -> None:
        self._ledger = ledger
        self._source = source

    def count(self) -> int:
        return self._ledger.count(self._source)

    def with_keys(self, keys: pl.Series) -> pl.DataFrame:
        return self._made_of("key IN (SELECT value FROM json_each(:values))", keys)

    def with_matches(self, matches: pl.Series) -> pl.DataFrame:
        wanted = matches.drop_nulls().unique()
        if not has_case(wanted):
            return self._made_of("match IN (SELECT value FROM json_each(:values))", wanted)
        return self._made_of(IN_ANY_CASE, folded(wanted))

    def _made_of(self, condition: str, wanted: pl.Series) -> pl.DataFrame:
        if wanted.is_empty():
            return pl.DataFrame(schema=_MADE_OF)
        query = text(f"SELECT key, nullif({_RAW}, {_NONE}), match FROM contact WHERE source = :source AND {condition}")
        values = {"source": self._source, "values": json.dumps(wanted.to_list())}
        with self._ledger.database.read() as connection:
            found = list(map(tuple, connection.execute(query, values)))
        return pl.DataFrame(found, schema=_MADE_OF, orient="row")


def _fields_of(value: str | None) -> dict[str, str] | None:
    return None if value is None else json.loads(value)
