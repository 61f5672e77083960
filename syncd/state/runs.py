"""The runs of the sources, which process may run a source, and where the next read of a source begins."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from syncd.core.callers.kinds import KINDS
from syncd.state.database import Database, Part
from syncd.state.entries import OURS
from syncd.state.leaving.deletions import abandon
from syncd.state.numbers.unsent import forget_unread

RETENTION = 90 * 86_400.0
"""Seconds that settled changes and runs are kept."""

IDENTITY = "state.id"
"""The name of the fact that tells this state file from others."""

# Three kinds of old rows stay: open changes, each source's last good run, and the ids that we deleted, for a target may
# bring a contact back under its old id. Of the deletes nothing but the id stays: no personal data outlives RETENTION.
_FORGOTTEN = (
    f"""
    DELETE FROM change WHERE at < :before AND outcome NOT IN ('pending', 'moved') AND source = coalesce(:source, source)
        AND NOT (old_id IS NOT NULL AND {OURS})
        AND id NOT IN (SELECT change FROM leftover WHERE change IS NOT NULL)
    """,
    f"""
    UPDATE change SET run = '', key = '', match = '', old_match = NULL, digest = NULL,
        before = NULL, after = NULL, reason = NULL, place = NULL
        WHERE at < :before AND outcome = 'accepted' AND old_id IS NOT NULL AND key <> '' AND {OURS}
        AND source = coalesce(:source, source)
    """,
    "DELETE FROM formernumber WHERE until < :before AND source = coalesce(:source, source)",
    """
    DELETE FROM run WHERE started < :before AND source = coalesce(:source, source)
        AND NOT (outcome = 'done' AND kind = 'run' AND started =
        (SELECT max(started) FROM run AS newest
            WHERE newest.source = run.source AND newest.outcome = 'done' AND newest.kind = 'run'))
    """,
)


def forget_history(database: Database, before: float, source: str | None = None) -> int:
    """Forget what settled before ``before`` (Unix seconds), of one source or of all; return how many rows changed.

    A call that was given up, and that a later run looks at once more, stays as long as its leftover does.
    """
    with database.write():
        return sum(database.execute(statement, before=before, source=source) for statement in _FORGOTTEN)


def forget_old(database: Database, now: float) -> int:
    """Forget what is older than :data:`RETENTION`; return how many rows changed."""
    with database.write():
        left = database.execute("DELETE FROM leftover WHERE at < :before", before=now - RETENTION)
        left += forget_unread(database, now - RETENTION)
        return left + forget_history(database, now - RETENTION)


_TEMPORARY = 4
"""The exit code of a run that failed for a reason that may be gone the next time."""


class Runs(Part):
    """The runs of the sources. Times are Unix seconds."""

    def begin(self, run: str, source: str, config: str, *, kind: str = "run", undoes: str | None = None) -> None:
        """Note that a run of the source began; older runs that never ended are marked as broken off."""
        now, row = self._database.clock(), {"config": config, "kind": kind, "undoes": undoes}
        with self._database.write():
            # The caller holds the source's lease, so no other run of the source can be alive.
            self._database.execute(
                "UPDATE run SET outcome = 'broken off' WHERE source = :source AND outcome = 'running'", source=source
            )
            abandon(self._database, source, now)
            # Not when the file is made: a dry run without a file makes one in memory, whose name would be lost.
            identity = json.dumps({"name": secrets.token_hex(16), "since": now})
            self._database.execute(
                "INSERT OR IGNORE INTO fact (name, value) VALUES (:name, :value)", name=IDENTITY, value=identity
            )
            self._database.put("run", run=run, source=source, started=now, outcome="running", requests=0, **row)

    def note_progress(self, run: str, source: str, *, requests: int, planned: int) -> None:
        """Note how many requests the run has sent, and how many its plan takes."""
        query = "UPDATE run SET requests = :requests, planned = :planned WHERE run = :run AND source = :source"
        self._database.execute(query, requests=requests, planned=planned, run=run, source=source)

    def end(self, run: str, source: str, *, outcome: str, exit_code: int, requests: int, report: Any) -> None:
        """Note how the run ended, and forget what is older than the retention."""
        now, values = self._database.clock(), {"outcome": outcome, "exit": exit_code, "requests": requests}
        query = (
            "UPDATE run SET ended = :now, outcome = :outcome, exit = :exit, requests = :requests, report = :report"
            " WHERE run = :run AND source = :source"
        )
        as_text = json.dumps(report, ensure_ascii=False)
        with self._database.write():
            self._database.execute(query, run=run, source=source, now=now, report=as_text, **values)
            forget_old(self._database, now)

    def callers_since(self, at: float) -> dict[str, int]:
        """Return what became of callers by the runs that ended since ``at``: how many numbers there are of each kind.

        A number counts for each run, and each source, by whose changes it got another caller.
        """
        sums = ", ".join(f"total(json_extract(report, '$.callers.counts.{kind}'))" for kind in KINDS)
        [row] = self._database.rows(f"SELECT {sums} FROM run WHERE ended >= :at", at=at)
        return {kind: int(count) for kind, count in zip(KINDS, row, strict=True)}

    def newest_delivery(self, sink: str, *, well: bool = False) -> str | None:
        """Return the newest run that delivered to a sink; None if none is known. ``well``: of those that ended well."""
        query = (
            "SELECT run FROM run WHERE source = :sink AND kind = 'deliver' AND (outcome = 'done' OR NOT :well)"
            " ORDER BY started DESC, rowid DESC LIMIT 1"
        )
        found: str | None = self._database.scalar(query, sink=sink, well=well)
        return found

    def has_ended(self, run: str, source: str) -> bool:
        """Return whether a run is known that ended, well or not."""
        query = "SELECT 1 FROM run WHERE run = :run AND source = :source AND outcome IN ('done', 'failed')"
        return bool(self._database.rows(query, run=run, source=source))

    def delivered_to(self) -> frozenset[str]:
        """Return the names of all sinks that a run delivered to."""
        return frozenset(self._database.column("SELECT DISTINCT source FROM run WHERE kind = 'deliver'"))

    def last_begun(self, source: str) -> float | None:
        """Return when the source's newest run began; None if there is none, or if the source is due again."""
        query = "SELECT started, exit FROM run WHERE source = :source ORDER BY started DESC LIMIT 1"
        newest = self._database.record(query, source=source)
        # A run without an exit code was broken off: it counts as little as one that ended for a temporary reason.
        return None if newest is None or newest["exit"] in (None, _TEMPORARY) else float(newest["started"])


class Leases(Part):
    """Which process may run a source. Times are Unix seconds."""

    def take(self, source: str, owner: str, seconds: float) -> str | None:
        """Take the source for ``owner``; return the other owner if the source is taken."""
        # An owner may take a source that it has: ``since`` says when it took the source first.
        query = (
            "INSERT INTO lease (source, owner, since, expires) VALUES (:source, :owner, :now, :expires)"
            " ON CONFLICT (source) DO UPDATE SET expires = excluded.expires, owner = excluded.owner,"
            " since = CASE WHEN owner = excluded.owner THEN since ELSE excluded.since END"
        )
        now = self._database.clock()
        with self._database.write():
            holder = self.holder(source)
            if holder not in (None, owner):
                return holder
            self._database.execute(query, source=source, owner=owner, now=now, expires=now + seconds)
        return None

    def renew(self, source: str, owner: str, seconds: float) -> bool:
        """Hold the source for ``seconds`` from now; return False if ``owner`` does not have it any more."""
        query = "UPDATE lease SET expires = :expires WHERE source = :source AND owner = :owner"
        return self._database.execute(query, source=source, owner=owner, expires=self._database.clock() + seconds) > 0

    def release(self, source: str, owner: str) -> None:
        """Give the source back, if ``owner`` still has it."""
        query = "DELETE FROM lease WHERE source = :source AND owner = :owner"
        self._database.execute(query, source=source, owner=owner)

    def holder(self, source: str) -> str | None:
        """Return the owner that runs the source now, or None."""
        query = "SELECT owner FROM lease WHERE source = :source AND expires > :now"
        owner: str | None = self._database.scalar(query, source=source, now=self._database.clock())
        return owner


class Cursors(Part):
    """Where the next read of each source begins."""

    def get(self, source: str, context: str) -> tuple[str, dict[str, Any]] | None:
        """Return the cursor and the ``standing`` that were saved in this ``context``, or None."""
        query = "SELECT value, standing FROM cursor WHERE source = :source AND context = :context"
        saved = self._database.record(query, source=source, context=context)
        return (saved["value"], json.loads(saved["standing"])) if saved else None

    def save(self, source: str, value: str, context: str, standing: Mapping[str, Any]) -> None:
        """Let the next read begin at ``value``; ``standing`` is what a run that finds nothing new reports again."""
        now, as_text = self._database.clock(), json.dumps(standing, ensure_ascii=False)
        self._database.put("cursor", source=source, value=value, context=context, standing=as_text, saved=now)

    def has_open_calls(self, source: str) -> bool:
        """Return whether a call of the source has an unknown outcome, or an old id of it waits to be deleted."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM change WHERE source = :source AND outcome IN ('pending', 'moved'))"
            " OR EXISTS (SELECT 1 FROM contact WHERE source = :source AND status = 'pending')"
        )
        return bool(self._database.scalar(query, source=source))

    def drop(self, source: str) -> None:
        """Let the next read be a whole one."""
        self._database.execute("DELETE FROM cursor WHERE source = :source", source=source)
