"""Alarms that stand and what of them is still to be told: kept here, so that any process tells it, and once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from syncd.state.database import Database
from syncd.state.glance import RETRY

GIVEN_UP = 86_400.0
"""Seconds after which it is news no more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell. ``event``: ``began``, ``ended`` or ``digest``. ``left``: to whom still; None: to all."""

    id: int
    at: float
    event: str
    source: str
    kind: str
    text: str
    left: tuple[str, ...] | None


class Notices:
    """Alarms, and the notices about them that nobody has heard yet. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_alarms(self, alarms: Iterable[tuple[str, str, str]]) -> None:
        """Make these (source, kind, text) the alarms that stand; each that began or ended becomes a notice."""
        now, standing = self._database.clock(), {(source, kind): text_ for source, kind, text_ in alarms}
        with self._database.write() as connection:
            known = {(row[0], row[1]): row[2] for row in connection.execute(_KNOWN)}
            for (source, kind), said in standing.items():
                values = {"source": source, "kind": kind, "text": said, "at": now}
                if (source, kind) not in known:
                    connection.execute(_ADD, {**values, "event": "began"})
                connection.execute(_STANDS, values)
            for (source, kind), since in known.items():
                if (source, kind) not in standing:
                    _end(connection, source, kind, since, now)

    def add_digest(self, said: str, due: float) -> None:
        """Make a digest a notice, unless one was made since ``due``; the first time only that is noted."""
        with self._database.write() as connection:
            last = connection.execute(_DIGESTED).scalar()
            if last is not None and float(last) < due:
                values = {"event": "digest", "source": "", "kind": "", "text": said, "at": self._database.clock()}
                connection.execute(_ADD, values)
            if last is None or float(last) < due:
                connection.execute(_DIGEST, {"at": str(max(due, self._database.clock()))})

    def due(self) -> list[Notice]:
        """Take what is to be told now; nobody else takes it for the next :data:`RETRY` seconds."""
        now = self._database.clock()
        with self._database.write() as connection:
            connection.execute(_OLD, {"old": now - GIVEN_UP})
            rows = connection.execute(_DUE, {"before": now - RETRY}).all()
            connection.execute(_TRIED, {"now": now, "ids": json.dumps([row[0] for row in rows])})
        return [
            Notice(id_, at, event, source, kind, said, tuple(json.loads(left)) if left else None)
            for id_, at, event, source, kind, said, left in rows
        ]

    def told(self, left: Mapping[int, Sequence[str]]) -> None:
        """Note to whom each notice could not be told; one that everybody was told is done with."""
        with self._database.write() as connection:
            for id_, names in left.items():
                values = {"id": id_, "left": json.dumps(list(names))}
                connection.execute(_LEFT if names else _DONE, values)


def _end(connection: Connection, source: str, kind: str, since: float, now: float) -> None:
    """An alarm that nobody has heard of needs no end."""
    values = {"source": source, "kind": kind}
    connection.execute(_CLEARED, values)
    if connection.execute(_UNHEARD, values).rowcount == 0:
        connection.execute(_ADD, {**values, "event": "ended", "text": str(round(now - since)), "at": now})


_KNOWN = text("SELECT source, kind, since FROM alarm")
_STANDS = text(
    "INSERT INTO alarm (source, kind, text, since) VALUES (:source, :kind, :text, :at)"
    " ON CONFLICT (source, kind) DO UPDATE SET text = excluded.text"
)
_CLEARED = text("DELETE FROM alarm WHERE source = :source AND kind = :kind")
_UNHEARD = text("DELETE FROM notice WHERE source = :source AND kind = :kind AND event = 'began' AND tried IS NULL")
_ADD = text("INSERT INTO notice (at, event, source, kind, text) VALUES (:at, :event, :source, :kind, :text)")
_DUE = text(
    'SELECT id, at, event, source, kind, text, "left" FROM notice WHERE coalesce(tried, 0) <= :before ORDER BY id'
)
_TRIED = text("UPDATE notice SET tried = :now WHERE id IN (SELECT value FROM json_each(:ids))")
_LEFT = text('UPDATE notice SET "left" = :left WHERE id = :id')
_DONE = text("DELETE FROM notice WHERE id = :id AND :left IS NOT NULL")
_OLD = text("DELETE FROM notice WHERE at < :old")
_DIGESTED = text("SELECT value FROM fact WHERE name = 'digest.made'")
_DIGEST = text(
    "INSERT INTO fact (name, value) VALUES ('digest.made', :at) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
