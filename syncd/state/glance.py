"""A look into the state file by a process that must stay small: read-only, without SQLAlchemy and Polars."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from syncd.errors import StateBusy, StateError
from syncd.state.place import damage, is_there, unreadable, uri

PATIENCE = 5.0
"""Seconds to wait for another process's transaction."""

RETRY = 60.0
"""Seconds after which a notice that could not be told is tried again."""

_RUN = (
    "run, started, ended, outcome, exit, requests, planned, json_extract(report, '$.counts') AS counts,"
    " json_extract(report, '$.error.kind') AS error_kind, json_extract(report, '$.error.message') AS error"
)
_STOPPED = "coalesce(json_extract(report, '$.error.kind'), '') = 'Stopped'"
"""A run that was asked to stop did not fail."""


# What the ledger holds of sources that the configuration does not name. ``?1`` is a JSON list of the configured
# sources; a contact that a configured source holds as well belongs to that source.
_OTHERS = (
    "WITH RECURSIVE known (name) AS (SELECT min(source) FROM contact UNION ALL"
    " SELECT (SELECT min(source) FROM contact WHERE source > known.name) FROM known WHERE known.name IS NOT NULL),"
    " other (name) AS (SELECT name FROM known WHERE name IS NOT NULL"
    " AND name NOT IN (SELECT value FROM json_each(?1)))"
)
"""The names leap from one to the next: to look at each of a million contacts takes longer than a small run."""

_THEIRS = (
    "FROM other CROSS JOIN contact ON contact.source = other.name WHERE contact.remote_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM contact AS holder WHERE holder.remote_id = contact.remote_id"
    " AND holder.source IN (SELECT value FROM json_each(?1)))"
)

NAMED = f"{_OTHERS} SELECT name FROM other"
COUNTED = f"{_OTHERS} SELECT contact.source, count(*) AS number {_THEIRS} GROUP BY contact.source ORDER BY 1"
IDS = f"{_OTHERS} SELECT DISTINCT contact.remote_id {_THEIRS}"


def repairs_of(source: str) -> str:
    """The name under which what a repair of the source holds is kept, beside what a run holds; no source has it."""
    return f"{source}:repair"


class Glance:
    """The state file as it is now; where there is none, nothing is known. Times are Unix seconds.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        there = is_there(self.path)
        where = uri(self.path, "ro") if there else ":memory:"
        connection = sqlite3.connect(where, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        if not there:
            connection.executescript(_EMPTY)
        return connection

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with self._explained(), closing(self._connection.execute(query, values)) as found:
            return [dict(row) for row in found]

    def _first(self, query: str, *values: Any) -> dict[str, Any] | None:
        return next(iter(self._rows(query, *values)), None)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(error) from None

    def _told(self, error: sqlite3.Error) -> StateError:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StateBusy(f"{self.path}: another process has locked the state file; try again when it is done")
        if "no such" in str(error):
            return StateError(f"{self.path}: the state file is of another version; the next syncd run migrates it")
        unusable = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        return StateError(damage(self.path) if unusable else unreadable(self.path))

    def newest_run(self, source: str) -> dict[str, Any] | None:
        """The newest run, which may still be going on."""
        return self._first(f"SELECT {_RUN} FROM run WHERE source = ? ORDER BY started DESC LIMIT 1", source)

    def ended_run(self, source: str) -> dict[str, Any] | None:
        """The newest run that came to an end of its own."""
        return self._first(
            f"SELECT {_RUN} FROM run WHERE source = ? AND kind = 'run' AND outcome <> 'running' AND NOT {_STOPPED}"
            " ORDER BY started DESC LIMIT 1",
            source,
        )

    def good_run(self, source: str) -> dict[str, Any] | None:
        """The newest run that succeeded."""
        return self._first(
            f"SELECT {_RUN} FROM run WHERE source = ? AND kind = 'run' AND outcome = 'done'"
            " ORDER BY started DESC LIMIT 1",
            source,
        )

    def first_started(self, source: str) -> float | None:
        """When the oldest run that is remembered began."""
        found = self._first("SELECT min(started) AS started FROM run WHERE source = ? AND kind = 'run'", source)
        return found["started"] if found else None

    def failures(self, source: str) -> int:
        """How many runs have failed, or were broken off, since the last one that succeeded."""
        found = self._first(
            "SELECT count(*) AS failures FROM run WHERE source = ?1 AND kind = 'run'"
            f" AND outcome IN ('failed', 'broken off') AND NOT {_STOPPED}"
            " AND started > coalesce((SELECT max(started) FROM run WHERE source = ?1"
            " AND kind = 'run' AND outcome = 'done'), 0)",
            source,
        )
        return found["failures"] if found else 0

    def holder(self, source: str, now: float) -> str | None:
        """Who runs the source now, if someone does."""
        found = self._first("SELECT owner FROM lease WHERE source = ? AND expires > ?", source, now)
        return found["owner"] if found else None

    def known(self, source: str) -> int:
        """How many contacts of the source are at the target, as far as we know. It counts them one by one."""
        found = self._first("SELECT count(*) AS known FROM contact WHERE source = ? AND remote_id IS NOT NULL", source)
        return found["known"] if found else 0

    def open_contacts(self, source: str) -> dict[str, int]:
        """How many contacts of the source are not accepted, by status."""
        rows = self._rows(
            "SELECT status, count(*) AS number FROM contact INDEXED BY contact_open"
            " WHERE source = ? AND status <> 'accepted' GROUP BY status",
            source,
        )
        return {row["status"]: row["number"] for row in rows}

    def holds(self, source: str) -> list[dict[str, Any]]:
        """What gates hold of the source."""
        return self._rows(
            'SELECT source, gate, kind, digest, "count", detail, since, approved FROM hold'
            " WHERE source = ? ORDER BY gate",
            source,
        )

    def unconfigured(self, configured: Iterable[str]) -> dict[str, int]:
        """How many contacts at the target are of each source that is not ``configured``, and of none that is."""
        return {row["source"]: row["number"] for row in self._rows(COUNTED, json.dumps([*configured]))}

    def alarms(self) -> set[tuple[str, str]]:
        """The alarms that were told of, or are about to be: source and kind."""
        return {(row["source"], row["kind"]) for row in self._rows("SELECT source, kind FROM alarm")}

    def waits_to_be_told(self, before: float) -> bool:
        """Whether a notice waits that nobody has tried to tell since ``before``."""
        return bool(self._rows("SELECT 1 FROM notice WHERE coalesce(tried, 0) < ? LIMIT 1", before))

    def fact(self, name: str) -> str | None:
        """What was learned under this name."""
        found = self._first("SELECT value FROM fact WHERE name = ?", name)
        return found["value"] if found else None

    @contextmanager
    def exclusive(self) -> Iterator[GlancedTimes]:
        """The places of all processes in the key's windows, for :class:`syncd.budget.Budget` to look at."""
        yield GlancedTimes(self._rows)


class GlancedTimes:
    """The request log to a process that takes no places."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def since(self, moment: float) -> list[float]:
        return [
            row["at"] for row in self._rows("SELECT at FROM request WHERE pause = 0 AND at > ? ORDER BY at", moment)
        ]

    def paused_until(self) -> float:
        found: float = self._rows("SELECT coalesce(max(at), 0) AS at FROM request WHERE pause = 1")[0]["at"]
        return found

    def add(self, moment: float) -> None:
        raise NotImplementedError

    def note_answers(self, late: Any) -> None:
        raise NotImplementedError

    def answers(self, first: float, last: float) -> dict[float, float]:
        raise NotImplementedError

    def forget(self, before: float) -> None:
        raise NotImplementedError

    def pause(self, until: float) -> None:
        raise NotImplementedError


_EMPTY = """
CREATE TABLE run (run, source, kind, started, ended, outcome, exit, requests, planned, report);
CREATE TABLE lease (source, owner, expires);
CREATE TABLE contact (source, key, status, remote_id);
CREATE INDEX contact_open ON contact (source, key) WHERE status <> 'accepted';
CREATE TABLE hold (source, gate, kind, digest, "count", detail, since, approved);
CREATE TABLE alarm (source, kind);
CREATE TABLE notice (tried);
CREATE TABLE fact (name, value);
CREATE TABLE request (at, pause);
"""
