"""The key's request windows, shared by every process that uses the state file (see :mod:`syncd.budget`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.state.queries import Queries

if TYPE_CHECKING:
    from syncd.state.database import Database


class Places:
    """The places taken, inside an exclusive section. Times are Unix seconds.

    ``extra``: the places of a process that may not write; without a ``database`` they are stored nowhere else.
    """

    def __init__(self, stored: Queries, extra: list[float], database: Database | None = None) -> None:
        self._stored = stored
        self._extra = extra
        self._database = database

    def since(self, moment: float) -> list[float]:
        """Return the times of the places taken after ``moment``, ascending."""
        query = "SELECT at FROM request WHERE pause = 0 AND at > :moment ORDER BY at"
        # A process that may not write has the places of its few GETs in memory: only its own count knows them.
        found = self._stored.column(query, moment=moment)
        return sorted([*found, *(at for at in self._extra if at > moment)]) if self._extra else found

    def add(self, moment: float) -> None:
        """Take a place."""
        if self._database:
            self._database.put("request", at=moment, pause=0)
        else:
            self._extra.append(moment)

    def forget(self, before: float) -> None:
        """Remove the places taken before ``before``, and the ends of pauses before it."""
        if self._database:
            self._database.execute("DELETE FROM request WHERE at < :before", before=before)

    def note_answers(self, late: Mapping[float, float]) -> None:
        """Store how many seconds after its time each place's request was answered."""
        # No two places have the same time: syncd.budget keeps them apart.
        if self._database:
            rows = [(seconds, at) for at, seconds in late.items()]
            self._database.execute_many("UPDATE request SET late = ? WHERE pause = 0 AND at = ?", rows)

    def answers(self, first: float, last: float) -> dict[float, float]:
        """Return the stored answers of the places from ``first`` to ``last``."""
        query = "SELECT at, late FROM request WHERE pause = 0 AND at BETWEEN :first AND :last AND late IS NOT NULL"
        return dict(self._stored.rows(query, first=first, last=last))

    def paused_until(self) -> float:
        """Return when the newest pause ends; 0 if there is none."""
        return float(self._stored.scalar("SELECT coalesce(max(at), 0) FROM request WHERE pause = 1"))

    def pause(self, until: float) -> None:
        """Let no process send a request before ``until``."""
        if self._database:
            self._database.put("request", at=until, pause=1)


class Requests:
    """The requests in the key's windows. A read-only state has its own places in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own: list[float] = []

    @contextmanager
    def exclusive(self) -> Iterator[Places]:
        """Enter a section that one process at a time is in."""
        # With the write lock of the whole file: two processes must not both take the last place of a window.
        with self._database.write():
            yield Places(self._database, self._own, None if self._database.read_only else self._database)
