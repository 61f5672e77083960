"""The journal: a push marks each change before it sends it, and records the outcome (:mod:`syncd.push.upserts`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from syncd.state.bulk import in_bulk
from syncd.state.database import Database
from syncd.state.deletions import Rivals, deleted_meanwhile, end_deletions
from syncd.state.entries import DONE, OF_RUN, REFUSED, append, as_json, drafted, newest_change, overtaken
from syncd.state.facts import CASE_INSENSITIVE


class Settled(NamedTuple):
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

    With ``id``: the id a moved contact had, and in ``match`` what it had there. Without: a call of unknown outcome,
    marked at ``at``, may have made a contact with ``match`` and no other ``fields`` than these; ids above ``horizon``
    were not there before it.
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
    """The calls that a push begins and their outcomes. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_change(self) -> int:
        """The id of the journal's newest entry; 0 if there is none."""
        with self._database.read() as connection:
            return newest_change(connection)

    def mark(
        self,
        run: str,
        source: str,
        changes: Sequence[Mapping[str, Any]],
        *,
        horizon: int = 0,
        rivals: Rivals | None = None,
    ) -> list[dict[str, Any]]:
        """Journal upserts that are about to be sent and make their contacts ``pending``; return the journal's entries.

        Should none of them be sent after all, :meth:`unmark` takes it back.

        Each change holds ``@kind``, ``@key``, ``@id``, ``@match``, ``@digest``, ``before``, ``after`` and, where its
        row needs no second look once it is accepted, ``@raw``. Ids up to ``horizon`` were at the target before. A
        change whose match value one of the ``rivals`` took is left out.
        """
        now = self._database.clock()
        journal = drafted(source, changes)
        with self._database.write() as connection:
            taken = rivals.among(connection, [each["match"] for each in journal], now) if rivals else set()
            journal = [each for each in journal if each["match"] not in taken] if taken else journal
            if not journal:
                return []
            append(connection, run, journal, horizon=horizon, now=now)
            rest = ("pending", "created", "{}", now, now)
            values = [(source, each["key"], each["digest"], each["match"], *rest) for each in journal]
            in_bulk(connection, _PENDING, values)
        return journal

    def unmark(self, entries: Sequence[Mapping[str, Any]], ids: Iterable[int] = ()) -> None:
        """Take back what :meth:`mark` or :meth:`Claims.begin_deletes` did (of ``ids``), where nothing was sent."""
        values = [dict(entry) for entry in entries]
        with self._database.write() as connection:
            for statement in _UNMARKED if values else ():
                connection.execute(statement, values)
            if values:
                end_deletions(connection, values[0]["source"], ids)

    def record(self, results: Sequence[Settled]) -> frozenset[str]:
        """Record what became of marked upserts; a result whose outcome is unknown leaves its contact pending.

        Returns the keys of contacts that were accepted, and that another source may have deleted since: they stay
        pending too.
        """
        now = self._database.clock()
        accepted = _accepted((each for each in results if each.outcome == "accepted"), now)
        with self._database.write() as connection:
            late = overtaken(connection, [each.entry for each in results])
            results = [each for each in results if each.entry["id"] not in late]
            doubtful = _doubtful(connection, results, now)
            twins = _onto_twins(connection, accepted)
            if late or doubtful or twins:
                wrong = doubtful | twins.keys()
                sure = [each for each in results if each.outcome == "accepted" and each.entry["key"] not in wrong]
                accepted = _accepted(sure, now)
            refused = [each for each in results if each.outcome == "refused"]
            folded = [{**each.entry, "reason": each.reason, "at": now} for each in results if each.outcome == "folded"]
            folded += [{**each.entry, "reason": _TWIN, "at": now} for each in twins.values()]
            if accepted.results:
                _accept(connection, accepted)
            if twins:
                _overwrite(connection, _accepted(twins.values(), now))
            for statement in (REFUSED, _NEVER_THERE, _REJECTED, _FORGOTTEN, _CASE_FOLDS) if folded else ():
                connection.execute(statement, folded)
            for each in refused:
                values = {**each.entry, "reason": each.reason, "at": now}
                connection.execute(REFUSED, values)
                connection.execute(_REJECTED, values)
        return doubtful

    def done_keys(self, run: str, source: str) -> set[str]:
        """Keys that the run need not look at again: what it was to do is done, or refused for as long as they stay."""
        query = text(
            f"SELECT key FROM change WHERE {OF_RUN} AND ({DONE} OR (outcome = 'refused' AND kind <> 'delete'))"
        )
        with self._database.read() as connection:
            return set(connection.execute(query, {"run": run, "source": source}).scalars())

    def open_calls(self, source: str | None = None) -> list[Leftover]:
        """Return what earlier changes (of every source: None) may have left behind.

        These are old ids of moves, and calls of unknown outcome.
        """
        query = text(
            "SELECT id, key, kind, CASE outcome WHEN 'moved' THEN coalesce(old_match, match) ELSE match END,"
            " CASE outcome WHEN 'moved' THEN old_id END, before, after, horizon, at"
            " FROM change WHERE source = coalesce(:source, source) AND outcome IN ('pending', 'moved')"
            " AND kind <> 'delete' ORDER BY id"
        )
        with self._database.read() as connection:
            rows = connection.execute(query, {"source": source}).all()
        return [
            Leftover(id_, key, kind, match, old, {**_fields(before), **_fields(after)}, horizon, at)
            for id_, key, kind, match, old, before, after, horizon, at in rows
        ]


_UNMARKED = (
    text("DELETE FROM change WHERE id = :id"),
    text("DELETE FROM contact WHERE :was IS NULL AND source = :source AND key = :key"),
    text(
        "UPDATE contact SET status = CASE WHEN :was = 'accepted' AND digest = 0 THEN 'pending' ELSE :was END"
        " WHERE :was IS NOT NULL AND source = :source AND key = :key"
    ),
)
"""A contact that another call overwrote in the meantime (see _OVERWRITTEN_TOO) is not known any more."""
_PENDING = (
    "INSERT INTO contact (source, key, digest, match, status, origin, fields, created_at, updated_at) VALUES {rows}"
    " ON CONFLICT (source, key) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at"
)
_DONE = (
    "WITH done (new_id, id) AS (VALUES {rows})"
    " UPDATE change SET new_id = done.new_id, outcome = 'accepted' FROM done WHERE change.id = done.id"
)
_THERE = (
    "WITH there (at, id, origin, returned, digest, match, fields, raw, source, key) AS (VALUES {rows})"
    " UPDATE contact SET status = 'accepted', reason = NULL, missing_since = NULL, updated_at = there.at,"
    " origin = CASE WHEN remote_id = there.id THEN contact.origin WHEN EXISTS (SELECT 1 FROM contact AS other"
    " WHERE other.remote_id = there.id AND other.origin = 'created') THEN 'created' ELSE there.origin END,"
    " remote_id = there.id, returned = there.returned, digest = there.digest, match = there.match,"
    " fields = there.fields, raw = there.raw FROM there WHERE contact.source = there.source AND contact.key = there.key"
)
_MOVED = (
    "UPDATE change SET outcome = 'moved' WHERE id = ? AND (kind = 'move' OR (kind = 'update' AND (SELECT origin"
    " FROM contact WHERE contact.source = change.source AND contact.key = change.key) = 'created'))"
)
_REJECTED = text(
    "UPDATE contact SET status = 'rejected', reason = :reason, updated_at = :at, digest = :digest"
    " WHERE source = :source AND key = :key"
)
_NEVER_THERE = text("DELETE FROM contact WHERE source = :source AND key = :key AND remote_id IS NULL")
_FORGOTTEN = text("UPDATE contact SET digest = 0 WHERE source = :source AND key = :key")
_CASE_FOLDS = text(f"INSERT INTO fact (name, value) VALUES ('{CASE_INSENSITIVE}', 'yes') ON CONFLICT (name) DO NOTHING")
_ELSEWHERE = (
    "remote_id IN (SELECT value FROM json_each(:ids))"
    " AND NOT (source = :source AND key IN (SELECT value FROM json_each(:keys)))"
)
_HELD_BY_OTHERS = text(f"SELECT remote_id, match FROM contact WHERE {_ELSEWHERE}")
DISPLACED = "another contact was sent in its place"
_OVERWRITTEN = text(
    f"UPDATE contact SET status = 'pending', reason = '{DISPLACED}' WHERE status = 'accepted' AND {_ELSEWHERE}"
    " RETURNING remote_id"
)
"""Another contact's values are at the target now under the id that these hold: what they say there is unknown."""
_OVERWRITTEN_TOO = text(
    f"UPDATE contact SET digest = 0, reason = '{DISPLACED}' WHERE status = 'pending' AND {_ELSEWHERE}"
)


_TWIN = "shares match fields with another contact, in the target's eyes"


def _onto_twins(connection: Connection, accepted: _Accepted) -> dict[str, Settled]:
    """Those moved ones, by key, that the target took for a contact of ours whose match value differs only in case.

    One of both is invalid from now on: until it is known which, none may lose what it had.
    """
    movers = {change for (change,) in accepted.elsewhere}
    taken = {each.id: each for each in accepted.results if each.entry["id"] in movers}
    held = connection.execute(_HELD_BY_OTHERS, accepted.taking()).all() if taken else ()
    twins = [taken[id_] for id_, match in held if id_ in taken and _differ_in_case(taken[id_].entry["match"], match)]
    return {each.entry["key"]: each for each in twins}


def _overwrite(connection: Connection, accepted: _Accepted) -> None:
    """Note that what other contacts had under these ids is not there any more."""
    taken, taking = {each.id: each.entry["match"] for each in accepted.results}, accepted.taking()
    held = connection.execute(_HELD_BY_OTHERS, taking).all()
    if not held:
        return
    connection.execute(_OVERWRITTEN_TOO, taking)
    if connection.execute(_OVERWRITTEN, taking).all():
        connection.execute(text("DELETE FROM cursor"))
    if any(_differ_in_case(taken[id_], match) for id_, match in held):
        connection.execute(_CASE_FOLDS)


def _differ_in_case(one: str, other: str) -> bool:
    return one != other and one.casefold() == other.casefold()


def _doubtful(connection: Connection, results: Sequence[Settled], now: float) -> frozenset[str]:
    """Return the keys of accepted contacts that a delete of another source, under way beside them, may have hit."""
    entries: dict[int, list[int]] = {}
    for each in results:
        if each.outcome == "accepted" and each.id is not None:
            entries.setdefault(each.id, []).append(each.entry["id"])
    if not entries:
        return frozenset()
    hit = deleted_meanwhile(connection, results[0].entry["source"], entries, now)
    return frozenset(each.entry["key"] for each in results if each.entry["id"] in hit)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Accepted upserts, and what is written of them: made before the file is locked, since others wait for it."""

    results: Sequence[Settled]
    changes: Sequence[tuple[Any, ...]]
    elsewhere: Sequence[tuple[Any, ...]]
    contacts: Sequence[tuple[Any, ...]]
    keys: str
    ids: str

    def taking(self) -> dict[str, str]:
        """What tells the contacts that others have under these ids."""
        return {"source": self.results[0].entry["source"], "keys": self.keys, "ids": self.ids}


def _accepted(results: Iterable[Settled], now: float) -> _Accepted:
    results = list(results)
    return _Accepted(
        results,
        changes=[(each.id, each.entry["id"]) for each in results],
        elsewhere=[(each.entry["id"],) for each in results if each.entry["old_id"] not in (None, each.id)],
        contacts=[
            (
                now,
                each.id,
                "adopted" if each.adopted else "created",
                None if each.returned is None else as_json(each.returned),
                *map(each.entry.__getitem__, ("digest", "match", "after", "raw", "source", "key")),
            )
            for each in results
        ],
        keys=json.dumps([each.entry["key"] for each in results]),
        ids=json.dumps([each.id for each in results]),
    )


def _accept(connection: Connection, accepted: _Accepted) -> None:
    in_bulk(connection, _DONE, accepted.changes)
    if accepted.elsewhere:
        connection.exec_driver_sql(_MOVED, accepted.elsewhere)
    in_bulk(connection, _THERE, accepted.contacts)
    _overwrite(connection, accepted)
    connection.execute(
        text(
            "UPDATE change SET outcome = 'superseded' WHERE outcome = 'pending' AND source = :source AND id < :first"
            " AND key IN (SELECT value FROM json_each(:keys)) AND (kind = 'delete' OR match ="
            " (SELECT match FROM contact WHERE contact.source = change.source AND contact.key = change.key))"
        ),
        {
            "source": accepted.results[0].entry["source"],
            "first": min(each.entry["id"] for each in accepted.results),
            "keys": accepted.keys,
        },
    )


def _fields(stored: str | None) -> dict[str, str]:
    fields: dict[str, str] = json.loads(stored) if stored else {}
    return fields
