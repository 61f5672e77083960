"""A look into the activity store: read-only, without SQLAlchemy and Polars. Times are Unix seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from syncd.core.activity.facts import DUE, FAILURE, GOOD, REFUSED, SECRET
from syncd.errors import StateError
from syncd.state.look import Look
from syncd.state.place import STORE, Words

PATIENCE = 2700.0
"""Seconds after the end of an answered call until its missing summary is overdue."""

_COVERAGE = """
SELECT coalesce(direction, ''), count(*), sum(EXISTS (SELECT 1 FROM event WHERE subject = call_id)) FROM call
WHERE started >= :since AND started < :until AND status <> 'open' AND left_out = 0 GROUP BY 1
"""

_EMPTY = """
CREATE TABLE event (id, received, processed, outcome, subject);
CREATE TABLE call (call_id, direction, started, ended, status, summary, left_out);
CREATE TABLE day (kind, day, state);
CREATE TABLE media (kind, state, size);
CREATE TABLE fact (name, value);
CREATE TABLE delivery (sink, kind, status, next_try, created);
"""


class StoreGlance(Look):
    """The activity store as it is now; without a file, nothing is known.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    WORDS: ClassVar[Words] = STORE
    EMPTY: ClassVar[str] = _EMPTY

    def fact(self, name: str) -> str | None:
        """Return the text of a fact; None if there is none."""
        value: str | None = self.scalar("SELECT value FROM fact WHERE name = :name", name=name)
        return value

    def moment(self, name: str) -> float | None:
        """Return a fact that is a number, such as a time."""
        value = self.fact(name)
        return None if value is None else float(value)

    def described(self, name: str) -> dict[str, Any] | None:
        """Return a fact that is a JSON object."""
        value = self.fact(name)
        return None if value is None else json.loads(value)

    def moments(self, beginning: str) -> dict[str, float]:
        """Return the facts whose names begin so, as numbers, by the rest of their names."""
        rows = self.rows("SELECT name, value FROM fact WHERE substr(name, 1, :length) = :beginning",
                         length=len(beginning), beginning=beginning)  # fmt: skip
        return {name.removeprefix(beginning): float(value) for name, value in rows}

    def refused(self) -> dict[str, float]:
        """Return when each kind of delivery was refused last."""
        return self.moments(REFUSED)

    def delivered(self) -> float | None:
        """Return when a genuine delivery came last, known to the minute."""
        return max(self.moments(SECRET).values(), default=None)

    def days(self) -> dict[str, int]:
        """Return how many days of both lists are in each state."""
        return dict(self.rows("SELECT state, count(*) FROM day GROUP BY state"))

    def newest_event(self) -> float | None:
        """Return when the newest delivery was received."""
        found: float | None = self.scalar("SELECT max(received) FROM event")
        return found

    def oldest_event(self) -> float | None:
        """Return when the oldest delivery that is kept was received."""
        found: float | None = self.scalar("SELECT min(received) FROM event")
        return found

    def waiting(self) -> tuple[int, float | None]:
        """Return how many deliveries are not merged yet, and when the oldest of them came."""
        sql = "SELECT count(*), min(received) FROM event WHERE processed IS NULL AND outcome = 'new'"
        [(number, since)] = self.rows(sql)
        return number, since

    def open_calls(self) -> int:
        """Return how many calls have no end yet."""
        return int(self.scalar("SELECT count(*) FROM call WHERE status = 'open' AND left_out = 0"))

    def coverage(self, since: float, until: float) -> dict[str, tuple[int, int]]:
        """Return how many calls of a time there are, and how many of them were announced, by direction."""
        found = self.rows(_COVERAGE, since=since, until=until)
        return {direction: (calls, announced) for direction, calls, announced in found}

    def overdue(self, since: float, now: float) -> int:
        """Return how many answered calls since then should have had a summary by now."""
        sql = (
            "SELECT count(*) FROM call WHERE started >= :since AND status = 'answered' AND summary = 0 AND left_out = 0"
            " AND ended < :before"
        )
        return int(self.scalar(sql, since=since, before=now - PATIENCE))

    def media(self) -> dict[str, dict[str, Any]]:
        """Return how many recordings and attachments are wanted and kept, and the bytes that are kept, by kind."""
        sql = (
            "SELECT kind, sum(state IN ('wanted', 'fetching')) AS wanted, sum(state = 'kept') AS kept,"
            " coalesce(sum(size) FILTER (WHERE state = 'kept'), 0) AS size FROM media GROUP BY kind"
        )
        return {f"{each.pop('kind')}s": each for each in self.records(sql)}

    def deliveries(self, sink: str) -> dict[str, int]:
        """Return how many deliveries to a sink are not accepted, by status."""
        sql = "SELECT status, count(*) FROM delivery WHERE sink = :sink AND status <> 'accepted' GROUP BY status"
        return dict(self.rows(sql, sink=sink))

    def made(self, sink: str) -> int:
        """Return how many records a sink has, as far as is known here; it counts them one by one."""
        return int(self.scalar("SELECT count(*) FROM delivery WHERE sink = :sink AND created IS NOT NULL", sink=sink))

    def next_due(self, sink: str) -> float | None:
        """Return when the next delivery to a sink is due."""
        return self.moment(DUE + sink)


def last_pull(store: Path) -> float | None:
    """Return when the last pull ended well; None if the newest one did not.

    Raises:
        StateError: the store cannot be read.
    """
    with StoreGlance(store) as glance:
        return None if glance.fact(FAILURE) else glance.moment(GOOD)


def next_delivery(store: str) -> float | None:
    """Return when the next delivery to a sink is due, in Unix seconds; None if none is, or nobody can tell."""
    try:
        with StoreGlance(Path(store)) as glance:
            return min(glance.moments(DUE).values(), default=None)
    except StateError:
        return None
