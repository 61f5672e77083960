"""Who claims a contact at the target, asked and answered in one transaction with what is begun upon the answer.

Sources run at once, each in a process of its own, and may come to the same contact. A call that makes or changes one
and a call that deletes it must not be under way together: whichever is marked first goes on, the other waits for a
later run. What no match value could foretell (the target took two for one) is seen by the id in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from syncd.state.database import Database
from syncd.state.entries import REFUSED, append, drafted, newest_change, overtaken
from syncd.state.glance import NAMED

_GIVEN_UP = 900.0
"""Seconds after which no call can be under way any more, whatever became of its process."""

_FORGOTTEN_AFTER = 86_400.0  # seconds after its begin that a delete is remembered for: longer than any call


@dataclass(frozen=True, slots=True)
class Begun:
    """Deletes that were marked together. ``entries``: the journal's, of contacts whose ids may be deleted now.

    ``handed``: keys that left the ledger without a call, since another contact claims the id or there is none.
    ``left``: keys that left it so while only sources that are not configured claim the id: their contacts stay.
    ``waiting``: keys that stay as they were, since a call under way may claim their contact.
    """

    entries: tuple[Mapping[str, Any], ...]
    handed: frozenset[str]
    left: frozenset[str]
    waiting: frozenset[str]


class Rivals:
    """The match values that other sources' calls took since a run was planned, which the plan cannot know of.

    ``since`` is the newest change that the plan did know of (:meth:`Claims.newest_change`).
    """

    def __init__(self, source: str, since: int) -> None:
        self._source = source
        self._since = since
        self._taken: set[str] = set()

    def among(self, connection: Connection, matches: Iterable[str], now: float) -> set[str]:
        """Return those of ``matches`` that another source took since, or has a call under way for."""
        new = connection.execute(_SINCE, {"source": self._source, "since": self._since}).all()
        self._since = newest_change(connection)
        self._taken.update(match.lower() for (match,) in new)
        under_way = connection.execute(_UNDER_WAY, {"source": self._source, "now": now}).scalars()
        taken = self._taken.union(match.lower() for match in under_way)
        return {match for match in matches if match.lower() in taken} if taken else set()


class Deletions:
    """Deletes that begin only when no contact claims the id. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        run: str,
        source: str,
        changes: Sequence[Mapping[str, Any]],
        ids: Mapping[str, int | None],
        *,
        going: Collection[str] | None = None,
        configured: Collection[str] | None = None,
        elsewhere: Mapping[str, Collection[str]] | None = None,
    ) -> Begun:
        """Mark deletes whose contacts nobody claims: they are journalled, and their contacts ``pending``.

        Each change holds ``@key``, ``@match`` and what :meth:`Journal.mark` takes; ``ids``: the id of each key at the
        target, as far as known; ``going``: all keys that are being deleted, whose own claims do not count;
        ``configured``: the sources that are, None: all of the ledger's; ``elsewhere``: keys of other sources that ask
        for none of these match values any more. What others have made of the contact of such a key is not its own.
        """
        now = self._database.clock()
        wanted = {each["@key"]: ids.get(each["@key"]) for each in changes}
        gone = {source: going if going is not None else wanted.keys()}
        with self._database.write() as connection:
            held, open_ = _claimed(
                connection,
                [id_ for id_ in wanted.values() if id_],
                [each["@match"] for each in changes],
                gone,
                elsewhere or {},
            )
            waiting = frozenset(each["@key"] for each in changes if each["@match"] in open_)
            ready = [each for each in changes if each["@key"] not in waiting]
            entries = drafted(source, ready)
            append(connection, run, entries, horizon=0, now=now)
            if entries:
                connection.exec_driver_sql(
                    "UPDATE contact SET status = 'pending', updated_at = ? WHERE source = ? AND key = ?",
                    [(now, source, entry["key"]) for entry in entries],
                )
            free = [entry for entry in entries if (id_ := wanted[entry["key"]]) and id_ not in held]
            keys = {entry["key"] for entry in free}
            rest = [entry for entry in entries if entry["key"] not in keys]
            theirs = {id_ for id_, by in held.items() if configured is not None and by.isdisjoint(configured)}
            left = frozenset(entry["key"] for entry in rest if wanted[entry["key"]] in theirs)
            _leave(connection, rest)
            _settle(connection, [entry["id"] for entry in rest if entry["key"] in left], "superseded")
            _begin(connection, source, {wanted[entry["key"]] or 0: entry["match"] for entry in free}, now)
        return Begun(tuple(free), frozenset(entry["key"] for entry in rest) - left, left, waiting)

    def record(
        self,
        source: str,
        ids: Iterable[int],
        deleted: Sequence[Mapping[str, Any]],
        refused: Sequence[tuple[Mapping[str, Any], str]] = (),
    ) -> None:
        """Record marked deletes, whose calls for ``ids`` have ended.

        The contacts of ``deleted`` leave the ledger; ``refused`` ones stay, with why; the rest stays pending.
        """
        now = self._database.clock()
        with self._database.write() as connection:
            late = overtaken(connection, deleted)
            _leave(connection, [entry for entry in deleted if entry["id"] not in late])
            for entry, reason in refused:
                values = {**entry, "reason": reason, "at": now}
                connection.execute(REFUSED, values)
                connection.execute(_KEPT, values)
            end_deletions(connection, source, ids)

    def begin_tidying(self, source: str, left: Mapping[int, tuple[int | None, str]]) -> dict[int, int]:
        """Begin to delete what earlier changes left at the target.

        Args:
            source: whose changes they are.
            left: by change, the id, if there is one, and the match value that it had.

        Returns:
            The ids that may be deleted now, by change. Changes that left nothing, or what a contact claims, are
            settled; what a call under way may claim stays as it is.
        """
        with self._database.write() as connection:
            ids, matches = [id_ for id_, _ in left.values() if id_], [match for _, match in left.values()]
            held, open_ = _claimed(connection, ids, matches, {}, {})
            clear = {change: each for change, each in left.items() if each[0] in held or each[1] not in open_}
            free = {change: (id_, match) for change, (id_, match) in clear.items() if id_ and id_ not in held}
            _settle(connection, clear.keys() - free.keys(), "superseded")
            _begin(connection, source, dict(free.values()), self._database.clock())
        return {change: id_ for change, (id_, _) in free.items()}

    def end_tidying(self, source: str, ids: Iterable[int], done: Iterable[int]) -> None:
        """Note that the calls for ``ids`` have ended, and that the changes ``done`` have left nothing any more."""
        with self._database.write() as connection:
            _settle(connection, done, "accepted")
            end_deletions(connection, source, ids)

    def pass_on(self, configured: Collection[str]) -> None:
        """Take rows of sources that are not ``configured`` out of the ledger where a configured one has their contact.

        Nobody would ever let go of such a claim, so the contact could not be deleted when it leaves the other source.
        A row whose source is being run is somebody's, whatever this process knows of the configuration.
        """
        named = json.dumps(list(configured))
        with self._database.read() as connection:
            others = list(connection.exec_driver_sql(NAMED, {"configured": named}).scalars())
        if not others:
            return
        with self._database.write() as connection:
            for source in others:
                values = {"source": source, "configured": named, "now": self._database.clock()}
                if connection.execute(_PASSED_ON, values).rowcount:
                    connection.execute(_UNREAD, values)  # it would take what is missing now for unchanged


def deleted_meanwhile(
    connection: Connection, source: str, entries: Mapping[int, Sequence[int]], now: float
) -> set[int]:
    """Return the journal entries whose contacts another source's call may have deleted after they were marked.

    ``entries``: by id at the target, the journal's entries that were answered with it.
    """
    found = connection.execute(
        _MEANWHILE, {"source": source, "ids": json.dumps(list(entries)), "began": now - _GIVEN_UP}
    ).all()
    return {entry for id_, ended in found for entry in entries[id_] if ended is None or ended >= entry}


_LIVE = "EXISTS (SELECT 1 FROM lease WHERE lease.source = {0}.source AND lease.expires > :now)"
_SINCE = text("SELECT match FROM change WHERE id > :since AND source <> :source AND kind <> 'delete'")
_UNDER_WAY = text(
    "SELECT match FROM change WHERE outcome IN ('pending', 'moved') AND outcome = 'pending' AND source <> :source"
    f" AND {_LIVE.format('change')} UNION ALL"
    f" SELECT match FROM deletion WHERE ended IS NULL AND source <> :source AND {_LIVE.format('deletion')}"
)
_MEANWHILE = text(
    "SELECT remote_id, ended FROM deletion WHERE remote_id IN (SELECT value FROM json_each(:ids))"
    " AND source <> :source AND (ended IS NOT NULL OR begun > :began)"
)
_HOLDERS = text(
    "SELECT remote_id, source, key, status FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids))"
)
_OPEN = text(
    "SELECT change.match, change.source, change.key FROM change JOIN contact ON contact.source = change.source"
    " AND contact.key = change.key AND contact.status = 'pending'"
    " WHERE change.outcome IN ('pending', 'moved') AND change.outcome = 'pending' AND change.kind <> 'delete'"
    " AND change.match IN (SELECT value FROM json_each(:matches))"
)
_PASSED_ON = text(
    "DELETE FROM contact WHERE source = :source AND status <> 'accepted' AND EXISTS (SELECT 1 FROM contact AS holder"
    " WHERE holder.remote_id = contact.remote_id AND holder.status = 'accepted'"
    " AND holder.source IN (SELECT value FROM json_each(:configured)))"
    " AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.source = :source AND lease.expires > :now)"
)
"""An upsert that takes a contact over leaves no other row of it accepted (see :meth:`Journal.record`)."""
_UNREAD = text("DELETE FROM cursor WHERE source = :source")
_ABANDON = text("UPDATE deletion SET ended = :newest WHERE source = :source AND ended IS NULL")
_OLD = text("DELETE FROM deletion WHERE ended IS NOT NULL AND begun < :old")
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


def _claimed(
    connection: Connection,
    ids: Sequence[int],
    matches: Sequence[str],
    going: Mapping[str, Collection[str]],
    elsewhere: Mapping[str, Collection[str]],
) -> tuple[dict[int, set[str]], set[str]]:
    """Return whose contacts hold which of these ids, and which of these match values a pending contact may hold.

    ``going``: per source, keys that are being deleted: their own claims do not count. Nor do those of the keys
    ``elsewhere``, where their contact was overwritten.
    """
    held = connection.execute(_HOLDERS, {"ids": json.dumps(ids)}).all()
    open_ = connection.execute(_OPEN, {"matches": json.dumps(matches)}).all()
    holders: dict[int, set[str]] = {}
    for id_, source, key, status in held:
        lost = status == "pending" and key in elsewhere.get(source, ())
        if key not in going.get(source, ()) and not lost:
            holders.setdefault(id_, set()).add(source)
    return holders, {match for match, source, key in open_ if key not in going.get(source, ())}


def abandon(connection: Connection, source: str, now: float) -> None:
    """Note that no delete of the source is under way: its lease is ours, and we have begun none. Forget old ones."""
    connection.execute(_ABANDON, {"source": source, "newest": newest_change(connection)})
    connection.execute(_OLD, {"old": now - _FORGOTTEN_AFTER})


def _leave(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
    """Let the contacts of these entries leave the ledger."""
    for statement in _DELETED if entries else ():
        connection.execute(statement, [dict(entry) for entry in entries])


def _begin(connection: Connection, source: str, matches: Mapping[int, str], now: float) -> None:
    """Note that the ids of ``matches`` are being deleted."""
    if matches:
        connection.exec_driver_sql(
            "INSERT INTO deletion (remote_id, source, match, begun) VALUES (?, ?, ?, ?)",
            [(id_, source, match, now) for id_, match in matches.items()],
        )


def end_deletions(connection: Connection, source: str, ids: Iterable[int]) -> None:
    """Note with which change the deleting of ``ids`` ended: those up to it were marked while it was under way."""
    connection.execute(
        text(f"{_ABANDON.text} AND remote_id IN (SELECT value FROM json_each(:ids))"),
        {"source": source, "ids": json.dumps(list(ids)), "newest": newest_change(connection)},
    )


def _settle(connection: Connection, changes: Iterable[int], outcome: str) -> None:
    values = [{"change": change, "outcome": outcome} for change in changes]
    if values:
        connection.execute(text("UPDATE change SET outcome = :outcome WHERE id = :change"), values)
