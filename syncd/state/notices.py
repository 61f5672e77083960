"""Alarms that stand, and the notices about them that are still to be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncd.state.database import Database
from syncd.state.facts import Facts
from syncd.state.glance import RETRY

GIVEN_UP = 86_400.0
"""Seconds after which a notice is not sent any more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to send. ``event``: ``began``, ``ended`` or ``digest``.

    ``left``: the destinations that have not received it; None: all of them.
    """

    id: int
    at: float
    event: str
    source: str
    kind: str
    text: str
    left: tuple[str, ...] | None


class Notices:
    """Alarms, and the notices about them that were not sent yet. Times are Unix seconds."""

    # They are in the state file so that any process, a run or the daemon, can send a notice and only one process does.

    def __init__(self, database: Database) -> None:
        self._database = database
        self._digest_made = Facts(database).digest_made

    def keep_alarms(self, alarms: Iterable[tuple[str, str, str]]) -> None:
        """Replace the alarms that stand (source, kind, text); each alarm that began or ended becomes a notice."""
        now, standing = self._database.clock(), {(source, kind): text for source, kind, text in alarms}
        with self._database.write():
            rows = self._database.rows("SELECT source, kind, since FROM alarm")
            known = {(source, kind): since for source, kind, since in rows}
            for (source, kind), text in standing.items():
                if (source, kind) not in known:
                    self._add("began", source, kind, text, now)
                # The text of an alarm that goes on may change: it counts days, or contacts.
                since = known.get((source, kind), now)
                self._database.put("alarm", source=source, kind=kind, text=text, since=since)
            for (source, kind), since in known.items():
                if (source, kind) not in standing:
                    self._end(source, kind, since, now)

    def _end(self, source: str, kind: str, since: float, now: float) -> None:
        which = "source = :source AND kind = :kind"
        self._database.execute(f"DELETE FROM alarm WHERE {which}", source=source, kind=kind)
        unsent = f"DELETE FROM notice WHERE {which} AND event = 'began' AND tried IS NULL"
        # If nobody was notified of the alarm, nobody needs to know of its end.
        if self._database.execute(unsent, source=source, kind=kind) == 0:
            self._add("ended", source, kind, str(round(now - since)), now)

    def _add(self, event: str, source: str, kind: str, text: str, now: float) -> None:
        self._database.put("notice", at=now, event=event, source=source, kind=kind, text=text)

    def add_digest(self, text: str, due: float) -> None:
        """Make a digest a notice, unless one was made since ``due``."""
        with self._database.write():
            made, now = self._digest_made.get(), self._database.clock()
            if made is not None and made < due:
                self._add("digest", "", "", text, now)
            # The first time only the time is stored: a person who has just set syncd up needs no summary of that day.
            if made is None or made < due:
                self._digest_made.set(max(due, now))

    def due(self) -> list[Notice]:
        """Return the notices to send now; no other process gets them for the next :data:`RETRY` seconds."""
        now = self._database.clock()
        query = (
            'SELECT id, at, event, source, kind, text, "left" FROM notice WHERE coalesce(tried, 0) <= :before'
            " ORDER BY id"
        )
        with self._database.write():
            self._database.execute("DELETE FROM notice WHERE at < :old", old=now - GIVEN_UP)
            rows = self._database.rows(query, before=now - RETRY)
            tried = "UPDATE notice SET tried = :now WHERE id IN (SELECT value FROM json_each(:ids))"
            self._database.execute(tried, now=now, ids=[row[0] for row in rows])
        return [
            Notice(id_, at, event, source, kind, text, tuple(json.loads(left)) if left else None)
            for id_, at, event, source, kind, text, left in rows
        ]

    def told(self, left: Mapping[int, Sequence[str]]) -> None:
        """Store which destinations did not receive each notice; a notice that all received is removed."""
        with self._database.write():
            for id_, names in left.items():
                if names:
                    query = 'UPDATE notice SET "left" = :names WHERE id = :id'
                    self._database.execute(query, id=id_, names=names)
                else:
                    self._database.execute("DELETE FROM notice WHERE id = :id", id=id_)
