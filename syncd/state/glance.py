"""A look into the state file by a process that must stay small: read-only, without Polars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from syncd.core.callers.wording import NOBODY
from syncd.core.company.identity import Company
from syncd.state.look import Look
from syncd.state.requests import SeenRequests, Tier

COMPANY, ADDRESS = "target.company", "target.address"
"""The names of the facts that say which company the state belongs to."""

FIELDS = "target.fields"
"""The name of the fact that holds the target's fields as they were seen last (:meth:`Schema.described`)."""

RETRY = 60.0
"""Seconds after which a notice that could not be sent is tried again."""

_RUNS = (
    "SELECT run, started, ended, outcome, exit, requests, planned, json_extract(report, '$.counts') AS counts,"
    " json_extract(report, '$.error.kind') AS error_kind, json_extract(report, '$.error.message') AS error"
    " FROM run WHERE source = :source"
)
_NEWEST = "ORDER BY started DESC LIMIT 1"
# A person who stops a run with Ctrl-C need not be alarmed of it: such a run did not fail.
_STOPPED = "coalesce(json_extract(report, '$.error.kind'), '') = 'Stopped'"

# The names of the sources in the ledger that are not among ``:configured``. The first query goes from each name to the
# next one: to look at each of a million contacts for its source takes longer than a small run.
_OTHERS = (
    "WITH RECURSIVE known (name) AS (SELECT min(source) FROM contact UNION ALL"
    " SELECT (SELECT min(source) FROM contact WHERE source > known.name) FROM known WHERE known.name IS NOT NULL),"
    " other (name) AS (SELECT name FROM known WHERE name IS NOT NULL"
    " AND name NOT IN (SELECT value FROM json_each(:configured)))"
)
# Their contacts. A contact that a configured source has too belongs to the configured source. CROSS JOIN keeps SQLite
# from the other order, which reads the whole ledger even if every source is configured.
_THEIRS = (
    "FROM other CROSS JOIN contact ON contact.source = other.name WHERE contact.remote_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM contact AS holder WHERE holder.remote_id = contact.remote_id"
    " AND holder.source IN (SELECT value FROM json_each(:configured)))"
)

NAMED = f"{_OTHERS} SELECT name FROM other"
COUNTED = f"{_OTHERS} SELECT contact.source, count(*) AS number {_THEIRS} GROUP BY contact.source ORDER BY 1"
IDS = f"{_OTHERS} SELECT DISTINCT contact.remote_id {_THEIRS}"


def repairs_of(source: str) -> str:
    """Return the name under which the lists that a repair of the source holds are stored; no source has this name."""
    # Beside the lists of runs, since a run must not carry out a repair that a person approved.
    return f"{source}:repair"


def erasures_of(sink: str) -> str:
    """Return the name under which what a person wants erased at a sink is held; no sink has this name."""
    return f"{sink}:erase"


# The tables and columns that the queries name, for a look where no run has made a state file yet.
_EMPTY = """
CREATE TABLE run (run, source, kind, started, ended, outcome, exit, requests, planned, report);
CREATE TABLE lease (source, owner, expires);
CREATE TABLE contact (source, key, status, remote_id);
CREATE INDEX contact_open ON contact (source, key) WHERE status <> 'accepted';
CREATE TABLE hold (source, gate, kind, digest, "count", detail, since, approved);
CREATE TABLE alarm (source, kind);
CREATE TABLE notice (tried);
CREATE TABLE fact (name, value);
CREATE TABLE request (at, pause, tier);
"""


class Glance(Look):
    """The state file as it is now; without a file, nothing is known. Times are Unix seconds.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    EMPTY: ClassVar[str] = _EMPTY

    def newest_run(self, source: str) -> dict[str, Any] | None:
        """Return the newest run, which may not have ended yet."""
        return self.record(f"{_RUNS} {_NEWEST}", source=source)

    def ended_run(self, source: str) -> dict[str, Any] | None:
        """Return the newest run that has ended and that nobody stopped."""
        ended = f"kind = 'run' AND outcome <> 'running' AND NOT {_STOPPED}"
        return self.record(f"{_RUNS} AND {ended} {_NEWEST}", source=source)

    def good_run(self, source: str) -> dict[str, Any] | None:
        """Return the newest run that succeeded."""
        return self.record(f"{_RUNS} AND kind = 'run' AND outcome = 'done' {_NEWEST}", source=source)

    def first_started(self, source: str) -> float | None:
        """Return when the oldest run began that the state still has."""
        query = "SELECT min(started) FROM run WHERE source = :source AND kind = 'run'"
        started: float | None = self.scalar(query, source=source)
        return started

    def failures(self, source: str) -> int:
        """Return how many runs have failed, or were broken off, since the last one that succeeded."""
        query = (
            "SELECT count(*) FROM run WHERE source = :source AND kind = 'run'"
            f" AND outcome IN ('failed', 'broken off') AND NOT {_STOPPED}"
            " AND started > coalesce((SELECT max(started) FROM run WHERE source = :source"
            " AND kind = 'run' AND outcome = 'done'), 0)"
        )
        return int(self.scalar(query, source=source))

    def holder(self, source: str, now: float) -> str | None:
        """Return the owner that runs the source now, or None."""
        query = "SELECT owner FROM lease WHERE source = :source AND expires > :now"
        owner: str | None = self.scalar(query, source=source, now=now)
        return owner

    def known(self, source: str) -> int:
        """Return how many contacts of the source are at the target, as far as known; it counts them one by one."""
        query = "SELECT count(*) FROM contact WHERE source = :source AND remote_id IS NOT NULL"
        return int(self.scalar(query, source=source))

    def open_contacts(self, source: str) -> dict[str, int]:
        """Return how many contacts of the source are not accepted, by status."""
        query = (
            "SELECT status, count(*) FROM contact INDEXED BY contact_open"
            " WHERE source = :source AND status <> 'accepted' GROUP BY status"
        )
        return dict(self.rows(query, source=source))

    def holds(self, source: str) -> list[dict[str, Any]]:
        """Return the lists that gates hold of the source, without their keys."""
        columns = 'source, gate, kind, digest, "count", detail, since, approved'
        return self.records(f"SELECT {columns} FROM hold WHERE source = :source ORDER BY gate", source=source)

    def undecided(self, source: str) -> list[str]:
        """Return the numbers of the source's contacts that wait for a person's decision."""
        # A state of an earlier version has no such table, and nothing that waits.
        if not self.scalar("SELECT 1 FROM sqlite_master WHERE name = 'leftout'"):
            return []
        query = "SELECT DISTINCT number FROM leftout WHERE source = :source AND reason = :reason ORDER BY number"
        return self.column(query, source=source, reason=NOBODY)

    def unconfigured(self, configured: Iterable[str]) -> dict[str, int]:
        """Count the contacts of each source that is not ``configured`` and that no configured source has too."""
        return dict(self.rows(COUNTED, configured=[*configured]))

    def alarms(self) -> set[tuple[str, str]]:
        """Return the alarms that people were notified of, or are about to be: source and kind."""
        return set(self.rows("SELECT source, kind FROM alarm"))

    def waits_to_be_told(self, before: float) -> bool:
        """Return whether a notice waits that no process has tried to send since ``before``."""
        return bool(self.rows("SELECT 1 FROM notice WHERE coalesce(tried, 0) < :before LIMIT 1", before=before))

    def fact(self, name: str) -> str | None:
        """Return the stored text of a fact, or None."""
        value: str | None = self.scalar("SELECT value FROM fact WHERE name = :name", name=name)
        return value

    def company(self) -> Company | None:
        """Return the company that the state belongs to, None for a state that was never used."""
        stored, address = self.fact(COMPANY), self.fact(ADDRESS)
        return Company.load(stored) if stored else Company(address) if address else None

    def requests(self, tier: Tier) -> SeenRequests:
        """Return the requests of a tier, for :class:`syncd.budget.Budget` to look at; nothing is locked."""
        return SeenRequests(self, tier)
