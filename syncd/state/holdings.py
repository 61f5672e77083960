"""Who has which contact at the target, by the ledger and the journal: by id and by match value."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from syncd.core.change import ChangeOutcome, Fields, Status
from syncd.core.columns import KEY, UNIT
from syncd.core.company.evidence import Known
from syncd.core.company.relink import Link
from syncd.core.compare import ID
from syncd.core.drift import HOLDING_SCHEMA, REMAINS_SCHEMA, RETURNED
from syncd.core.ownership import Holder, Holding
from syncd.state.bulk import read_columns
from syncd.state.database import Part
from syncd.state.entries import OURS
from syncd.state.glance import COUNTED, IDS
from syncd.state.ledger import IN_ANY_CASE
from syncd.state.numbers.there import DISPLACED
from syncd.state.queries import THESE_KEYS

# No column is null: see read_columns.
_HELD = ("key", "coalesce(remote_id, 0)", "status", "match", "digest", "fields", "coalesce(returned, '')", "updated_at")

_AMONG = "remote_id IN (SELECT value FROM json_each(:ids))"

# The ids whose contact we deleted last, or moved to another contact: nothing happened to the id since.
_REMAINS = (
    "WITH wanted AS (SELECT value AS id FROM json_each(:ids)),"
    " last AS (SELECT wanted.id AS id, max(change.id) AS change FROM wanted JOIN change"
    " ON change.old_id = wanted.id OR change.new_id = wanted.id GROUP BY wanted.id)"
    " SELECT last.id, change.key, change.match, change.before FROM last JOIN change ON change.id = last.change"
    " WHERE change.source = :source AND change.old_id = last.id AND change.before IS NOT NULL"
    " AND change.outcome = 'accepted' AND (change.kind = 'delete' OR (change.kind = 'move' AND old_id <> new_id))"
)

# Who has these ids, and the open calls of these contacts. A move that was carried out leaves its old id for a while.
_HELD_NOW = (
    "SELECT remote_id, source, key, 'contact', status, coalesce(returned, nullif(fields, '{}')) FROM contact"
    f" WHERE {_AMONG} UNION ALL SELECT old_id, source, key, 'call', outcome, CASE kind WHEN 'move' THEN before END"
    " FROM change WHERE old_id IN (SELECT value FROM json_each(:ids)) AND outcome IN ('pending', 'moved')"
    " AND kind <> 'delete'"
)

_LINKED = (
    "UPDATE contact SET remote_id = ?, returned = ?, raw = NULL,"
    " digest = CASE WHEN ? AND status = 'accepted' THEN digest ELSE 0 END,"
    " status = CASE status WHEN 'pending' THEN 'accepted' ELSE status END, updated_at = ?"
    " WHERE source = ? AND key = ?"
)
_LET_GO = (
    # A contact that the target refused is not there, and the target may refuse it again: that stays known.
    "DELETE FROM contact WHERE remote_id IS NULL AND status <> 'rejected'",
    "UPDATE change SET outcome = 'superseded' WHERE outcome = 'pending'",
    "UPDATE change SET outcome = 'accepted' WHERE outcome = 'moved'",
    # By these, an id would count as one that syncd has deleted.
    "UPDATE change SET old_id = NULL WHERE old_id IS NOT NULL",
    *(f"DELETE FROM {table}" for table in ("deletion", "hold", "cursor", "outranked", "merged")),
    *(f"DELETE FROM fact WHERE name LIKE '{name} of %'" for name in ("first load", "fields", "field numbers")),
    "DELETE FROM fact WHERE name IN ('target.highest_id', 'target.field_names')",
)


class Holdings(Part):
    """Who holds which contact at the target. A holder is a source and a key."""

    def of(self, source: str) -> pl.DataFrame:
        """Return every contact of the source, as :data:`syncd.core.drift.HOLDING_SCHEMA` describes it."""
        found = read_columns(self._database, source, _HELD, HOLDING_SCHEMA)
        empty = pl.when(pl.col(ID) != 0).then(ID), pl.when(pl.col(RETURNED) != "").then(RETURNED)
        return found.with_columns(*empty)

    def ids(self) -> pl.Series:
        """Return the ids of the contacts of all sources, also of sources that are not configured any more."""
        query = "SELECT DISTINCT remote_id FROM contact WHERE remote_id IS NOT NULL"
        return pl.Series(ID, self._database.column(query), dtype=pl.Int64)

    def by_id(self, ids: Collection[int]) -> dict[int, dict[tuple[str, str], str]]:
        """Return the holders of each of ``ids`` that has any: (source, key), and whether ``created`` or ``adopted``."""
        query = f"SELECT remote_id, source, key, status, origin FROM contact WHERE {_AMONG} ORDER BY status"
        found: dict[int, dict[tuple[str, str], str]] = {}
        # Accepted holders come first. If there is one, the others were overwritten, and hold the id in name only.
        for id_, source, key, status, origin in self._database.rows(query, ids=ids):
            if status == Status.ACCEPTED or id_ not in found:
                found.setdefault(id_, {})[source, key] = origin
        return found

    def displaced(self, source: str) -> set[str]:
        """Return the keys whose contact at the target another contact has overwritten."""
        query = "SELECT key FROM contact WHERE source = :source AND status <> 'accepted' AND reason = :reason"
        return set(self._database.column(query, source=source, reason=DISPLACED))

    def unconfigured(self, configured: Iterable[str]) -> dict[str, int]:
        """Count the contacts of each source that is not ``configured`` and that no configured source has too."""
        return dict(self._database.rows(COUNTED, configured=[*configured]))

    def unconfigured_ids(self, configured: Iterable[str]) -> set[int]:
        """Return the ids of the contacts that :meth:`unconfigured` counts."""
        return set(self._database.column(IDS, configured=[*configured]))

    def accepted_ids(self, source: str) -> set[int]:
        """Return the ids of the source's accepted contacts."""
        query = "SELECT remote_id FROM contact WHERE source = :source AND status = 'accepted'"
        return set(self._database.column(query, source=source)) - {None}

    def true_ids(self, ids: Collection[int]) -> set[int]:
        """Return the ids that an accepted contact of any source has."""
        query = f"SELECT remote_id FROM contact WHERE {_AMONG} AND status = 'accepted'"
        return set(self._database.column(query, ids=ids))

    def ours_among(self, ids: Collection[int]) -> set[int]:
        """Return the ids that a call of ours created or deleted."""
        if not ids:  # a batch of a first load: it need not wait for the writer's transaction
            return set()
        # The deleted ids too: a target may bring a contact back under its old id.
        query = (
            f"SELECT remote_id FROM contact WHERE {_AMONG} AND origin = 'created' UNION SELECT old_id FROM change"
            f" WHERE old_id IN (SELECT value FROM json_each(:ids)) AND (outcome = 'moved' OR ({OURS}))"
        )
        return set(self._database.column(query, ids=ids))

    def held(self, ids: Collection[int]) -> dict[int, Holding]:
        """Return the contacts among ``ids`` that a key has, or that a key moved away from and that may still be there.

        Their values are known if no call but one move is open: a move leaves them as they are.
        """
        if not ids:  # nearly always: creates come upon nothing
            return {}
        holders: dict[int, set[Holder]] = {}
        accepted: dict[int, str | None] = {}
        before: dict[int, list[str | None]] = {}
        for id_, source, key, what, status, values in self._database.rows(_HELD_NOW, ids=ids):
            if what == "contact" or status == ChangeOutcome.MOVED:
                holders.setdefault(id_, set()).add((source, key))
            if what == "call":
                before.setdefault(id_, []).append(values)
            elif status == Status.ACCEPTED:
                accepted[id_] = values
        # Of several calls it is not known which came last.
        known = {id_: each[0] for id_, each in before.items() if len(each) == 1} | accepted
        return {id_: Holding(frozenset(keys), _fields(known.get(id_))) for id_, keys in holders.items()}

    def known_ids(self, ids: Iterable[int]) -> set[int]:
        """Return which of these ids are of contacts in the ledger."""
        return set(self._database.column(f"SELECT remote_id FROM contact WHERE {_AMONG}", ids=[*ids]))

    def by_match(self, matches: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Return the (source, key) of all contacts that have or may have a match value, by match value without case."""
        query = (
            f"SELECT match, source, key FROM contact WHERE {IN_ANY_CASE}"
            " AND (remote_id IS NOT NULL OR status = 'pending') ORDER BY source, key"
        )
        wanted = {match.casefold() for match in matches}
        found: dict[str, list[tuple[str, str]]] = {}
        for match, source, key in self._database.rows(query, values=wanted):
            if match.casefold() in wanted:
                found.setdefault(match.casefold(), []).append((source, key))
        return found

    def sharing_an_id(self, source: str, keys: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return by key the other (source, key) that has the same contact at the target."""
        query = (
            "SELECT contact.key, other.source, other.key FROM contact JOIN contact AS other"
            " ON other.remote_id = contact.remote_id AND (other.source, other.key) <> (contact.source, contact.key)"
            " WHERE contact.source = :source AND contact.key IN (SELECT value FROM json_each(:keys))"
        )
        rows = self._database.rows(query, source=source, keys=keys)
        return {key: (other, its_key) for key, other, its_key in rows}

    def remains(self, source: str, ids: Iterable[int]) -> pl.DataFrame:
        """Return the ids that the source's contacts had before they were deleted or moved (``REMAINS_SCHEMA``)."""
        found = self._database.frame(REMAINS_SCHEMA, _REMAINS, source=source, ids=[*ids])
        known = f"SELECT key FROM contact WHERE {THESE_KEYS}"
        back = self._database.column(known, source=source, keys=found.get_column(KEY).to_list())
        # A key may be in the ledger again, with another id. A repair deletes the old id under a key of its own, so
        # that the key's new contact is left alone.
        other = pl.format(f"{{}}{UNIT}id {{}}", KEY, ID)
        is_back = pl.col(KEY).is_in(pl.Series(back, dtype=pl.String).implode())
        return found.with_columns(pl.when(is_back).then(other).otherwise(pl.col(KEY)).alias(KEY))

    def note_returned(
        self, source: str, seen: Iterable[tuple[str, int, Mapping[str, str]]], *, unsure: bool = False
    ) -> int:
        """Note the values that the target holds now, by key and id; return how many contacts were given.

        ``unsure``: note them for pending contacts too.
        """
        status = "('accepted', 'pending')" if unsure else "('accepted')"
        values = [(json.dumps(fields, ensure_ascii=False), source, key, id_) for key, id_, fields in seen]
        self._database.execute_many(
            f"UPDATE contact SET returned = ? WHERE source = ? AND key = ? AND remote_id = ? AND status IN {status}",
            values,
        )
        return len(values)

    def highest_known_id(self) -> int:
        """Return the highest id that is known to exist at the target."""
        query = (
            "SELECT max(coalesce((SELECT max(remote_id) FROM contact), 0),"
            " coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'target.highest_id'), 0))"
        )
        return int(self._database.scalar(query))

    def known_among(self, ids: Collection[int]) -> list[Known]:
        """Return the contacts that have these ids."""
        return self._known(f"WHERE {_AMONG}", ids=ids)

    def any_with_id(self) -> bool:
        """Tell whether the ledger has a contact whose id is known."""
        return bool(self._database.rows("SELECT 1 FROM contact WHERE remote_id IS NOT NULL LIMIT 1"))

    def spread(self, count: int) -> list[Known]:
        """Return up to ``count`` contacts with an id: the newest, the oldest, and others evenly between them."""
        ends = "SELECT min(remote_id), max(remote_id) FROM contact WHERE remote_id IS NOT NULL"
        [(low, high)] = self._database.rows(ends)
        # With the index, each of these looks at one row, however many contacts there are.
        nearest = "SELECT remote_id FROM contact WHERE remote_id >= :at ORDER BY remote_id LIMIT 1"
        steps = range(count) if low is not None else ()
        ids = [self._database.scalar(nearest, at=high - (high - low) * step // (count - 1)) for step in steps]
        found = {each.id: each for each in self._known(f"WHERE {_AMONG}", ids=set(ids))}
        return [found[id_] for id_ in dict.fromkeys(ids)]

    def all_known(self) -> list[Known]:
        """Return every contact that has an id, of all sources."""
        return self._known("WHERE remote_id IS NOT NULL")

    def _known(self, condition: str, **values: Any) -> list[Known]:
        query = f"SELECT source, key, remote_id, fields, returned FROM contact {condition} ORDER BY remote_id"
        found = []
        for source, key, id_, sent, returned in self._database.rows(query, **values):
            fields = json.loads(sent)
            there = json.loads(returned) if returned else fields
            found.append(Known(source, key, id_, {name: there.get(name) or "" for name in fields}))
        return found

    def relink(self, links: Sequence[Link]) -> None:
        """Give contacts the ids that they have at the target now, and forget every contact that is not there.

        Nothing that the state knew by the ids of before is true any more: open calls, deletes and held lists end.
        """
        now = self._database.clock()
        values = [
            (each.id, json.dumps(each.returned, ensure_ascii=False), each.same, now, each.source, each.key)
            for each in links
        ]
        with self._database.write():
            self._database.execute("UPDATE contact SET remote_id = NULL")
            self._database.execute_many(_LINKED, values)
            for statement in _LET_GO:
                self._database.execute(statement)


def _fields(stored: str | None) -> Fields | None:
    return None if stored is None else json.loads(stored)
