"""Whose calls and messages are: what was decided, and what is still to be decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.revisions import newest_revision, next_revision
from syncd.core.activity.attribution.decision import Contact, Decision, stands, without
from syncd.core.activity.observations import Kind
from syncd.core.wording import shown_key
from syncd.state.database import Database, Part

_BATCH = 1_000
"""Decisions of one transaction: a receiver waits for each."""

_COLUMNS = "kind, id, outcome, number, contacts, candidates, as_of, reason"
_PUT = f"INSERT OR REPLACE INTO attribution ({_COLUMNS}, at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_THESE = "id IN (SELECT value FROM json_each(:keys))"
# What was decided of the number that the activity has now stays, unless it turns out to be a call within the company.
_UNDECIDED = (
    "(a.outcome IS NULL OR a.outcome <> 'person' AND (a.outcome = 'unknown' OR a.number IS NOT t.remote"
    " OR (a.outcome = 'internal') IS NOT (t.direction IS 'internal')))"
)


_KINDS: tuple[Kind, ...] = ("call", "message")
# By the primary key and not by the joined text, which no index has.
_JOINED = {
    "call": "t.call_id = a.id",
    "message": (
        "(t.channel, t.message_id) = (substr(a.id, 1, instr(a.id, ':') - 1), substr(a.id, instr(a.id, ':') + 1))"
    ),
}


class Question(NamedTuple):
    """An activity whose contact is asked for. ``at``: when it was, in Unix seconds; ``number``: digits, or None.

    ``unknown``: it was asked before, with the same number, and nobody had it.
    """

    kind: Kind
    id: str
    number: str | None
    direction: str | None
    at: float
    unknown: bool


class Place(NamedTuple):
    """Where a reading of the changed activities goes on: in this revision, behind this row."""

    revision: int
    row: int = -1


class Attributions(Part):
    """The table ``attribution``. A key is a call's id, or ``channel:id`` of a message."""

    def get(self, kind: Kind, key: str) -> Decision | None:
        """Return what was decided of an activity."""
        return self.decisions(kind, [key]).get(key)

    def decided_at(self, kind: Kind, key: str) -> float | None:
        """Return when it was decided, in Unix seconds."""
        found = self._database.scalar("SELECT at FROM attribution WHERE kind = :kind AND id = :key", kind=kind, key=key)
        return None if found is None else float(found)

    def put(self, decisions: Iterable[Decision], *, again: bool = False, seen: int = -1) -> tuple[list[Decision], int]:
        """Store decisions, but for those whose place another one keeps (:func:`stands`); return which were stored.

        ``again``: a person asked to decide anew. ``seen``: everything up to this revision was looked at. The second
        value is the same, with the revisions of these changes, if nobody else made one in between.
        """
        stored: list[Decision] = []
        left = iter(decisions)
        while batch := [*islice(left, _BATCH)]:
            with self._database.write():
                new = self.new(batch, again=again)
                if new:
                    is_next = newest_revision(self._database) == seen
                    revision = next_revision(self._database)
                    self._write(new, revision)
                    seen = revision if is_next else seen
            stored += new
        return stored, seen

    def new(self, decisions: Sequence[Decision], *, again: bool = False) -> list[Decision]:
        """Return which of these decisions :meth:`put` would store."""
        known = {kind: self.decisions(kind, [each.id for each in decisions if each.kind == kind]) for kind in _KINDS}
        return [
            each
            for each in decisions
            if (before := known[each.kind].get(each.id)) is None or not stands(before, each, again=again)
        ]

    def by_hand(self, decision: Decision) -> None:
        """Store what a person decided, in place of everything."""
        with self._database.write():
            self._write([decision], next_revision(self._database))

    def without(self, contact: Contact) -> list[Decision]:
        """Return what is left of each decision that names a contact, without the contact."""
        sought = _json([contact])[1:-1]
        query = f"SELECT {_COLUMNS} FROM attribution WHERE instr(contacts, :sought) OR instr(candidates, :sought)"
        return [without(_decision(*row), contact) for row in self._database.rows(query, sought=sought)]

    def put_erased(self, decisions: Sequence[Decision]) -> None:
        """Store decisions in place of everything; what stood there is erased, also from the free pages of the file."""
        self._database.execute("PRAGMA secure_delete = ON")
        with self._database.write():
            self._write(decisions, next_revision(self._database))
        self._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write(self, decisions: Sequence[Decision], revision: int) -> None:
        now = self._database.clock()
        values = [
            (*each[:4], _json(each.contacts), _json(each.candidates), each.as_of, each.reason or None, now, revision)
            for each in decisions
        ]
        self._database.execute_many(_PUT, values)
        # Who delivers looks at the activities that have changed.
        for name, of in KINDS.items():
            if keys := [each.id for each in decisions if each.kind == name]:
                self._database.execute(
                    f"UPDATE {of.name} SET revision = :revision WHERE {of.these}", revision=revision, keys=keys
                )

    def newest(self) -> int:
        """Return the store's newest revision."""
        return newest_revision(self._database)

    def own_numbers(self, after: int, upto: int) -> set[str]:
        """Return the company's own numbers that activities of these revisions name, the first one excluded."""
        found: set[str] = set()
        for of in KINDS.values():
            sql = (
                f"SELECT DISTINCT own FROM {of.name} WHERE revision > :after AND revision <= :upto"
                " AND left_out = 0 AND own IS NOT NULL"
            )
            found.update(self._database.column(sql, after=after, upto=upto))
        return found

    def changed(self, kind: Kind, place: Place, upto: int, limit: int) -> tuple[list[Question], Place | None]:
        """Return the questions among the next activities that have changed, up to a revision; and the next place.

        The place is None behind the last activity.
        """
        of = KINDS[kind]
        sql = (
            f"SELECT {of.key}, t.remote, t.direction, coalesce(t.{of.moment}, t.first_seen),"
            f" a.outcome IS 'unknown' AND a.number IS t.remote, {_UNDECIDED}, t.revision, t.rowid FROM {of.name} AS t"
            f" INDEXED BY {of.name}_revision LEFT JOIN attribution AS a ON a.kind = '{of.name}' AND a.id = {of.key}"
            " WHERE (t.revision, t.rowid) > (:revision, :row) AND t.revision <= :upto AND t.left_out = 0"
            f" ORDER BY t.revision, t.rowid LIMIT {limit}"
        )
        rows = self._database.rows(sql, **place._asdict(), upto=upto)
        questions = [_question(kind, row, unknown=bool(row[4])) for row in rows if row[5]]
        return questions, Place(*rows[-1][6:]) if len(rows) == limit else None

    def open_numbers(self) -> list[str]:
        """Return the numbers that nobody had, each once."""
        return self._database.column("SELECT DISTINCT number FROM attribution WHERE outcome = 'unknown'")

    def open(self, numbers: Collection[str], since: float) -> Iterator[Question]:
        """Yield the activities from ``since`` (Unix seconds) on whose number is one of these, and nobody had it."""
        for kind in _KINDS:
            sql = (
                f"SELECT a.id, t.remote, t.direction, coalesce(t.{KINDS[kind].moment}, t.first_seen) AS moment"
                f" {unknown_of(kind)} AND moment >= :since AND a.number IN (SELECT value FROM json_each(:numbers))"
            )
            for row in self._database.rows(sql, numbers=numbers, since=since):
                yield _question(kind, row, unknown=True)

    def within(self, kind: Kind, first: float, last: float, limit: int) -> Iterator[list[Question]]:
        """Yield the activities from ``first`` to before ``last`` (Unix seconds), also decided ones, page by page."""
        of = KINDS[kind]
        sql = (
            f"SELECT {of.key}, remote, direction, {of.moment}, rowid FROM {of.name}"
            f" WHERE ({of.moment}, rowid) > (:after, :row) AND {of.moment} < :last AND left_out = 0"
            f" ORDER BY {of.moment}, rowid LIMIT {limit}"
        )
        after, row = first, -1
        while rows := self._database.rows(sql, after=after, row=row, last=last):
            yield [_question(kind, each) for each in rows]
            after, row = rows[-1][3:]

    def decisions(self, kind: Kind, keys: Collection[str]) -> dict[str, Decision]:
        """Return what was decided of activities, by key."""
        if not keys:
            return {}
        sql = f"SELECT {_COLUMNS} FROM attribution WHERE kind = :kind AND {_THESE}"
        return {row[1]: _decision(*row) for row in self._database.rows(sql, kind=kind, keys=keys)}


def unknown_of(kind: Kind) -> str:
    """Return the part of a statement that joins what nobody's is (``a``) with the activities (``t``) of one kind."""
    return (
        f"FROM attribution AS a INDEXED BY attribution_open JOIN {kind} AS t ON {_JOINED[kind]}"
        f" WHERE a.outcome = 'unknown' AND a.kind = '{kind}' AND t.left_out = 0"
    )


def _question(kind: Kind, row: Sequence[Any], *, unknown: bool = False) -> Question:
    key, number, direction, at = row[:4]
    return Question(kind, key, number, direction, at, unknown)


def _decision(*row: Any) -> Decision:
    kind, key, outcome, number, contacts, candidates, as_of, reason = row
    return Decision(kind, key, outcome, number, _pairs(contacts), _pairs(candidates), as_of, reason or "")


def attributed(database: Database, kind: str, keys: Collection[str]) -> Mapping[str, tuple[str, list[dict[str, Any]]]]:
    """Return outcome and contacts of activities as ``--json`` shows them, by key."""
    sql = f"SELECT id, outcome, contacts FROM attribution WHERE kind = :kind AND {_THESE}"
    return {
        key: (outcome, [{"source": source, "key": shown_key(name)} for source, name in orjson.loads(contacts)])
        for key, outcome, contacts in database.rows(sql, kind=kind, keys=keys)
    }


def forget_attributions(database: Database, kind: str, keys: Collection[str]) -> None:
    """Remove what was decided of activities; within a transaction."""
    database.execute(f"DELETE FROM attribution WHERE kind = :kind AND {_THESE}", kind=kind, keys=keys)


def _json(contacts: Sequence[Contact]) -> str:
    return orjson.dumps(contacts).decode()


def _pairs(stored: str) -> tuple[Contact, ...]:
    return tuple((source, key) for source, key in orjson.loads(stored))
