"""The deliveries, as they were received."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.state.database import Part

_COLUMNS = "id, type, at, signed_at, received, origin, raw, content, subject, outcome, processed"
_PAGE = 500

LEFT_OUT = (
    "CASE WHEN type LIKE 'call.%' THEN EXISTS (SELECT 1 FROM call WHERE call_id = subject AND left_out > 0)"
    " ELSE (SELECT min(left_out) FROM message WHERE message_id = subject) END"
)
"""Whether an event is of an activity of which nothing is kept. A text and a WhatsApp message may have one id."""


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery; ``raw``: its bytes, empty once they were dropped. The table ``event`` has the other columns."""

    id: str
    type: str
    at: float | None
    signed_at: float | None
    received: float
    origin: str
    raw: bytes
    content: str
    subject: str | None
    outcome: str
    processed: float | None = None


class Events(Part):
    """The table ``event``."""

    def add(self, event: Event) -> bool:
        """Store an event; return False, and store nothing, if it is known by its id or by its content.

        A stale row gives way to a fresh delivery of the same event.
        """
        with self._database.write():
            others = self._database.rows(
                "SELECT id, outcome FROM event WHERE id = :id OR content = :content", id=event.id, content=event.content
            )
            if others and (event.outcome == "stale" or any(outcome != "stale" for _, outcome in others)):
                return False
            for identity, _ in others:
                self._database.execute("DELETE FROM event WHERE id = :id", id=identity)
            raw = zlib.compress(event.raw) if event.raw else None
            self._database.put("event", **_columns(replace(event, raw=b"")) | {"raw": raw})
            return True

    def unprocessed(self, limit: int) -> list[Event]:
        """Return the oldest events that are not merged yet, at most ``limit``."""
        sql = f"SELECT {_COLUMNS} FROM event WHERE processed IS NULL ORDER BY received LIMIT :limit"
        return [_event(row) for row in self._database.rows(sql, limit=limit)]

    def unmerged(self, limit: int) -> list[Event]:
        """Return the oldest events whose calls and messages are not in the store yet, at most ``limit``."""
        sql = f"SELECT {_COLUMNS} FROM event WHERE processed IS NULL AND outcome = 'new' ORDER BY received LIMIT :limit"
        return [_event(row) for row in self._database.rows(sql, limit=limit)]

    def waiting(self) -> int:
        """Return how many events are not merged yet."""
        return int(self._database.scalar("SELECT count(*) FROM event WHERE processed IS NULL AND outcome = 'new'"))

    def processed(self, ids: Sequence[str], outcome: str | None = None) -> None:
        """Mark events as merged, in the transaction that merges them; None leaves their outcomes as they are."""
        # What is left out leaves no bytes either. One by one: JSON would lose what is behind a NUL in an id, and an
        # event that is never marked is merged for ever.
        now = self._database.clock()
        self._database.execute_many(
            "UPDATE event SET processed = ?, outcome = coalesce(?, outcome),"
            f" raw = CASE WHEN {LEFT_OUT} THEN NULL ELSE raw END WHERE id = ?",
            [(now, outcome, identity) for identity in ids],
        )

    def range(self, first: float, last: float) -> Iterator[Event]:
        """Yield the events received from ``first`` to before ``last``, in Unix seconds, the oldest first."""
        at, row = first, 0
        sql = (
            f"SELECT rowid, {_COLUMNS} FROM event WHERE (received, rowid) > (:at, :row) AND received < :last"
            f" ORDER BY received, rowid LIMIT {_PAGE}"
        )
        while page := self._database.rows(sql, at=at, row=row, last=last):
            yield from (_event(each[1:]) for each in page)
            at, row = page[-1][5], page[-1][0]

    def newest(self, first: float, last: float) -> float | None:
        """Return when the newest event of a call or a message was received, from ``first`` to before ``last``."""
        sql = (
            "SELECT received FROM event WHERE received >= :first AND received < :last AND outcome = 'new'"
            " AND raw IS NOT NULL AND (type LIKE 'call.%' OR type LIKE 'message.%') ORDER BY received DESC LIMIT 1"
        )
        return next(iter(self._database.column(sql, first=first, last=last)), None)

    def get(self, identity: str) -> Event | None:
        """Return an event."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM event WHERE id = :id", id=identity)
        return _event(rows[0]) if rows else None

    def of(self, subject: str) -> list[Event]:
        """Return the events of a call or a message, by its id, the oldest first."""
        sql = f"SELECT {_COLUMNS} FROM event WHERE subject = :subject ORDER BY received, id"
        return [_event(row) for row in self._database.rows(sql, subject=subject)]

    def drop(self, before: float) -> int:
        """Remove merged events received before ``before``; return their number."""
        return self._in_pieces("DELETE FROM event", "TRUE", before)

    def drop_bytes(self, before: float) -> int:
        """Remove the bytes of merged events received before ``before``, which hold texts; return their number."""
        return self._in_pieces("UPDATE event SET raw = NULL", "raw IS NOT NULL", before)

    def _in_pieces(self, change: str, which: str, before: float) -> int:
        # In short transactions: a receiver waits for each, and the target waits for the receiver.
        sql = (
            f"{change} WHERE rowid IN (SELECT rowid FROM event WHERE received < :before AND processed IS NOT NULL"
            f" AND {which} LIMIT {_PAGE})"
        )
        count = 0
        while done := self._database.execute(sql, before=before):
            count += done
        return count


def _columns(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__slots__}


def _event(row: Iterable[Any]) -> Event:
    event = Event(*row)
    return replace(event, raw=zlib.decompress(event.raw) if event.raw else b"")
