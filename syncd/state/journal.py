"""The journal: a push marks each change before it sends it, and records the outcome (:mod:`syncd.push.upserts`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from syncd.core.change import CallOutcome, CarriedOut, Change, Fields, Left
from syncd.core.ownership import OpenCall
from syncd.core.remote import differ_in_case
from syncd.state.database import Database, Part
from syncd.state.entries import DONE, OF_RUN, REFUSED, Entry, append, as_json, drafted, newest_change, overtaken
from syncd.state.facts import CASE_INSENSITIVE
from syncd.state.leaving.deletions import Rivals, deleted_meanwhile, end_deletions
from syncd.state.leaving.leftovers import leave
from syncd.state.numbers.there import DISPLACED


class Settled(NamedTuple):
    """What became of one marked upsert, whose ``entry`` :meth:`Journal.mark` returned.

    ``id`` and ``returned`` are the target's, if the change was accepted; ``returned`` is None if it equals what was
    sent. ``reason``: why the change was refused. ``adopted``: the contact was at the target before us. ``spares``: the
    contact that the key had under another id stays at the target. ``otherwise``: the kind that the change turned out to
    be, if it was planned as another kind.
    """

    entry: Entry
    outcome: CallOutcome
    id: int | None = None
    returned: Fields | None = None
    reason: str | None = None
    adopted: bool = False
    spares: bool = False
    otherwise: CarriedOut | None = None


class Journal(Part):
    """The calls that a push begins and their outcomes. Times are Unix seconds."""

    def newest_change(self) -> int:
        """The id of the journal's newest entry; 0 if there is none."""
        return newest_change(self._database)

    def mark(
        self,
        run: str,
        source: str,
        changes: list[Change],
        *,
        highest_known_id: int = 0,
        rivals: Rivals | None = None,
        origins: Sequence[str] = (),
    ) -> list[Entry]:
        """Journal upserts that are about to be sent and make their contacts ``pending``; return the journal's entries.

        If none of them is sent after all, :meth:`unmark` takes that back. Ids up to ``highest_known_id`` existed
        before. A change whose match value one of the ``rivals`` took is left out. ``origins``: the names of the origins
        of the changes' rows.
        """
        now = self._database.clock()
        drafts = drafted(source, changes, origins)
        with self._database.write():
            taken = rivals.among(self._database, [each.match for each in drafts], now) if rivals else set()
            drafts = [each for each in drafts if each.match not in taken] if taken else drafts
            entries = append(self._database, run, drafts, highest_known_id=highest_known_id, now=now)
            rest = ("pending", "created", "{}", now, now)
            contacts = [(source, each.key, each.digest, each.match, *rest) for each in entries]
            self._database.execute_in_bulk(_PENDING, contacts)
        return entries

    def unmark(self, entries: Sequence[Entry], ids: Iterable[int] = ()) -> None:
        """Take back what :meth:`mark` did, or :meth:`Deletions.begin` for ``ids``, since nothing was sent."""
        if not entries:
            return
        with self._database.write():
            for statement in _UNMARKED:
                self._database.execute_many(statement, [entry._asdict() for entry in entries])
            end_deletions(self._database, entries[0].source, ids)

    def record(self, results: Sequence[Settled]) -> frozenset[str]:
        """Record what became of marked upserts; a result whose outcome is unknown leaves its contact pending.

        Returns the keys of accepted contacts that another source may have deleted since. They stay pending too.
        """
        now = self._database.clock()
        # Nearly always the first guess holds. Its values are made before the file is locked: other processes wait.
        accepted = _accepted(_with_outcome(results, CallOutcome.ACCEPTED), now)
        with self._database.write():
            late = overtaken(self._database, [each.entry for each in results])
            results = [each for each in results if each.entry.id not in late]
            doubtful = _doubtful(self._database, results, now)
            twins = _onto_twins(self._database, accepted)
            if late or doubtful or twins:
                wrong = doubtful | twins.keys()
                sure = _with_outcome(results, CallOutcome.ACCEPTED)
                accepted = _accepted([each for each in sure if each.entry.key not in wrong], now)
            if accepted.results:
                _accept(self._database, accepted)
            if twins:
                _overwrite(self._database, _accepted(list(twins.values()), now))
            folded = [each.entry.refusal(each.reason, now) for each in _with_outcome(results, CallOutcome.CASE_TWIN)]
            folded += [each.entry.refusal(_TWIN, now) for each in twins.values()]
            for statement in (REFUSED, _NEVER_THERE, _REJECTED, _FORGOTTEN, _CASE_FOLDS):
                self._database.execute_many(statement, folded)
            refused = [each.entry.refusal(each.reason, now) for each in _with_outcome(results, CallOutcome.REFUSED)]
            for statement in (REFUSED, _REJECTED):
                self._database.execute_many(statement, refused)
        return doubtful

    def done_keys(self, run: str, source: str) -> set[str]:
        """Return the keys whose changes the run has made, or that the target refused until their contacts change."""
        query = (
            f"SELECT key FROM change WHERE {OF_RUN} AND ({DONE} OR (outcome = 'refused' AND kind <> 'delete')"
            " OR outcome IN ('left', 'not found'))"
        )
        return set(self._database.column(query, run=run, source=source))

    def open_calls(self, source: str | None = None, *, given_up: bool = False) -> list[OpenCall]:
        """Return the calls of unknown outcome and the old ids of moves; ``source`` None: of every source.

        ``given_up``: also the calls that a run gave up, and that a later run looks at once more.
        """
        found = self._database.rows(_OPEN_CALLS, source=source)
        if given_up:
            found = sorted(found + self._database.rows(_GIVEN_UP, source=source))
        return [
            # With the values of before: a call that replaces a contact also sent the fields that are not mapped.
            OpenCall(id_, key, kind, match, old, {**_fields(before), **_fields(after)}, highest, at, since)
            for id_, key, kind, match, old, before, after, highest, at, since in found
        ]


_OPEN_CALLS = (
    "SELECT id, key, kind, CASE outcome WHEN 'moved' THEN coalesce(old_match, match) ELSE match END,"
    " CASE outcome WHEN 'moved' THEN old_id END, before, after, horizon, at, NULL"
    " FROM change WHERE source = coalesce(:source, source) AND outcome IN ('pending', 'moved')"
    " AND kind <> 'delete' ORDER BY id"
)
_GIVEN_UP = (
    "SELECT change.id, change.key, kind, change.match, NULL, before, after, horizon, change.at, leftover.at"
    " FROM leftover JOIN change ON change.id = leftover.change"
    " WHERE leftover.source = coalesce(:source, leftover.source) AND change.outcome NOT IN ('pending', 'moved')"
)
_UNMARKED = (
    "DELETE FROM change WHERE id = :id",
    "DELETE FROM contact WHERE :was IS NULL AND source = :source AND key = :key",
    # A digest of 0: another call overwrote the contact in the meantime (_OVERWRITTEN_TOO), so it is not known any more.
    """
    UPDATE contact SET status = CASE WHEN :was = 'accepted' AND digest = 0 THEN 'pending' ELSE :was END
        WHERE :was IS NOT NULL AND source = :source AND key = :key
    """,
)
# A known contact keeps its digest and its fields: they say what was accepted last, whatever becomes of this call.
_PENDING = (
    "INSERT INTO contact (source, key, digest, match, status, origin, fields, created_at, updated_at) VALUES {rows}"
    " ON CONFLICT (source, key) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at"
)
_DONE = (
    "WITH done (new_id, id) AS (VALUES {rows})"
    " UPDATE change SET new_id = done.new_id, outcome = 'accepted' FROM done WHERE change.id = done.id"
)
# A contact that any key of ours created is ours for every key that comes upon it later: its origin stays "created".
_THERE = (
    "WITH there (at, id, origin, returned, digest, match, fields, raw, source, key) AS (VALUES {rows})"
    " UPDATE contact SET status = 'accepted', reason = NULL, missing_since = NULL, updated_at = there.at,"
    " origin = CASE WHEN remote_id = there.id THEN contact.origin WHEN EXISTS (SELECT 1 FROM contact AS other"
    " WHERE other.remote_id = there.id AND other.origin = 'created') THEN 'created' ELSE there.origin END,"
    " remote_id = there.id, returned = there.returned, digest = there.digest, match = there.match,"
    " fields = there.fields, raw = there.raw FROM there WHERE contact.source = there.source AND contact.key = there.key"
)
# An update that came upon another id than the contact had is a move that nobody planned: if we made the contact under
# the former id, it has to be deleted there.
_MOVED = (
    "UPDATE change SET outcome = 'moved' WHERE id = ? AND (kind = 'move' OR (kind = 'update' AND (SELECT origin"
    " FROM contact WHERE contact.source = change.source AND contact.key = change.key) = 'created'))"
)
_SPARED = "UPDATE change SET outcome = 'left' WHERE id = ?"
_OTHERWISE = "UPDATE change SET kind = ?, old_id = ?, before = ? WHERE id = ?"
_REJECTED = (
    "UPDATE contact SET status = 'rejected', reason = :reason, updated_at = :at, digest = :digest"
    " WHERE source = :source AND key = :key"
)
_NEVER_THERE = "DELETE FROM contact WHERE source = :source AND key = :key AND remote_id IS NULL"
# A digest of 0 brings the contact up again in the next run, which then knows that case makes no difference.
_FORGOTTEN = "UPDATE contact SET digest = 0 WHERE source = :source AND key = :key"
_CASE_FOLDS = f"INSERT INTO fact (name, value) VALUES ('{CASE_INSENSITIVE}', 'yes') ON CONFLICT (name) DO NOTHING"
_ELSEWHERE = (
    "remote_id IN (SELECT value FROM json_each(:ids))"
    " AND NOT (source = :source AND key IN (SELECT value FROM json_each(:keys)))"
)
_HELD_BY_OTHERS = f"SELECT remote_id, match FROM contact WHERE {_ELSEWHERE}"
# Under the id that these contacts have, the target holds another contact's values now: their own are unknown.
_OVERWRITTEN = (
    f"UPDATE contact SET status = 'pending', reason = '{DISPLACED}' WHERE status = 'accepted' AND {_ELSEWHERE}"
)
_OVERWRITTEN_TOO = f"UPDATE contact SET digest = 0, reason = '{DISPLACED}' WHERE status = 'pending' AND {_ELSEWHERE}"

_SUPERSEDED = (
    "UPDATE change SET outcome = 'superseded' WHERE outcome = 'pending' AND source = :source AND id < :first"
    " AND key IN (SELECT value FROM json_each(:keys)) AND (kind = 'delete' OR match ="
    " (SELECT match FROM contact WHERE contact.source = change.source AND contact.key = change.key))"
)
_TWIN = "shares match fields with another contact, in the target's eyes"


def _with_outcome(results: Sequence[Settled], outcome: CallOutcome) -> list[Settled]:
    return [each for each in results if each.outcome == outcome]


_LEDGERED = attrgetter("digest", "match", "after", "raw", "source", "key")  # the last columns of _THERE


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Accepted upserts and the values that are written of them.

    ``elsewhere``: those that came upon another id than they had, without ``spared``, whose former contacts stay.
    """

    results: Sequence[Settled]
    changes: Sequence[tuple[Any, ...]]
    elsewhere: Sequence[tuple[Any, ...]]
    spared: Sequence[Settled]
    contacts: Sequence[tuple[Any, ...]]
    keys: str
    ids: str

    def taking(self) -> dict[str, str]:
        """Return the values by which SQL statements find other contacts with these ids."""
        return {"source": self.results[0].entry.source, "keys": self.keys, "ids": self.ids}


def _accepted(results: Sequence[Settled], now: float) -> _Accepted:
    elsewhere = [each for each in results if each.entry.old_id not in (None, each.id)]
    return _Accepted(
        results,
        changes=[(each.id, each.entry.id) for each in results],
        elsewhere=[(each.entry.id,) for each in elsewhere if not each.spares],
        spared=[each for each in elsewhere if each.spares],
        contacts=[
            (
                now,
                each.id,
                "adopted" if each.adopted else "created",
                None if each.returned is None else as_json(each.returned),
                *_LEDGERED(each.entry),
            )
            for each in results
        ],
        keys=json.dumps([each.entry.key for each in results]),
        ids=json.dumps([each.id for each in results]),
    )


def _accept(database: Database, accepted: _Accepted) -> None:
    database.execute_in_bulk(_DONE, accepted.changes)
    if accepted.elsewhere:
        database.execute_many(_MOVED, accepted.elsewhere)
    if accepted.spared:
        database.execute_many(_SPARED, [(each.entry.id,) for each in accepted.spared])
        _note_spared(database, accepted.spared)
    if other := [each for each in accepted.results if each.otherwise]:
        database.execute_many(_OTHERWISE, [_turned_out(each) for each in other])
    database.execute_in_bulk(_THERE, accepted.contacts)
    _overwrite(database, accepted)
    first = min(each.entry.id for each in accepted.results)
    database.execute(_SUPERSEDED, first=first, **accepted.taking())


def _note_spared(database: Database, spared: Sequence[Settled]) -> None:
    """Note the contacts that moves leave at the target; before the ledger forgets their match values."""
    was = "SELECT key, match FROM contact WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
    source, keys = spared[0].entry.source, [each.entry.key for each in spared]
    matches = dict(database.rows(was, source=source, keys=keys))
    left = [(source, each.entry.key, each.entry.old_id or 0, matches.get(each.entry.key, "")) for each in spared]
    leave(database, left, Left.ADOPTED)


def _turned_out(settled: Settled) -> tuple[Any, ...]:
    kind, before = settled.otherwise or CarriedOut("create")
    there = settled.id if kind == "adopt" else None
    return kind, there, as_json(before), settled.entry.id


def _onto_twins(database: Database, accepted: _Accepted) -> dict[str, Settled]:
    """Return the moves, by key, that the target took for a contact of ours whose match value differs only in case.

    One of the two contacts is invalid from now on. Until it is known which, neither may lose the values that it had.
    """
    movers = {change for (change,) in accepted.elsewhere}
    taken = {each.id: each for each in accepted.results if each.entry.id in movers}
    held = database.rows(_HELD_BY_OTHERS, **accepted.taking()) if taken else ()
    twins = [taken[id_] for id_, match in held if id_ in taken and differ_in_case(taken[id_].entry.match, match)]
    return {each.entry.key: each for each in twins}


def _overwrite(database: Database, accepted: _Accepted) -> None:
    """Note that the values of other contacts with these ids are not at the target any more."""
    taken, taking = {each.id: each.entry.match for each in accepted.results}, accepted.taking()
    held = database.rows(_HELD_BY_OTHERS, **taking)
    if not held:
        return
    database.execute(_OVERWRITTEN_TOO, **taking)
    if database.execute(_OVERWRITTEN, **taking):
        # The rows of the overwritten contacts are as they were: only a whole read brings them up again.
        database.execute("DELETE FROM cursor")
    if any(differ_in_case(taken[id_], match) for id_, match in held):
        database.execute(_CASE_FOLDS)


def _doubtful(database: Database, results: Sequence[Settled], now: float) -> frozenset[str]:
    """Return the keys of accepted contacts that a delete of another source, sent meanwhile, may have hit."""
    entries: dict[int, list[int]] = {}
    for each in _with_outcome(results, CallOutcome.ACCEPTED):
        if each.id is not None:
            entries.setdefault(each.id, []).append(each.entry.id)
    if not entries:
        return frozenset()
    hit = deleted_meanwhile(database, results[0].entry.source, entries, now)
    return frozenset(each.entry.key for each in results if each.entry.id in hit)


def _fields(stored: str | None) -> dict[str, str]:
    fields: dict[str, str] = json.loads(stored) if stored else {}
    return fields
