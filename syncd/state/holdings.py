"""What the ledger and the journal know of the target's contacts, to be compared with its list: syncd.reconcile."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

import polars as pl
from sqlalchemy import text

from syncd.core.columns import KEY, UNIT
from syncd.core.compare import ID
from syncd.core.drift import HOLDING_SCHEMA, REMAINS_SCHEMA, RETURNED
from syncd.state.bulk import read_columns
from syncd.state.database import Database
from syncd.state.entries import OURS
from syncd.state.glance import COUNTED, IDS
from syncd.state.journal import DISPLACED
from syncd.state.ledger import IN_ANY_CASE

_HELD = (
    "key",
    "coalesce(remote_id, 0)",
    "substr(status, 1, 1)",
    "match",
    "digest",
    "fields",
    "coalesce(returned, '')",
    "updated_at",
)

_REMAINS = text(
    "WITH wanted AS (SELECT value AS id FROM json_each(:ids)),"
    " last AS (SELECT wanted.id AS id, max(change.id) AS change FROM wanted JOIN change"
    " ON change.old_id = wanted.id OR change.new_id = wanted.id GROUP BY wanted.id)"
    " SELECT last.id, change.key, change.match, change.before FROM last JOIN change ON change.id = last.change"
    " WHERE change.source = :source AND change.old_id = last.id AND change.before IS NOT NULL"
    " AND change.outcome = 'accepted' AND (change.kind = 'delete' OR (change.kind = 'move' AND old_id <> new_id))"
)
"""What was done last about an id was to delete it, or to move its contact to another one."""


class Holdings:
    """Which contacts at the target the sources hold, by id and by match value."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, source: str) -> pl.DataFrame:
        """Return every contact of the source, as :data:`syncd.core.drift.HOLDING_SCHEMA` describes it."""
        found = read_columns(self._database, source, _HELD, HOLDING_SCHEMA)
        empty = pl.when(pl.col(ID) != 0).then(ID), pl.when(pl.col(RETURNED) != "").then(RETURNED)
        return found.with_columns(*empty)

    def ids(self) -> pl.Series:
        """The target's ids that contacts of any source hold, also of one that is configured no more."""
        with self._database.read() as connection:
            query = text("SELECT DISTINCT remote_id FROM contact WHERE remote_id IS NOT NULL")
            return pl.Series(ID, connection.execute(query).scalars().all(), dtype=pl.Int64)

    def by_id(self, ids: Collection[int]) -> dict[int, dict[tuple[str, str], str]]:
        """Who holds each of ``ids`` that anybody holds: (source, key), and whether as ``created`` or ``adopted``.

        Without those whom another has overwritten.
        """
        query = text(
            "SELECT remote_id, source, key, status, origin FROM contact"
            " WHERE remote_id IN (SELECT value FROM json_each(:ids)) ORDER BY status"
        )
        found: dict[int, dict[tuple[str, str], str]] = {}
        with self._database.read() as connection:
            for id_, source, key, status, origin in connection.execute(query, {"ids": json.dumps(list(ids))}):
                if status == "accepted" or id_ not in found:
                    found.setdefault(id_, {})[source, key] = origin
        return found

    def displaced(self, source: str) -> set[str]:
        """The keys of which another contact was sent in their place."""
        query = text("SELECT key FROM contact WHERE source = :source AND status <> 'accepted' AND reason = :reason")
        with self._database.read() as connection:
            return set(connection.execute(query, {"source": source, "reason": DISPLACED}).scalars())

    def unconfigured(self, configured: Iterable[str]) -> dict[str, int]:
        """How many contacts at the target are of each source that is not ``configured``, and of none that is."""
        with self._database.read() as connection:
            return dict(map(tuple, connection.exec_driver_sql(COUNTED, {"configured": json.dumps([*configured])})))

    def unconfigured_ids(self, configured: Iterable[str]) -> set[int]:
        """The target's ids of these contacts."""
        with self._database.read() as connection:
            return set(connection.exec_driver_sql(IDS, {"configured": json.dumps([*configured])}).scalars())

    def accepted_ids(self, source: str) -> set[int]:
        """The target's ids of the source's contacts that are there, as far as we know."""
        query = text("SELECT remote_id FROM contact WHERE source = :source AND status = 'accepted'")
        with self._database.read() as connection:
            return set(connection.execute(query, {"source": source}).scalars()) - {None}

    def true_ids(self, ids: Collection[int]) -> set[int]:
        """Those of ``ids`` under which the target holds what a contact of some source says."""
        if not ids:
            return set()
        query = text(
            "SELECT remote_id FROM contact WHERE status = 'accepted'"
            " AND remote_id IN (SELECT value FROM json_each(:ids))"
        )
        with self._database.read() as connection:
            return set(connection.execute(query, {"ids": json.dumps(list(ids))}).scalars())

    def ours_among(self, ids: Collection[int]) -> set[int]:
        """Those of ``ids`` that came to be by a call of ours, or that we deleted: a target may bring an id back."""
        if not ids:
            return set()
        with self._database.read() as connection:
            query = text(
                "SELECT remote_id FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids))"
                " AND origin = 'created' UNION SELECT old_id FROM change"
                f" WHERE old_id IN (SELECT value FROM json_each(:ids)) AND (outcome = 'moved' OR ({OURS}))"
            )
            return set(connection.execute(query, {"ids": json.dumps(list(ids))}).scalars())

    def known_ids(self, ids: Iterable[int]) -> set[int]:
        """Return which of these ids are of contacts in the ledger."""
        query = text("SELECT remote_id FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids))")
        with self._database.read() as connection:
            return set(connection.execute(query, {"ids": json.dumps(list(ids))}).scalars())

    def by_match(self, matches: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Return by match value, without case, the (source, key) of all that have it at the target, or may have."""
        query = text(
            f"SELECT match, source, key FROM contact WHERE {IN_ANY_CASE}"
            " AND (remote_id IS NOT NULL OR status = 'pending') ORDER BY source, key"
        )
        wanted = {match.casefold() for match in matches}
        found: dict[str, list[tuple[str, str]]] = {}
        with self._database.read() as connection:
            for match, source, key in connection.execute(query, {"values": json.dumps(list(wanted))}):
                if match.casefold() in wanted:
                    found.setdefault(match.casefold(), []).append((source, key))
        return found

    def sharing_an_id(self, source: str, keys: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return by key the (source, key) that the ledger says has the very same contact at the target."""
        query = text(
            "SELECT contact.key, other.source, other.key FROM contact JOIN contact AS other"
            " ON other.remote_id = contact.remote_id AND (other.source, other.key) <> (contact.source, contact.key)"
            " WHERE contact.source = :source AND contact.key IN (SELECT value FROM json_each(:keys))"
        )
        with self._database.read() as connection:
            rows = connection.execute(query, {"source": source, "keys": json.dumps(list(keys))}).all()
        return {key: (other, its_key) for key, other, its_key in rows}

    def remains(self, source: str, ids: Iterable[int]) -> pl.DataFrame:
        """Return which of these ids the source's contacts had before they were deleted or moved (``REMAINS_SCHEMA``).

        A key that is in the ledger again, with another id, gets the id for a further part: the two are not one contact.
        """
        known = text("SELECT key FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))")
        with self._database.read() as connection:
            values = {"source": source, "ids": json.dumps(list(ids))}
            rows = [tuple(row) for row in connection.execute(_REMAINS, values)]
            keys = json.dumps([row[1] for row in rows])
            back = set(connection.execute(known, {"source": source, "keys": keys}).scalars())
        found = pl.DataFrame(rows, schema=REMAINS_SCHEMA, orient="row")
        other = pl.format(f"{{}}{UNIT}id {{}}", KEY, ID)
        is_back = pl.col(KEY).is_in(pl.Series(list(back), dtype=pl.String).implode())
        return found.with_columns(pl.when(is_back).then(other).otherwise(pl.col(KEY)).alias(KEY))

    def note_returned(
        self, source: str, seen: Iterable[tuple[str, int, Mapping[str, str]]], *, unsure: bool = False
    ) -> int:
        """Note what the target holds of contacts (key, id, fields) now; return of how many.

        ``unsure``: also of those whose last call has an unknown outcome.
        """
        status = "('accepted', 'pending')" if unsure else "('accepted')"
        values = [(json.dumps(fields, ensure_ascii=False), source, key, id_) for key, id_, fields in seen]
        if values:
            with self._database.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE contact SET returned = ? WHERE source = ? AND key = ? AND remote_id = ?"
                    f" AND status IN {status}",
                    values,
                )
        return len(values)

    def highest_known_id(self) -> int:
        """The highest id known to be at the target before now."""
        with self._database.read() as connection:
            query = text(
                "SELECT max(coalesce((SELECT max(remote_id) FROM contact), 0),"
                " coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'target.highest_id'), 0))"
            )
            highest: int = connection.execute(query).scalar_one()
            return highest
