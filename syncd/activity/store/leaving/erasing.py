"""Finds and erases all that is stored of a number."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.leaving.removal import Removal
from syncd.core.activity.delivering.grouping import Conversation, period_of
from syncd.core.activity.observations import Kind
from syncd.core.settings.sinks import Grouping
from syncd.state.database import Database, Part

_PAGE = 500
_OTHER = "('stale', 'ignored', 'malformed')"


@dataclass(frozen=True, slots=True)
class Traces:
    """What is stored of a number.

    ``keys``: of its activities, by kind. ``conversations``: the keys of the records that hold several of its messages.
    ``events``: the ids of those that merely name it.
    """

    keys: dict[Kind, list[str]] = field(default_factory=dict)
    conversations: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def owners(self) -> list[str]:
        """Return the activities as ``call:ID`` and ``message:CHANNEL:ID``."""
        return [f"{kind}:{key}" for kind, keys in self.keys.items() for key in keys]

    def delivered(self) -> dict[Kind, list[str]]:
        """Return the keys under which deliveries are noted, by kind."""
        return {kind: [*keys, *(self.conversations if kind == "message" else ())] for kind, keys in self.keys.items()}


class Record(NamedTuple):
    """A record at a sink of what was erased here. ``remote_id``: None if it is not known whether it was made."""

    kind: str
    key: str
    remote_id: str | None

    @property
    def identity(self) -> str:
        return f"{self.kind}:{self.key}"


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
        sql = "SELECT channel, own, remote, sent FROM message WHERE remote = :number AND sent IS NOT NULL"
        conversations = {
            Conversation(channel, own, remote, period_of(sent, group)).key
            for channel, own, remote, sent in self._database.rows(sql, number=number)
            for group in _GROUPS
        }
        return Traces(keys, sorted(conversations), [event for event, raw in self._others() if number in _digits(raw)])

    def at_sinks(self, traces: Traces) -> Counter[str]:
        """Return how many records of these activities are, or may be, at each sink."""
        sql = f"SELECT sink, count(*) FROM delivery WHERE {_MADE} AND kind = :kind AND id IN {_THESE} GROUP BY sink"
        found = Counter[str]()
        for kind, keys in traces.delivered().items():
            found.update(dict(self._database.rows(sql, kind=kind, keys=keys)))
        return found

    def left_at(self, sink: str) -> list[Record]:
        """Return the records of all that was erased here that are, or may be, at a sink."""
        sql = (
            f"SELECT kind, id, remote_id FROM delivery WHERE sink = :sink AND status = 'erased' AND {_MADE}"
            " ORDER BY kind, id"
        )
        return [Record._make(row) for row in self._database.rows(sql, sink=sink)]

    def gone_from(self, sink: str, remote_ids: Sequence[str]) -> None:
        """Note that a sink has these records no longer."""
        self._database.execute(
            "UPDATE delivery SET remote_id = NULL, attempts = 0, created = NULL"
            f" WHERE sink = :sink AND remote_id IN {_THESE}",
            sink=sink,
            keys=list(remote_ids),
        )

    def let_go(self, sink: str, records: Sequence[Record]) -> None:
        """Forget records at a sink that a person looks after."""
        self._database.execute_many(
            "UPDATE delivery SET remote_id = NULL, attempts = 0, created = NULL WHERE sink = ? AND kind = ? AND id = ?",
            [(sink, each.kind, each.key) for each in records],
        )

    def erase(self, number: str, traces: Traces) -> None:
        """Erase a number and its traces, also from the free pages of the file; media must be gone by then."""
        self._database.execute("PRAGMA secure_delete = ON")
        for kind, keys in traces.keys.items():
            for begin in range(0, len(keys), _PAGE):
                self._erase(kind, keys[begin : begin + _PAGE])
        with self._database.write():
            for kind, keys in traces.delivered().items():
                self._erase_deliveries(kind, keys)
            self._database.execute("DELETE FROM delivery WHERE kind = 'lead' AND id = :number", number=number)
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

    def _erase_deliveries(self, kind: Kind, keys: list[str]) -> None:
        # What no sink was sent leaves nothing. Else the id of the record stays, to erase it at the sink.
        never = f"DELETE FROM delivery WHERE kind = :kind AND id IN {_THESE} AND NOT ({_MADE})"
        self._database.execute(never, kind=kind, keys=keys)
        self._database.execute(
            "UPDATE delivery SET status = 'erased', digest = 0, fields = '{}', tried = NULL, parts = '[]',"
            f" reason = NULL WHERE kind = :kind AND id IN {_THESE}",
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
_MADE = "(remote_id IS NOT NULL OR attempts > 0 OR created IS NOT NULL)"
"""Whether a sink has, or may have, a record of a delivery; some sinks tell no id of it."""
_GROUPS: tuple[Grouping, ...] = ("hour", "day")


def _digits(raw: bytes) -> str:
    return "".join(filter(str.isdigit, raw.decode(errors="replace")))
