"""Finds and erases all that is stored of a number."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.leaving.removal import Removal
from syncd.core.activity.observations import Kind
from syncd.state.database import Database, Part

_PAGE = 500
_OTHER = "('stale', 'ignored', 'malformed')"


@dataclass(frozen=True, slots=True)
class Traces:
    """What is stored of a number: the keys of its activities by kind, and the ids of events that merely name it."""

    keys: dict[Kind, list[str]] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def owners(self) -> list[str]:
        """Return the activities as ``call:ID`` and ``message:CHANNEL:ID``."""
        return [f"{kind}:{key}" for kind, keys in self.keys.items() for key in keys]


class Erasing(Part):
    """Erases numbers. What stays of an activity is its id, since totals count it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._removal = Removal(database)

    def numbers(self) -> Iterator[str]:
        """Yield every number of theirs, once for each kind."""
        for of in KINDS.values():
            yield from self._database.column(f"SELECT DISTINCT remote FROM {of.name} WHERE remote IS NOT NULL")

    def is_own(self, number: str) -> bool:
        """Return whether calls or messages came to this number, or left from it: it is the company's."""
        sql = "SELECT EXISTS (SELECT 1 FROM {name} WHERE own = :number)"
        return any(self._database.scalar(sql.format(name=name), number=number) for name in KINDS)

    def traces(self, number: str) -> Traces:
        """Return what is stored of a number (digits)."""
        keys: dict[Kind, list[str]] = {}
        for kind in KINDS.values():
            sql = f"SELECT {kind.key} FROM {kind.name} WHERE remote = :number"
            keys[kind.name] = self._database.column(sql, number=number)
        return Traces(keys, [event for event, raw in self._others() if number in _digits(raw)])

    def deliveries(self, traces: Traces) -> dict[str, int]:
        """Return how many records of these activities are at each sink."""
        sql = (
            "SELECT sink, count(*) FROM delivery WHERE remote_id IS NOT NULL AND kind || ':' || id IN "
            "(SELECT value FROM json_each(:keys)) GROUP BY sink"
        )
        return dict(self._database.rows(sql, keys=traces.owners()))

    def erase(self, number: str, traces: Traces) -> None:
        """Erase a number and its traces, also from the free pages of the file; media must be gone by then."""
        self._database.execute("PRAGMA secure_delete = ON")
        for kind, keys in traces.keys.items():
            for begin in range(0, len(keys), _PAGE):
                self._erase(kind, keys[begin : begin + _PAGE])
        with self._database.write():
            self._database.execute(f"UPDATE event SET raw = NULL WHERE id IN {_THESE}", keys=traces.events)
            self._database.execute("DELETE FROM outgoing WHERE remote = :number", number=number)
            self._database.execute("DELETE FROM opt_out WHERE number = :number", number=number)
        # The log of changes still has what was there before; a reader that is busy keeps it until the next one.
        self._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _erase(self, kind: Kind, keys: list[str]) -> None:
        with self._database.write():
            self._removal.remove(KINDS[kind], keys)
            gone = f"DELETE FROM attribution WHERE kind = :kind AND id IN {_THESE}"
            self._database.execute(gone, kind=kind, keys=keys)
            # The id of the record stays: it is needed to erase the record at the sink.
            self._database.execute(
                "UPDATE delivery SET status = 'erased', digest = 0, fields = '{}', parts = '[]', reason = NULL"
                f" WHERE kind = :kind AND id IN {_THESE}",
                kind=kind,
                keys=keys,
            )

    def _others(self) -> Iterator[tuple[str, bytes]]:
        """Yield the events that belong to no call and no message, with their bytes."""
        sql = f"SELECT rowid, id, raw FROM event WHERE raw IS NOT NULL AND outcome IN {_OTHER} AND rowid > :last"
        last = -1
        while page := self._database.rows(f"{sql} ORDER BY rowid LIMIT {_PAGE}", last=last):
            last = page[-1][0]
            yield from ((event, zlib.decompress(raw)) for _, event, raw in page)


_THESE = "(SELECT value FROM json_each(:keys))"


def _digits(raw: bytes) -> str:
    return "".join(filter(str.isdigit, raw.decode(errors="replace")))
