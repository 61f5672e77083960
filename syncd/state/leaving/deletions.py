"""Decides who has a claim on a contact at the target, in the same transaction that begins a call.

Sources run at the same time, each in its own process, and may come to the same contact. A call that makes or changes a
contact and a call that deletes it must not be sent at the same time: the call that is marked first goes on, and the
other call waits for a later run. If the target takes two match values for one, only the id in the answer shows that two
calls came to the same contact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.change import Change, ChangeOutcome, Left
from syncd.core.ownership import Sighting
from syncd.state.database import Database, Part
from syncd.state.entries import REFUSED, Entry, append, drafted, newest_change, overtaken
from syncd.state.glance import NAMED
from syncd.state.leaving.leftovers import give_up, give_up_recent, leave

_GIVEN_UP = 900.0
"""Seconds after which no call can be in flight any more, whatever became of its process."""

_FORGOTTEN_AFTER = 86_400.0  # seconds after its begin that a delete is remembered for: longer than any call

Claims = tuple[dict[int, set[str]], set[str]]
"""The sources whose contacts have which ids, and the match values that a pending contact may have."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Deletes that were marked together. ``entries``: of contacts whose ids may be deleted now.

    ``without_call``: keys that left the ledger without a call, and what became of their contacts: handed over, left or
    not found. ``waiting``: keys that stay in the ledger, since a call in flight may claim their contact.
    """

    entries: tuple[Entry, ...]
    without_call: Mapping[str, ChangeOutcome]
    waiting: frozenset[str]


class Rivals:
    """The match values that other sources' calls took since a run was planned, which the plan cannot know.

    ``since`` is the newest change that the plan did know (:meth:`Journal.newest_change`).
    """

    def __init__(self, source: str, since: int) -> None:
        self._source = source
        self._since = since
        self._taken: set[str] = set()

    def among(self, database: Database, matches: Iterable[str], now: float) -> set[str]:
        """Return the match values that another source took since, or has a call in flight for."""
        new = database.column(_SINCE, source=self._source, since=self._since)
        self._since = newest_change(database)
        # The target may take match values for equal whose case differs. A call too many waits for the next run only.
        self._taken.update(match.lower() for match in new)
        in_flight = database.column(_IN_FLIGHT, source=self._source, now=now)
        taken = self._taken.union(match.lower() for match in in_flight)
        return {match for match in matches if match.lower() in taken} if taken else set()


class Deletions(Part):
    """Deletes that begin only when no contact claims the id. Times are Unix seconds."""

    def begin(
        self,
        run: str,
        source: str,
        changes: Sequence[Change],
        ids: Mapping[str, int | None],
        *,
        going: Collection[str] | None = None,
        configured: Collection[str] | None = None,
        elsewhere: Mapping[str, Collection[str]] | None = None,
        seen: Mapping[str, Sighting] | None = None,
    ) -> Begun:
        """Mark deletes of contacts that nobody claims: they are journalled, and their contacts are ``pending``.

        ``ids``: the id of each key at the target, if it is known. ``seen``: by match value, what stands where a call of
        unknown outcome belongs. ``going``: all keys that are being deleted, whose own
        claims do not count; None: those of ``changes``. ``configured``: the configured sources; None: all sources of
        the ledger. ``elsewhere``: by source, keys that want other match values than these. If another contact was sent
        in the place of such a key's contact, the key has no claim on it.
        """
        now = self._database.clock()
        wanted = {each.key: ids.get(each.key) for each in changes}
        gone = {source: going if going is not None else wanted.keys()}
        theirs = {each.key: seen[each.match].id for each in changes if seen and each.match in seen}
        known = [id_ for id_ in (*wanted.values(), *theirs.values()) if id_]
        matches = [each.match for each in changes]
        with self._database.write():
            held, open_ = claimed(self._database, known, matches, gone, elsewhere or {})
            waiting = frozenset(each.key for each in changes if each.match in open_)
            drafts = drafted(source, (each for each in changes if each.key not in waiting))
            # A delete makes no contact, so no id that exists by now needs to be told from a new id.
            entries = append(self._database, run, drafts, highest_known_id=0, now=now)
            self._database.execute_many(_MARKED, [(now, source, entry.key) for entry in entries])
            # The rest has no id, or an id that another contact claims: it leaves the ledger without a call.
            free = [entry for entry in entries if (id_ := wanted[entry.key]) and id_ not in held]
            keys = {entry.key for entry in free}
            rest = [entry for entry in entries if entry.key not in keys]
            fates = {
                entry.key: _without_call(wanted[entry.key] or theirs.get(entry.key), held, configured) for entry in rest
            }
            self._leave(source, rest, fates, {key: wanted[key] or theirs.get(key) for key in fates}, wanted)
            note_deletions(self._database, source, {wanted[entry.key] or 0: entry.match for entry in free}, now)
        return Begun(tuple(free), fates, waiting)

    def _leave(
        self,
        source: str,
        entries: Sequence[Entry],
        fates: Mapping[str, ChangeOutcome],
        ids: Mapping[str, int | None],
        wanted: Mapping[str, int | None],
    ) -> None:
        """Take contacts out of the ledger without a call, and note which contacts stay at the target."""
        lost = _lost_calls(self._database, entries)
        _leave(self._database, entries)
        for fate in set(fates.values()):
            settle(self._database, [entry.id for entry in entries if fates[entry.key] == fate], fate)
        for entry in entries:
            fate, id_ = fates[entry.key], ids[entry.key]
            if fate == ChangeOutcome.LEFT and id_:
                why = Left.UNCONFIGURED if wanted[entry.key] else Left.FOREIGN
                leave(self._database, [(source, entry.key, id_, entry.match)], why)
            elif fate == ChangeOutcome.NOT_FOUND:
                give_up(self._database, lost.get(entry.key, ()))

    def record(
        self, source: str, ids: Iterable[int], deleted: Sequence[Entry], refused: Sequence[tuple[Entry, str]] = ()
    ) -> None:
        """Record marked deletes, whose calls for ``ids`` have ended.

        The contacts of ``deleted`` leave the ledger; those of ``refused`` stay, with the reason; the rest is pending.
        """
        now = self._database.clock()
        with self._database.write():
            late = overtaken(self._database, deleted)
            sure = [entry for entry in deleted if entry.id not in late]
            # The target may still carry a lost call out, and that call would make the contact again.
            lost = _lost_calls(self._database, sure)
            _leave(self._database, sure)
            give_up_recent(self._database, (change for calls in lost.values() for change in calls))
            for entry, reason in refused:
                values = entry.refusal(reason, now)
                self._database.execute(REFUSED, **values)
                self._database.execute(_KEPT, **values)
            end_deletions(self._database, source, ids)

    def pass_on(self, configured: Collection[str]) -> None:
        """Take contacts of sources that are not ``configured`` out of the ledger if a configured source has them too.

        Nobody would ever give up such a claim, so the contact could not be deleted when it leaves the other source.
        """
        others = self._database.column(NAMED, configured=configured)
        if not others:
            return
        with self._database.write():
            now = self._database.clock()
            # A source with a live lease is somebody's, whatever configuration this process has: it is left alone.
            for source in others:
                if self._database.execute(_PASSED_ON, source=source, configured=configured, now=now):
                    # If the source is configured again, a partial read would take the missing contacts for unchanged.
                    self._database.execute("DELETE FROM cursor WHERE source = :source", source=source)


def deleted_meanwhile(database: Database, source: str, entries: Mapping[int, Sequence[int]], now: float) -> set[int]:
    """Return the entries whose contacts another source's call may have deleted after they were marked.

    ``entries``: the ids of entries by the id at the target with which they were answered.
    """
    found = database.rows(_MEANWHILE, source=source, ids=entries.keys(), began=now - _GIVEN_UP)
    return {entry for id_, ended in found for entry in entries[id_] if ended is None or ended >= entry}


# Without a live lease the source's process is dead, and its calls have ended.
_LIVE = "EXISTS (SELECT 1 FROM lease WHERE lease.source = {0}.source AND lease.expires > :now)"
_SINCE = "SELECT match FROM change WHERE id > :since AND source <> :source AND kind <> 'delete'"
# "IN ('pending', 'moved')" lets SQLite use the index of open changes, which has just this condition.
_IN_FLIGHT = (
    "SELECT match FROM change WHERE outcome IN ('pending', 'moved') AND outcome = 'pending' AND source <> :source"
    f" AND {_LIVE.format('change')} UNION ALL"
    f" SELECT match FROM deletion WHERE ended IS NULL AND source <> :source AND {_LIVE.format('deletion')}"
)
_MEANWHILE = (
    "SELECT remote_id, ended FROM deletion WHERE remote_id IN (SELECT value FROM json_each(:ids))"
    " AND source <> :source AND (ended IS NOT NULL OR begun > :began)"
)
_HOLDERS = "SELECT remote_id, source, key, status FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids))"
_OPEN = (
    "SELECT change.match, change.source, change.key FROM change JOIN contact ON contact.source = change.source"
    " AND contact.key = change.key AND contact.status = 'pending'"
    " WHERE change.outcome IN ('pending', 'moved') AND change.outcome = 'pending' AND change.kind <> 'delete'"
    " AND change.match IN (SELECT value FROM json_each(:matches))"
)
# An upsert that takes a contact over leaves no other row of it accepted (Journal.record), so one holder is accepted.
_PASSED_ON = (
    "DELETE FROM contact WHERE source = :source AND status <> 'accepted' AND EXISTS (SELECT 1 FROM contact AS holder"
    " WHERE holder.remote_id = contact.remote_id AND holder.status = 'accepted'"
    " AND holder.source IN (SELECT value FROM json_each(:configured)))"
    " AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.source = :source AND lease.expires > :now)"
)
_LOST_CALLS = (
    "SELECT key, id FROM change WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
    " AND outcome IN ('pending', 'moved') AND outcome = 'pending' AND kind <> 'delete'"
)
_ABANDON = "UPDATE deletion SET ended = :newest WHERE source = :source AND ended IS NULL"
_MARKED = "UPDATE contact SET status = 'pending', updated_at = ? WHERE source = ? AND key = ?"
# A contact that the target refuses to delete is as it was: the next run tries again.
_KEPT = (
    "UPDATE contact SET status = 'accepted', reason = :reason, updated_at = :at WHERE source = :source AND key = :key"
)
_DELETED = (
    "DELETE FROM contact WHERE status = 'pending' AND source = :source AND key = :key",
    "UPDATE change SET outcome = 'accepted' WHERE id = :id",
    """
    UPDATE change SET outcome = 'superseded' WHERE source = :source AND key = :key AND id < :id
        AND outcome = 'pending' AND (kind = 'delete' OR match = :match)
    """,
)


def claimed(
    database: Database,
    ids: Sequence[int],
    matches: Sequence[str],
    going: Mapping[str, Collection[str]],
    elsewhere: Mapping[str, Collection[str]],
) -> Claims:
    """Return the claims on these ids and match values.

    ``going`` and ``elsewhere`` are as in :meth:`Deletions.begin`, by source.
    """
    held = database.rows(_HOLDERS, ids=ids)
    open_ = database.rows(_OPEN, matches=matches)
    holders: dict[int, set[str]] = {}
    for id_, source, key, status in held:
        lost = status == "pending" and key in elsewhere.get(source, ())
        if key not in going.get(source, ()) and not lost:
            holders.setdefault(id_, set()).add(source)
    return holders, {match for match, source, key in open_ if key not in going.get(source, ())}


def abandon(database: Database, source: str, now: float) -> None:
    """Note that no delete of the source is in flight, and forget old deletes. The caller has just taken the lease."""
    database.execute(_ABANDON, source=source, newest=newest_change(database))
    old = now - _FORGOTTEN_AFTER
    database.execute("DELETE FROM deletion WHERE ended IS NOT NULL AND begun < :old", old=old)


def _without_call(
    id_: int | None, held: Mapping[int, Collection[str]], configured: Collection[str] | None
) -> ChangeOutcome:
    """Return what becomes of a contact that leaves the ledger without a call."""
    if id_ is None:
        return ChangeOutcome.NOT_FOUND
    if id_ not in held:
        return ChangeOutcome.LEFT
    unclaimed = configured is not None and set(held[id_]).isdisjoint(configured)
    return ChangeOutcome.LEFT if unclaimed else ChangeOutcome.HANDED_OVER


def _lost_calls(database: Database, entries: Sequence[Entry]) -> dict[str, list[int]]:
    """Return the upserts of unknown outcome of these entries' contacts, by key."""
    found: dict[str, list[int]] = {}
    if entries:
        keys = [entry.key for entry in entries]
        for key, change in database.rows(_LOST_CALLS, source=entries[0].source, keys=keys):
            found.setdefault(key, []).append(change)
    return found


def _leave(database: Database, entries: Sequence[Entry]) -> None:
    """Take the contacts of these entries out of the ledger."""
    for statement in _DELETED:
        database.execute_many(statement, [entry._asdict() for entry in entries])


def note_deletions(database: Database, source: str, matches: Mapping[int, str], now: float) -> None:
    """Note that the ids of ``matches`` are being deleted."""
    database.execute_many(
        "INSERT INTO deletion (remote_id, source, match, begun) VALUES (?, ?, ?, ?)",
        [(id_, source, match, now) for id_, match in matches.items()],
    )


def end_deletions(database: Database, source: str, ids: Iterable[int]) -> None:
    """Note the newest change at the end of the deletes of ``ids``: changes up to it were marked in the meantime."""
    query = f"{_ABANDON} AND remote_id IN (SELECT value FROM json_each(:ids))"
    database.execute(query, source=source, ids=[*ids], newest=newest_change(database))


def settle(database: Database, changes: Iterable[int], outcome: ChangeOutcome) -> None:
    """Store the outcome of entries of the journal."""
    rows = [(outcome.value, change) for change in changes]
    database.execute_many("UPDATE change SET outcome = ? WHERE id = ?", rows)
