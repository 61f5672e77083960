"""The runs of the sources, and which process may run a source."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from syncd.state.database import Database
from syncd.state.deletions import abandon
from syncd.state.entries import OURS

RETENTION = 90 * 86_400.0
"""Seconds that settled changes and runs are kept."""


_FORGOTTEN = (
    text(
        "DELETE FROM change WHERE at < :before AND outcome NOT IN ('pending', 'moved')"
        f" AND NOT (old_id IS NOT NULL AND {OURS})"
    ),
    text(
        "UPDATE change SET run = '', key = '', match = '', old_match = NULL, digest = NULL, before = NULL,"
        " after = NULL, reason = NULL"
        f" WHERE at < :before AND outcome = 'accepted' AND old_id IS NOT NULL AND key <> '' AND {OURS}"
    ),
    text(
        "DELETE FROM run WHERE started < :before AND NOT (outcome = 'done' AND kind = 'run' AND started ="
        " (SELECT max(started) FROM run AS newest WHERE newest.source = run.source AND newest.outcome = 'done'"
        " AND newest.kind = 'run'))"
    ),
)
"""Of what is old, these stay: what is open, the ids that we deleted (a target may bring one back), and each source's
last good run."""


class Runs:
    """The runs of the sources. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: str, source: str, config: str, *, kind: str = "run", undoes: str | None = None) -> None:
        """Note that a run of the source began; older runs that never ended are marked as broken off."""
        values = {
            "run": run,
            "source": source,
            "config": config,
            "now": self._database.clock(),
            "kind": kind,
            "undoes": undoes,
        }
        with self._database.write() as connection:
            connection.execute(
                text("UPDATE run SET outcome = 'broken off' WHERE source = :source AND outcome = 'running'"), values
            )
            abandon(connection, source, self._database.clock())
            connection.execute(
                text(
                    "INSERT INTO run (run, source, started, outcome, requests, config, kind, undoes)"
                    " VALUES (:run, :source, :now, 'running', 0, :config, :kind, :undoes)"
                ),
                values,
            )

    def note_progress(self, run: str, source: str, *, requests: int, planned: int) -> None:
        """Note how many requests the run has sent, and how many its plan takes."""
        query = text("UPDATE run SET requests = :requests, planned = :planned WHERE run = :run AND source = :source")
        with self._database.write() as connection:
            connection.execute(query, {"requests": requests, "planned": planned, "run": run, "source": source})

    def end(self, run: str, source: str, *, outcome: str, exit_code: int, requests: int, report: Any) -> None:
        """Note how the run ended, and forget what is older than the retention."""
        now = self._database.clock()
        with self._database.write() as connection:
            connection.execute(
                text(
                    "UPDATE run SET ended = :now, outcome = :outcome, exit = :exit, requests = :requests,"
                    " report = :report WHERE run = :run AND source = :source"
                ),
                {
                    "run": run,
                    "source": source,
                    "now": now,
                    "outcome": outcome,
                    "exit": exit_code,
                    "requests": requests,
                    "report": json.dumps(report, ensure_ascii=False),
                },
            )
            for statement in _FORGOTTEN:
                connection.execute(statement, {"before": now - RETENTION})

    def last(self, source: str) -> list[dict[str, Any]]:
        """Return the newest run of the source and, if that is another one, the newest that succeeded.

        A run that undoes another does not read the source, and so does not count.
        """
        columns = "run, started, ended, outcome, exit, requests, report"
        of_source = "source = :source AND kind = 'run'"
        newest = text(f"SELECT {columns} FROM run WHERE {of_source} ORDER BY started DESC LIMIT 1")
        good = text(f"SELECT {columns} FROM run WHERE {of_source} AND outcome = 'done' ORDER BY started DESC LIMIT 1")
        with self._database.read() as connection:
            rows = [connection.execute(query, {"source": source}).mappings().first() for query in (newest, good)]
        found = [dict(row) for row in rows if row is not None]
        return [{**row, "report": json.loads(row["report"] or "null")} for row in found]

    def last_begun(self, source: str) -> float | None:
        """When the source's newest run began; None if there is none, or if it is due again: broken off or temporary."""
        query = text("SELECT started, exit FROM run WHERE source = :source ORDER BY started DESC LIMIT 1")
        with self._database.read() as connection:
            row = connection.execute(query, {"source": source}).first()
        return None if row is None or row[1] in (None, 4) else float(row[0])

    def counts(self, source: str) -> dict[str, int]:
        """How many contacts of the source the ledger holds, by status."""
        query = text("SELECT status, count(*) FROM contact WHERE source = :source GROUP BY status")
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query, {"source": source})}


class Leases:
    """Which process may run a source. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, source: str, owner: str, seconds: float) -> str | None:
        """Take the source for ``owner``; return who holds it instead, if someone does."""
        now = self._database.clock()
        with self._database.write() as connection:
            held = connection.execute(
                text("SELECT owner FROM lease WHERE source = :source AND owner <> :owner AND expires > :now"),
                {"source": source, "owner": owner, "now": now},
            ).scalar()
            if held is not None:
                return str(held)
            connection.execute(
                text(
                    "INSERT INTO lease (source, owner, since, expires) VALUES (:source, :owner, :now, :expires)"
                    " ON CONFLICT (source) DO UPDATE SET expires = excluded.expires, owner = excluded.owner,"
                    " since = CASE WHEN owner = excluded.owner THEN since ELSE excluded.since END"
                ),
                {"source": source, "owner": owner, "now": now, "expires": now + seconds},
            )
        return None

    def renew(self, source: str, owner: str, seconds: float) -> bool:
        """Hold the source for so much longer; False if ``owner`` does not have it any more."""
        query = text("UPDATE lease SET expires = :expires WHERE source = :source AND owner = :owner")
        with self._database.write() as connection:
            values = {"source": source, "owner": owner, "expires": self._database.clock() + seconds}
            return connection.execute(query, values).rowcount > 0

    def release(self, source: str, owner: str) -> None:
        """Give the source back, if ``owner`` still has it."""
        with self._database.write() as connection:
            query = text("DELETE FROM lease WHERE source = :source AND owner = :owner")
            connection.execute(query, {"source": source, "owner": owner})

    def holder(self, source: str) -> str | None:
        """Who runs the source now, if someone does."""
        query = text("SELECT owner FROM lease WHERE source = :source AND expires > :now")
        with self._database.read() as connection:
            owner: str | None = connection.execute(query, {"source": source, "now": self._database.clock()}).scalar()
            return owner
