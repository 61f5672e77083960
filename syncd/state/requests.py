"""The key's request windows, shared by every process that uses the state file (see :mod:`syncd.budget`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from syncd.state.queries import Queries

if TYPE_CHECKING:
    from syncd.state.database import Database

Tier = Literal["default", "reports", "messaging"]
"""The key's kinds of requests, each with windows of its own (guide: Rate limits)."""

_PLACES = "tier = :tier AND pause = 0"


class Places:
    """The places taken, inside an exclusive section. Times are Unix seconds.

    ``extra``: the places of a process that may not write; without a ``database`` they are stored nowhere else.
    """

    def __init__(self, stored: Queries, tier: Tier, extra: list[float], database: Database | None = None) -> None:
        self._stored = stored
        self._tier = tier
        self._extra = extra
        self._database = database

    def since(self, moment: float) -> list[float]:
        """Return the times of the places taken after ``moment``, ascending."""
        query = f"SELECT at FROM request WHERE {_PLACES} AND at > :moment ORDER BY at"
        # A process that may not write has the places of its few GETs in memory: only its own count knows them.
        found = self._stored.column(query, tier=self._tier, moment=moment)
        return sorted([*found, *(at for at in self._extra if at > moment)]) if self._extra else found

    def add(self, moment: float) -> None:
        """Take a place."""
        if self._database:
            self._database.put("request", at=moment, pause=0, tier=self._tier)
        else:
            self._extra.append(moment)

    def forget(self, before: float) -> None:
        """Remove the places taken before ``before``, and the ends of pauses before it."""
        if self._database:
            self._database.execute(
                "DELETE FROM request WHERE tier = :tier AND at < :before", tier=self._tier, before=before
            )

    def remove(self, moment: float) -> None:
        """Remove a place whose request is not sent."""
        if self._database:
            self._database.execute(
                f"DELETE FROM request WHERE {_PLACES} AND at = :moment", tier=self._tier, moment=moment
            )
        else:
            self._extra.remove(moment)

    def note_answers(self, late: Mapping[float, float]) -> None:
        """Store how many seconds after its time each place's request was answered."""
        # No two places have the same time: syncd.budget keeps them apart.
        if self._database:
            rows = [{"tier": self._tier, "late": seconds, "at": at} for at, seconds in late.items()]
            self._database.execute_many(f"UPDATE request SET late = :late WHERE {_PLACES} AND at = :at", rows)

    def answers(self, first: float, last: float) -> dict[float, float]:
        """Return the stored answers of the places from ``first`` to ``last``."""
        query = f"SELECT at, late FROM request WHERE {_PLACES} AND at BETWEEN :first AND :last AND late IS NOT NULL"
        return dict(self._stored.rows(query, tier=self._tier, first=first, last=last))

    def paused_until(self) -> float:
        """Return when the newest pause ends; 0 if there is none."""
        query = "SELECT coalesce(max(at), 0) FROM request WHERE tier = :tier AND pause = 1"
        return float(self._stored.scalar(query, tier=self._tier))

    def pause(self, until: float) -> None:
        """Let no process send a request before ``until``."""
        if self._database:
            self._database.put("request", at=until, pause=1, tier=self._tier)


class Requests:
    """The requests in the windows of one tier. A read-only state has its own places in memory."""

    def __init__(self, database: Database, tier: Tier = "default") -> None:
        self._database = database
        self._tier: Tier = tier
        self._own: list[float] = []
        self._tiers: dict[Tier, Requests] = {tier: self}

    def tier(self, name: Tier) -> Requests:
        """Return the requests of another tier."""
        return self._tiers.setdefault(name, Requests(self._database, name))

    @contextmanager
    def exclusive(self) -> Iterator[Places]:
        """Enter a section that one process at a time is in."""
        # With the write lock of the whole file: two processes must not both take the last place of a window.
        with self._database.write():
            writable = None if self._database.read_only else self._database
            yield Places(self._database, self._tier, self._own, writable)


class SeenRequests:
    """The requests of one tier, for a process that only looks; nothing is locked."""

    def __init__(self, stored: Queries, tier: Tier) -> None:
        self._stored = stored
        self._tier: Tier = tier

    @contextmanager
    def exclusive(self) -> Iterator[Places]:
        """Lend the places of all processes."""
        yield Places(self._stored, self._tier, [])
