"""The key's request windows, shared by every process that uses the state file (see :mod:`syncd.budget`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, text

from syncd.state.database import Database


class Places:
    """The places taken, inside an exclusive section. Moments are Unix seconds."""

    def __init__(self, connection: Connection, extra: list[float], *, recorded: bool) -> None:
        self._connection = connection
        self._extra = extra
        self._recorded = recorded

    def since(self, moment: float) -> list[float]:
        """Return the moments at which places were taken after ``moment``, ascending."""
        query = text("SELECT at FROM request WHERE pause = 0 AND at > :moment ORDER BY at")
        found = list(self._connection.execute(query, {"moment": moment}).scalars())
        return sorted([*found, *(at for at in self._extra if at > moment)]) if self._extra else found

    def add(self, moment: float) -> None:
        """Take a place."""
        if self._recorded:
            self._connection.execute(text("INSERT INTO request (at, pause) VALUES (:at, 0)"), {"at": moment})
        else:
            self._extra.append(moment)

    def forget(self, before: float) -> None:
        """Drop places that no window reaches any more."""
        if self._recorded:
            query = text("DELETE FROM request WHERE at < :before")
            self._connection.execute(query, {"before": before})

    def note_answers(self, late: Mapping[float, float]) -> None:
        """Note how many seconds after its moment each place's request was answered."""
        if self._recorded:
            query = text("UPDATE request SET late = :late WHERE pause = 0 AND at = :at")
            self._connection.execute(query, [{"at": at, "late": seconds} for at, seconds in late.items()])

    def answers(self, first: float, last: float) -> dict[float, float]:
        """Return what was noted of the places from ``first`` to ``last``."""
        query = text(
            "SELECT at, late FROM request WHERE pause = 0 AND at BETWEEN :first AND :last AND late IS NOT NULL"
        )
        return {row[0]: row[1] for row in self._connection.execute(query, {"first": first, "last": last})}

    def paused_until(self) -> float:
        """The moment until which no request may be sent; 0 if there is none."""
        query = text("SELECT coalesce(max(at), 0) FROM request WHERE pause = 1")
        until: float = self._connection.execute(query).scalar_one()
        return until

    def pause(self, until: float) -> None:
        """Let no process send a request before ``until``."""
        if self._recorded:
            self._connection.execute(text("INSERT INTO request (at, pause) VALUES (:at, 1)"), {"at": until})


class Requests:
    """The requests in the key's windows. A read-only state keeps its own places in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own: list[float] = []

    @contextmanager
    def exclusive(self) -> Iterator[Places]:
        """Enter a section that one process at a time is in."""
        own = self.__dict__.setdefault("_own", [])
        with self._database.write() as connection:
            yield Places(connection, own, recorded=not self._database.read_only)
