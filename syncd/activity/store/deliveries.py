"""The table ``delivery``: what each sink was sent of each activity, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from syncd.activity.store.kinds import KINDS
from syncd.core.activity.delivering.plan import APPROVED, LEAD, PASSED, UNDONE, Before, lead_name
from syncd.core.activity.delivering.settled import Settled
from syncd.state.database import Part

PAGE = 1_000
"""Rows of one transaction, in which the receiver waits."""

_THESE = "(SELECT value FROM json_each(:keys))"
_HELD = "sink = :sink AND status <> 'accepted' AND (status = 'held' OR status = 'undone' AND created IS NULL)"
_NEVER = 1e18
"""In place of when a delivery is tried again."""
_KEY = "ON CONFLICT (sink, kind, id) DO UPDATE SET"

# What was accepted before stays beside what is tried now, until it is known which of both the sink has.
_MARK = (
    "INSERT INTO delivery (sink, kind, id, status, digest, fields, tried, parts, attempts, next_try, reason, run, day,"
    " at) VALUES (?, ?, ?, 'pending', 0, '{}', ?, '[]', 1, ?, ?, ?, ?, ?)"
    f" {_KEY} status = 'pending', tried = excluded.tried, attempts = attempts + 1, next_try = excluded.next_try,"
    " run = excluded.run, day = excluded.day, at = excluded.at"
)
# What was erased meanwhile stays so; only what finds its record at the sink is noted.
_RECORD = (
    "UPDATE delivery SET status = ?, digest = ?, fields = ?, tried = ?, remote_id = ?, parts = ?, attempts = ?,"
    " next_try = ?, reason = ?, created = ? WHERE sink = ? AND kind = ? AND id = ? AND status <> 'erased'"
)
_ERASED = (
    "UPDATE delivery SET remote_id = coalesce(?, remote_id), attempts = ?"
    " WHERE sink = ? AND kind = ? AND id = ? AND status = 'erased'"
)
_NOTE = (
    "INSERT INTO delivery (sink, kind, id, status, digest, fields, parts, attempts, next_try, reason, day, at)"
    f" VALUES (?, ?, ?, ?, 0, '{{}}', '[]', 0, ?, ?, ?, ?) {_KEY} status = excluded.status,"
    " next_try = excluded.next_try, reason = excluded.reason, day = coalesce(day, excluded.day), at = excluded.at"
)

_SEEK = (
    "INSERT INTO delivery (sink, kind, id, status, digest, fields, parts, attempts, next_try, day, at)"
    " VALUES (?, ?, ?, 'waiting', 0, '{}', '[]', 1, 0, ?, ?) ON CONFLICT (sink, kind, id) DO NOTHING"
)

_UNDONE = (
    "UPDATE delivery SET status = 'undone', digest = 0, fields = '{}', tried = NULL, remote_id = NULL, parts = '[]',"
    " attempts = 0, next_try = 0, reason = NULL, created = NULL WHERE sink = ? AND kind = ? AND id = ?"
)
_NOT_UNDONE = "UPDATE delivery SET status = 'accepted' WHERE sink = ? AND kind = ? AND id = ?"


class Noted(NamedTuple):
    """A delivery as it is noted.

    ``fields``, ``tried``: JSON. ``created``: the run that made the record; ``run``: the run that wrote it last.
    """

    before: Before
    fields: str
    tried: str | None
    created: str | None
    run: str | None
    day: str | None
    at: float


class Marked(NamedTuple):
    """A delivery that is about to be sent.

    ``tried``: its fields, JSON; None if they are not sent. ``parts``: the keys of the messages of a conversation.
    """

    kind: str
    key: str
    tried: str | None
    next_try: float
    reason: str | None
    day: str
    parts: tuple[str, ...] = ()


class Deliveries(Part):
    """Times are Unix seconds; a *key* is a call's id, or ``channel:id`` of a message or a conversation."""

    def of(self, sink: str, kind: str, keys: Sequence[str]) -> dict[str, Noted]:
        """Return the deliveries of activities to a sink, by key."""
        sql = (
            "SELECT id, status, digest, remote_id, parts, attempts, next_try, reason, created, fields, tried, run, day,"
            f" at FROM delivery WHERE sink = :sink AND kind = :kind AND id IN {_THESE}"
        )
        return {row[0]: _noted(row[1:]) for row in self._database.rows(sql, sink=sink, kind=kind, keys=list(keys))}

    def due(self, sink: str, kind: str, now: float, *, eager: bool, gates: Sequence[str]) -> Iterator[list[str]]:
        """Yield the keys of what is to be looked at at ``now`` although nothing new is known of it, page by page.

        That is what waited until now, what was sent with an unknown outcome, and what these ``gates`` hold. ``eager``:
        an unknown outcome does not wait for its next try.
        """
        sql = (
            "SELECT id FROM delivery WHERE sink = :sink AND kind = :kind AND id > :last AND ("
            "status = 'waiting' AND next_try <= :now OR status = 'pending' AND (next_try <= :now OR :eager)"
            f" OR status = 'held' AND reason IN (SELECT value FROM json_each(:gates))) ORDER BY id LIMIT {PAGE}"
        )
        last, values = "", {"sink": sink, "kind": kind, "now": now, "eager": eager, "gates": list(gates)}
        while page := self._database.column(sql, last=last, **values):
            yield page
            last = page[-1]

    def set_back(self, sink: str) -> None:
        """Let what was sent at a time that is still to come count as sent now: the clock was set back since."""
        now = self._database.clock()
        future = "sink = :sink AND status <> 'accepted' AND status = 'pending' AND at > :now"
        if self._database.scalar(f"SELECT EXISTS (SELECT 1 FROM delivery WHERE {future})", sink=sink, now=now):
            sql = f"UPDATE delivery SET next_try = next_try - (at - :now), at = :now WHERE {future}"
            self._database.execute(sql, sink=sink, now=now)

    def in_doubt(self, sink: str, kind: str, now: float, size: int) -> Iterator[list[str]]:
        """Yield the keys of creates of unknown outcome whose next look is due at ``now``."""
        sql = (
            "SELECT id FROM delivery WHERE sink = :sink AND kind = :kind AND status = 'pending' AND created IS NULL"
            " AND next_try <= :now AND id > :last ORDER BY id LIMIT :size"
        )
        last = ""
        while page := self._database.column(sql, sink=sink, kind=kind, now=now, last=last, size=size):
            yield page
            last = page[-1]

    def turn(
        self, sink: str, run: str, marked: Sequence[Marked], settled: Sequence[tuple[str, str, Settled]] = ()
    ) -> frozenset[tuple[str, str]]:
        """Note what became of one batch, and that the next one is about to be sent: one commit.

        ``settled``: kind, key and what is noted. Return the kind and the key of what was erased or removed since it was
        read: it is not marked, and must not be sent.
        """
        now = self._database.clock()
        with self._database.write():
            self._database.execute_many(_RECORD, [_columns(sink, *each) for each in settled])
            if settled and self._database.scalar(_ANY_ERASED, sink=sink):
                known = [(each.remote_id, _made(each), sink, kind, key) for kind, key, each in settled]
                self._database.execute_many(_ERASED, known)
            gone = self._gone(marked)
            self._database.execute_many(
                _MARK,
                [
                    (sink, *each[:2], each.tried, each.next_try, each.reason, run, each.day, now)
                    for each in marked
                    if each[:2] not in gone
                ],
            )
        return gone

    def _gone(self, marked: Sequence[Marked]) -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for name, of in KINDS.items():
            # A conversation is gone as it was read once one of its messages is.
            owners: dict[str, list[str]] = {}
            for each in marked:
                for key in (each.parts or (each.key,)) if each.kind == name else ():
                    owners.setdefault(key, []).append(each.key)
            if owners:
                sql = f"SELECT {of.key} FROM {of.name} WHERE {of.these} AND left_out <> 0"
                keys = self._database.column(sql, keys=list(owners))
                found.update((name, owner) for key in keys for owner in owners[key])
        return frozenset(found)

    def note(self, sink: str, status: str, rows: Sequence[tuple[str, str, float, str | None, str | None]]) -> None:
        """Note that deliveries are ``waiting`` or ``held``: kind, key, when they are due, the reason, and the day."""
        now = self._database.clock()
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            values = [(sink, kind, key, status, due, reason, day, now) for kind, key, due, reason, day in page]
            self._database.execute_many(_NOTE, values)

    def seek(self, sink: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Note of what is not noted yet that it may be there: kind, key and day."""
        now = self._database.clock()
        self._database.execute_many(_SEEK, [(sink, *each, now) for each in rows])

    def doubt_passed(self, sink: str, reason: str | None) -> None:
        """Note another reason of all that a person let pass and that was not sent, as far as is known here."""
        sql = (
            "UPDATE delivery SET reason = :reason WHERE sink = :sink AND status = 'waiting'"
            " AND reason IN (SELECT value FROM json_each(:passed))"
        )
        self._database.execute(sql, sink=sink, reason=reason, passed=list(APPROVED))

    def restore(self, sink: str, kind: str, keys: Sequence[str]) -> None:
        """Note of records that nothing is to be done about them any more."""
        sql = (
            "UPDATE delivery SET status = 'accepted', tried = NULL, attempts = 0, next_try = 0, reason = NULL"
            f" WHERE sink = :sink AND kind = :kind AND created IS NOT NULL AND id IN {_THESE}"
        )
        self._database.execute(sql, sink=sink, kind=kind, keys=list(keys))

    def rest(self, sink: str, kind: str, keys: Sequence[str]) -> None:
        """Note of deliveries of unknown outcome that they are never due again."""
        sql = f"UPDATE delivery SET next_try = {_NEVER} WHERE sink = :sink AND kind = :kind AND id IN {_THESE}"
        self._database.execute(sql, sink=sink, kind=kind, keys=list(keys))

    def forget(self, sink: str, kind: str, keys: Sequence[str]) -> None:
        """Forget deliveries of which no record was made."""
        sql = f"DELETE FROM delivery WHERE sink = :sink AND kind = :kind AND created IS NULL AND id IN {_THESE}"
        self._database.execute(sql, sink=sink, kind=kind, keys=list(keys))

    def keys_of_day(self, sink: str, kind: str, day: str) -> list[str]:
        """Return the keys of the records that a sink has of a UTC day."""
        sql = (
            "SELECT id FROM delivery WHERE sink = :sink AND kind = :kind AND day = :day AND created IS NOT NULL"
            " AND status NOT IN ('undone', 'erased')"
        )
        return self._database.column(sql, sink=sink, kind=kind, day=day)

    def days_of(self, sink: str, kind: str, keys: Sequence[str]) -> list[str]:
        """Return the days in which a sink has records of these activities."""
        sql = (
            "SELECT DISTINCT day FROM delivery WHERE sink = :sink AND kind = :kind AND created IS NOT NULL"
            f" AND id IN {_THESE} ORDER BY day"
        )
        return self._database.column(sql, sink=sink, kind=kind, keys=list(keys))

    def held(self, sink: str) -> dict[str, list[str]]:
        """Return what each gate holds: the identities, by gate; numbers as :func:`lead_name` names them."""
        sql = (
            f"SELECT iif(status = 'undone', '{UNDONE}', coalesce(reason, '')), kind, id FROM delivery"
            f" WHERE {_HELD} ORDER BY kind, id"
        )
        found: dict[str, list[str]] = {}
        for gate, kind, key in self._database.rows(sql, sink=sink):
            found.setdefault(gate, []).append(lead_name(key) if kind == LEAD else f"{kind}:{key}")
        return found

    def held_count(self, sink: str) -> int:
        """Return how much all gates hold."""
        return int(self._database.scalar(f"SELECT count(*) FROM delivery WHERE {_HELD}", sink=sink))

    def release(self, sink: str, gate: str, reason: str = PASSED) -> int:
        """Let go on what a gate holds; return how many that are."""
        sql = (
            "UPDATE delivery SET status = 'waiting', next_try = 0, attempts = 0, reason = :reason"
            " WHERE sink = :sink AND (status = 'held' AND reason = :gate"
            f" OR :gate = '{UNDONE}' AND status = 'undone' AND created IS NULL)"
        )
        return self._database.execute(sql, sink=sink, gate=gate, reason=reason)

    def awaited(self, sinks: Sequence[str]) -> frozenset[str]:
        """Return the owners (``call:ID``, ``message:CHANNEL:ID``) that one of the sinks has still to get."""
        sql = (
            "SELECT kind || ':' || id FROM delivery WHERE sink IN (SELECT value FROM json_each(:sinks))"
            f" AND status IN ('pending', 'waiting', 'held') AND status <> 'accepted' AND next_try < {_NEVER}"
        )
        return frozenset(self._database.column(sql, sinks=list(sinks)))

    def made_by(self, sink: str, run: str) -> Iterator[list[tuple[str, str, str | None]]]:
        """Yield the records that a run made and that are still there: kind, key, and the record's id, page by page."""
        sql = (
            "SELECT kind, id, remote_id FROM delivery WHERE sink = :sink AND created = :run AND kind <> 'lead'"
            f" AND status <> 'erased' AND (kind, id) > (:kind, :last) ORDER BY kind, id LIMIT {PAGE}"
        )
        kind, last = "", ""
        while page := self._database.rows(sql, sink=sink, run=run, kind=kind, last=last):
            yield page
            kind, last, _ = page[-1]

    def begin_undo(self, sink: str, keys: Sequence[tuple[str, str]]) -> None:
        """Note that records are about to be removed: nothing is written to them meanwhile."""
        sql = "UPDATE delivery SET status = 'undone' WHERE sink = ? AND kind = ? AND id = ?"
        self._database.execute_many(sql, [(sink, *each) for each in keys])

    def end_undo(self, sink: str, gone: Sequence[tuple[str, str]], left: Sequence[tuple[str, str]]) -> None:
        """Note which records are gone, and which could not be removed. Each is a kind and a key."""
        with self._database.write():
            self._database.execute_many(_UNDONE, [(sink, *each) for each in gone])
            self._database.execute_many(_NOT_UNDONE, [(sink, *each) for each in left])

    def counts(self, sink: str, *, is_open: bool = False) -> dict[str, int]:
        """Return how many deliveries are in each status; ``is_open``: but accepted, which takes no time."""
        those = "sink = :sink AND kind <> 'lead'" + " AND status <> 'accepted'" * is_open
        return dict(
            self._database.rows(f"SELECT status, count(*) FROM delivery WHERE {those} GROUP BY status", sink=sink)
        )

    def is_untried(self, sink: str) -> bool:
        """Return whether the sink has no record and never had one, nor may have one, as far as is known here."""
        sql = (
            "SELECT 1 FROM delivery WHERE sink = :sink AND kind <> 'lead' AND (created IS NOT NULL OR attempts > 0"
            " OR status IN ('pending', 'undone', 'erased')) LIMIT 1"
        )
        return not self._database.rows(sql, sink=sink)

    def is_blank(self, sink: str) -> bool:
        """Return whether nothing at all is noted of the sink."""
        return not self._database.rows("SELECT 1 FROM delivery WHERE sink = :sink LIMIT 1", sink=sink)

    def records(self, sink: str) -> int:
        """Return how many records a sink has, as far as is known here."""
        sql = "SELECT count(*) FROM delivery WHERE sink = :sink AND created IS NOT NULL AND kind <> 'lead'"
        return int(self._database.scalar(sql, sink=sink))

    def next_due(self, sink: str) -> float | None:
        """Return when the next delivery is due that waits, or is tried again; None if there is none."""
        sql = (
            "SELECT min(next_try) FROM delivery WHERE sink = :sink AND status IN ('waiting', 'pending')"
            f" AND status <> 'accepted' AND next_try < {_NEVER}"
        )
        found: float | None = self._database.scalar(sql, sink=sink)
        return found


_ANY_ERASED = "SELECT EXISTS (SELECT 1 FROM delivery WHERE sink = :sink AND status <> 'accepted' AND status = 'erased')"


def _made(each: Settled) -> int:
    """Return the attempts to note of what was erased meanwhile: 0 only if there is no record of it."""
    return max(each.attempts, each.status == "accepted")


def _noted(row: Sequence[Any]) -> Noted:
    status, digest, remote_id, parts, attempts, next_try, reason, created, fields, tried, run, day, at = row
    known = tuple(orjson.loads(parts)) if parts != "[]" else ()
    before = Before(
        status, digest, remote_id, known, attempts, next_try, reason, created is not None, tried is not None
    )
    return Noted(before, fields, tried, created, run, day, at)


def _columns(sink: str, kind: str, key: str, each: Settled) -> tuple[Any, ...]:
    return (
        each.status,
        each.digest,
        orjson.dumps(each.fields).decode(),
        None if each.tried is None else orjson.dumps(each.tried).decode(),
        each.remote_id,
        orjson.dumps(each.parts).decode() if each.parts else "[]",
        each.attempts,
        each.next_try,
        each.reason,
        each.created,
        sink,
        kind,
        key,
    )
