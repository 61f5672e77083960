"""The ledger: what we last sent for each key of a source, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH, RAW
from syncd.core.compare import BEFORE, DETAIL_SCHEMA, ID, LEDGER_SCHEMA
from syncd.core.identity import folded, has_case
from syncd.core.undo.world import Known
from syncd.state import bulk
from syncd.state.bulk import read_columns
from syncd.state.database import Database, Part
from syncd.state.queries import THESE_KEYS

# Few contacts of many are open: without the hint SQLite would look at all contacts of the source.
_OPEN = "FROM contact INDEXED BY contact_open WHERE source = :source AND status <> 'accepted'"

# A pending contact without an id was never accepted, so the ledger has no fields of it. Its first open call may have
# overwritten a contact that was at the target already: the journal says which values that contact had.
_BEFORE_OPEN_CALLS = (
    "SELECT before FROM change WHERE change.source = contact.source AND change.key = contact.key"
    " AND outcome = 'pending' AND before IS NOT NULL ORDER BY id LIMIT 1"
)
_AT_TARGET = (
    "CASE WHEN remote_id IS NOT NULL OR status <> 'pending' THEN coalesce(returned, nullif(fields, '{}'))"
    f" ELSE ({_BEFORE_OPEN_CALLS}) END"
)
_AS_SENT = (
    "SELECT after FROM change WHERE change.source = contact.source AND change.key = contact.key"
    " AND change.outcome = 'refused' ORDER BY id DESC LIMIT 1"
)

# lower() leaves letters beyond ASCII as they are. A text with such a letter has more bytes than letters: all contacts
# with such a match value are returned, and the caller compares them.
IN_ANY_CASE = "(lower(match) IN (SELECT value FROM json_each(:values)) OR length(match) <> length(CAST(match AS BLOB)))"
"""The condition for contacts whose match value may be one of ``:values``, which are without case."""

# Stands for null, which read_columns cannot read. A digest that is 0 only makes syncd look at a row once more.
_NONE = 0
_RAW = f"CASE WHEN digest AND status = 'accepted' THEN ifnull(raw, {_NONE}) ELSE {_NONE} END"
SENT = {KEY: pl.String, ID: pl.Int64, DIGEST: pl.Int64, BEFORE: pl.String}
# What the row said last, also if the call for it was refused or its outcome is unknown.
_SAID = (
    "CASE status WHEN 'accepted' THEN fields ELSE coalesce((SELECT after FROM change WHERE change.source ="
    " contact.source AND change.key = contact.key AND outcome IN ('pending', 'refused') AND after IS NOT NULL"
    " ORDER BY id DESC LIMIT 1), fields) END"
)
# Its row says more numbers than it was sent with, if another contact has some of them.
_MEANT = (
    f"coalesce((SELECT json_patch({_SAID}, wanted.phones) FROM wanted"
    f" WHERE wanted.source = contact.source AND wanted.key = contact.key), {_SAID})"
)
ROW_DIGESTS = {KEY: pl.String, RAW: pl.Int64, MATCH: pl.String}

# The row under the new key is another row, which was never mapped. The history goes with the contact, unless the new
# key has a history of its own: an undo must not take the changes of two contacts for those of one.
_TAKEN_OVER = (
    "UPDATE contact SET key = :new, raw = NULL WHERE source = :source AND key = :old",
    """
    UPDATE change SET key = :new WHERE source = :source AND key = :old AND (outcome IN ('pending', 'moved')
        OR NOT EXISTS (SELECT 1 FROM change AS own WHERE own.source = :source AND own.key = :new))
    """,
    *(
        f"UPDATE OR REPLACE {table} SET key = :new WHERE source = :source AND key = :old"
        for table in ("undone", "outranked", "merged", "formernumber", "wanted", "leftout", "assigned")
    ),
)


# The digest of a refused contact is not that of the contact at the target, which is compared anew if its row is back.
_REFUSAL_FORGOTTEN = (
    f"DELETE FROM contact WHERE {THESE_KEYS} AND status = 'rejected' AND remote_id IS NULL",
    "UPDATE contact SET status = 'accepted', reason = NULL, raw = NULL, digest = 0 WHERE status = 'rejected' AND "
    + THESE_KEYS,
)


class Ledger(Part):
    """The contacts as syncd last sent them, by source and key. Times are Unix seconds."""

    def digests(self, source: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Return ``@key``, ``@digest``, ``@status`` (a :class:`syncd.core.change.Status`) of the source's contacts.

        ``keys``: of these alone, which are looked up one by one.
        """
        if keys is not None:
            return self._looked_up("key, digest, status", source, keys, LEDGER_SCHEMA)
        accepted = pl.lit(Status.ACCEPTED).alias("@status")
        whole = read_columns(self._database, source, ("key", "digest"), {KEY: pl.String, DIGEST: pl.Int64})
        # Nearly all contacts are accepted, so only the open contacts are asked for their status.
        opened = {KEY: pl.String, "@status": pl.String}
        open_ = self._database.frame(opened, f"SELECT key, status {_OPEN}", source=source)
        return whole.with_columns(accepted).update(open_, on=KEY) if len(open_) else whole.with_columns(accepted)

    def row_digests(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@raw``, ``@match`` of every contact of the source.

        ``@raw`` is null if the contact's row must be mapped again: the target may hold another contact than it makes.
        """
        found = read_columns(self._database, source, ("key", _RAW, "match"), ROW_DIGESTS)
        return found.with_columns(pl.when(pl.col(RAW) != _NONE).then(RAW).alias(RAW))

    def known(self, source: str) -> int:
        """Return how many contacts of the source are at the target, as far as known."""
        query = "SELECT count(*) FROM contact WHERE source = :source AND remote_id IS NOT NULL"
        return int(self._database.scalar(query, source=source))

    def matches(self, sources: Sequence[str]) -> pl.DataFrame:
        """Return ``@source``, ``@key``, ``@match`` of every contact that these sources may have at the target."""
        columns = {KEY: pl.String, MATCH: pl.String}
        condition = "(remote_id IS NOT NULL OR status = 'pending')"
        found = [pl.DataFrame(schema={"@source": pl.String, **columns})]
        for source in sources:
            frame = read_columns(self._database, source, ("key", "match"), columns, condition)
            found.append(frame.select(pl.lit(source).alias("@source"), KEY, MATCH))
        return pl.concat(found)

    def detail(self, source: str, keys: pl.Series) -> pl.DataFrame:
        """Return what the ledger says of these keys, as :data:`syncd.core.compare.DETAIL_SCHEMA` describes it."""
        columns = f"key, remote_id, status, match, {_AT_TARGET}, origin, missing_since"
        return self._looked_up(columns, source, keys, DETAIL_SCHEMA)

    def sent(self, source: str, keys: pl.Series) -> pl.DataFrame:
        """Return ``@key``, ``@id``, ``@digest`` and ``@before``, the fields that the rows said last (a JSON object)."""
        return self._looked_up(f"key, remote_id, digest, {_MEANT}", source, keys, SENT)

    def _looked_up(self, columns: str, source: str, keys: pl.Series, schema: Mapping[str, Any]) -> pl.DataFrame:
        query = f"SELECT {columns} FROM contact WHERE {THESE_KEYS}"
        pages = (keys.slice(start, bulk.PAGE).to_list() for start in range(0, len(keys), bulk.PAGE))
        found = [row for page in pages for row in self._database.rows(query, source=source, keys=page)]
        return pl.DataFrame(found, schema=dict(schema), orient="row")

    def contact(self, source: str, key: str) -> dict[str, Any] | None:
        """Return all that the ledger says of one key, or None."""
        query = (
            "SELECT status, remote_id AS id, origin, match, fields, returned, reason, missing_since,"
            " created_at AS created, updated_at AS updated FROM contact WHERE source = :source AND key = :key"
        )
        found = self._database.record(query, source=source, key=key)
        return found and {**found, **{name: json.loads(found[name] or "null") for name in ("fields", "returned")}}

    def known_now(self, source: str, keys: Collection[str]) -> dict[str, Known]:
        """Return what the ledger says of these keys, by key."""
        query = (
            "SELECT key, status, remote_id, match, coalesce(returned, fields), origin = 'created', digest FROM contact"
            f" WHERE {THESE_KEYS}"
        )
        return {
            key: Known(status, id_, match, json.loads(fields), bool(created), digest)
            for key, status, id_, match, fields, created, digest in self._database.rows(query, source=source, keys=keys)
        }

    def pending_keys(self, source: str) -> set[str]:
        """Return the keys whose last call has an unknown outcome."""
        return set(self._database.column(f"SELECT key {_OPEN} AND status = 'pending'", source=source))

    def redigest(self, source: str, same: Mapping[str, tuple[int, str]]) -> None:
        """Store digest and fields (a JSON object) of contacts that the target holds, though the ledger has others."""
        # A contact whose last call has an unknown outcome stays pending: nobody knows what the target holds.
        self._database.execute_many(
            "UPDATE contact SET digest = ?, fields = ?, status = 'accepted', reason = NULL"
            " WHERE source = ? AND key = ? AND status <> 'pending'",
            [(digest, fields, source, key) for key, (digest, fields) in same.items()],
        )

    def rematch(self, source: str, matches: Sequence[tuple[str, str]]) -> None:
        """Store other match values of contacts: pairs of key and match value."""
        self._set("match", source, matches)

    def take_over(self, source: str, names: Mapping[str, str]) -> None:
        """Give contacts, and the open calls for them, other keys: the new key by the old key."""
        values = [{"source": source, "old": old, "new": new} for old, new in names.items()]
        if values:
            with self._database.write():
                for statement in _TAKEN_OVER:
                    self._database.execute_many(statement, values)

    def link(self, source: str, rows: pl.DataFrame) -> None:
        """Store the row digests of contacts, null if the row must be mapped again: ``@key``, ``@raw``."""
        self._set("raw", source, rows.select(KEY, RAW).iter_rows())

    def _set(self, column: str, source: str, values: Iterable[tuple[Any, ...]]) -> None:
        """Store one column of contacts: pairs of key and value."""
        query = f"UPDATE contact SET {column} = ? WHERE source = ? AND key = ?"
        self._database.execute_many(query, [(value, source, key) for key, value in values])

    def see_missing(self, source: str, missing: Sequence[str], present: Sequence[str]) -> None:
        """Note since when contacts are missing from a proved read, and that others are back."""
        with self._database.write():
            now = self._database.clock()
            for keys, since in ((missing, "coalesce(missing_since, :now)"), (present, "NULL")):
                self._database.execute(
                    f"UPDATE contact SET missing_since = {since} WHERE {THESE_KEYS}", source=source, keys=keys, now=now
                )

    def missing_keys(self, source: str) -> list[str]:
        """Return the keys that were missing from an earlier read."""
        query = "SELECT key FROM contact WHERE source = :source AND missing_since IS NOT NULL"
        return self._database.column(query, source=source)

    def rejected(self, source: str) -> list[tuple[str, str]]:
        """Return the key and the target's reason of every rejected contact of the source."""
        query = f"SELECT key, coalesce(reason, '') {_OPEN} AND status = 'rejected' ORDER BY key"
        return self._database.rows(query, source=source)

    def refused(self, source: str) -> list[tuple[str, str, float, dict[str, str]]]:
        """Return every rejected contact of the source: key, the target's reason, the time, and the fields as sent."""
        query = (
            f"SELECT key, coalesce(reason, ''), updated_at, coalesce(({_AS_SENT}), '{{}}')"
            f" {_OPEN} AND status = 'rejected' ORDER BY key"
        )
        rows = self._database.rows(query, source=source)
        return [(key, reason, at, json.loads(sent)) for key, reason, at, sent in rows]

    def retry_rejected(self, source: str) -> int:
        """Let the next run read everything and send the source's rejected contacts again; return how many."""
        with self._database.write():
            again = "UPDATE contact SET digest = 0 WHERE status = 'rejected' AND source = :source"
            count = self._database.execute(again, source=source)
            if count:
                # A partial read would not show the rows of these contacts.
                self._database.execute("DELETE FROM cursor WHERE source = :source", source=source)
            return count

    def forget_refusals(self, source: str, keys: Sequence[str]) -> None:
        """Forget that the target refused these contacts; those that never came to the target leave the ledger."""
        if keys:
            with self._database.write():
                for statement in _REFUSAL_FORGOTTEN:
                    self._database.execute(statement, source=source, keys=keys)


class LedgerParts(Part):
    """A source's ledger, asked for single contacts; frames hold ``@key``, ``@raw``, ``@match``."""

    def __init__(self, database: Database, source: str) -> None:
        super().__init__(database)
        self._source = source

    def count(self) -> int:
        # The index is a fraction of the table.
        query = "SELECT count(*) FROM contact INDEXED BY contact_remote_id WHERE source = :source"
        return int(self._database.scalar(query, source=self._source))

    def with_keys(self, keys: pl.Series) -> pl.DataFrame:
        return self._found("key IN (SELECT value FROM json_each(:values))", keys)

    def with_matches(self, matches: pl.Series) -> pl.DataFrame:
        wanted = matches.drop_nulls().unique()
        # Numbers have no case. For them, IN_ANY_CASE would only add all contacts with letters beyond ASCII.
        if not has_case(wanted):
            return self._found("match IN (SELECT value FROM json_each(:values))", wanted)
        return self._found(IN_ANY_CASE, folded(wanted))

    def _found(self, condition: str, wanted: pl.Series) -> pl.DataFrame:
        if wanted.is_empty():
            return pl.DataFrame(schema=ROW_DIGESTS)
        query = f"SELECT key, nullif({_RAW}, {_NONE}), match FROM contact WHERE source = :source AND {condition}"
        return self._database.frame(ROW_DIGESTS, query, source=self._source, values=wanted.to_list())
