"""The days of the lists, the units of proof, and what the open windows hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from syncd.core.activity.observations import Kind
from syncd.state.database import Part


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one list. The table ``day`` has the meaning of the columns."""

    kind: str
    day: str
    total: int | None = None
    pages: int | None = None
    read_at: float | None = None
    proved_at: float | None = None
    digest: str | None = None
    state: str = "open"
    changed_at: float | None = None
    by_webhook: int = 0


class Days(Part):
    """The tables ``day`` and ``listed``."""

    def get(self, kind: Kind, day: str) -> Day | None:
        """Return a day; None if it was never read."""
        found = self._database.record("SELECT * FROM day WHERE kind = :kind AND day = :day", kind=kind, day=day)
        return Day(**found) if found else None

    def put(self, day: Day) -> None:
        """Store a day, in place of what was stored of it."""
        self._database.put("day", **asdict(day))

    def all(self, kind: Kind | None = None) -> list[Day]:
        """Return all days of a kind, or of both, the oldest first."""
        sql = "SELECT * FROM day WHERE :kind IS NULL OR kind = :kind ORDER BY day, kind"
        return [Day(**found) for found in self._database.records(sql, kind=kind)]

    def members(self, kind: Kind, window: str) -> set[str]:
        """Return the keys of the activities that a window is known to hold."""
        sql = "SELECT id FROM listed WHERE kind = :kind AND window = :window"
        return set(self._database.column(sql, kind=kind, window=window))

    def set_members(self, kind: Kind, window: str, ids: Iterable[str]) -> None:
        """Store that a window holds exactly these, by their keys."""
        with self._database.write():
            self.drop_window(kind, window)
            self.add_members(kind, window, ids)

    def add_members(self, kind: Kind, window: str, ids: Iterable[str]) -> None:
        """Store that a window holds these too, by their keys."""
        sql = "INSERT OR IGNORE INTO listed (kind, window, id) VALUES (?, ?, ?)"
        # In their order: then SQLite appends to its tree, and fills its pages.
        self._database.execute_many(sql, [(kind, window, each) for each in sorted(ids)])

    def count(self, kind: Kind, first: str, last: str) -> int:
        """Return how many the lists of the days from ``first`` to ``last`` hold, each counted once."""
        sql = "SELECT count(DISTINCT id) FROM listed WHERE kind = :kind AND window BETWEEN :first AND :last"
        return int(self._database.scalar(sql, kind=kind, first=first, last=last))

    def windows(self, kind: Kind) -> list[str]:
        """Return the windows whose members are stored."""
        return self._database.column("SELECT DISTINCT window FROM listed WHERE kind = :kind ORDER BY 1", kind=kind)

    def drop_window(self, kind: Kind, window: str) -> None:
        """Forget what a window holds."""
        self._database.execute("DELETE FROM listed WHERE kind = :kind AND window = :window", kind=kind, window=window)
