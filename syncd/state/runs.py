"""Runs, held changes, cursors, leases and what was learned of the target."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, text

from syncd.core.plan import Held
from syncd.state.claims import abandon
from syncd.state.ledger import OURS

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
    """The part of the state that knows runs. Times are Unix seconds."""

    clock: Callable[[], float]

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]: ...

    def lease(self, source: str, owner: str, seconds: float) -> str | None:
        """Take the source for ``owner``; return who holds it instead, if someone does."""
        now = self.clock()
        with self.write() as connection:
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
        with self.write() as connection:
            values = {"source": source, "owner": owner, "expires": self.clock() + seconds}
            return connection.execute(query, values).rowcount > 0

    def release(self, source: str, owner: str) -> None:
        """Give the source back, if ``owner`` still has it."""
        with self.write() as connection:
            query = text("DELETE FROM lease WHERE source = :source AND owner = :owner")
            connection.execute(query, {"source": source, "owner": owner})

    def holder(self, source: str) -> str | None:
        """Who runs the source now, if someone does."""
        query = text("SELECT owner FROM lease WHERE source = :source AND expires > :now")
        with self.read() as connection:
            owner: str | None = connection.execute(query, {"source": source, "now": self.clock()}).scalar()
            return owner

    def begin_run(self, run: str, source: str, config: str, *, kind: str = "run", undoes: str | None = None) -> None:
        """Note that a run of the source began; older runs that never ended are marked as broken off."""
        values = {"run": run, "source": source, "config": config, "now": self.clock(), "kind": kind, "undoes": undoes}
        with self.write() as connection:
            connection.execute(
                text("UPDATE run SET outcome = 'broken off' WHERE source = :source AND outcome = 'running'"), values
            )
            abandon(connection, source, self.clock())
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
        with self.write() as connection:
            connection.execute(query, {"requests": requests, "planned": planned, "run": run, "source": source})

    def end_run(self, run: str, source: str, *, outcome: str, exit_code: int, requests: int, report: Any) -> None:
        """Note how the run ended, and forget what is older than the retention."""
        now = self.clock()
        with self.write() as connection:
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

    def last_runs(self, source: str) -> list[dict[str, Any]]:
        """Return the newest run of the source and, if that is another one, the newest that succeeded.

        A run that undoes another does not read the source, and so does not count.
        """
        columns = "run, started, ended, outcome, exit, requests, report"
        of_source = "source = :source AND kind = 'run'"
        newest = text(f"SELECT {columns} FROM run WHERE {of_source} ORDER BY started DESC LIMIT 1")
        good = text(f"SELECT {columns} FROM run WHERE {of_source} AND outcome = 'done' ORDER BY started DESC LIMIT 1")
        with self.read() as connection:
            rows = [connection.execute(query, {"source": source}).mappings().first() for query in (newest, good)]
        found = [dict(row) for row in rows if row is not None]
        return [{**row, "report": json.loads(row["report"] or "null")} for row in found]

    def last_begun(self, source: str) -> float | None:
        """When the source's newest run began; None if there is none, or if it is due again: broken off or temporary."""
        query = text("SELECT started, exit FROM run WHERE source = :source ORDER BY started DESC LIMIT 1")
        with self.read() as connection:
            row = connection.execute(query, {"source": source}).first()
        return None if row is None or row[1] in (None, 4) else float(row[0])

    def note_reconciled(self, source: str) -> None:
        """Note that the source was compared with the target now."""
        self.learn(f"reconciled.{source}", str(self.clock()))

    def last_reconciled(self, source: str) -> float | None:
        """When the source was last compared with the target; None if never."""
        found = self.fact(f"reconciled.{source}")
        return None if found is None else float(found)

    def counts(self, source: str) -> dict[str, int]:
        """How many contacts of the source the ledger holds, by status."""
        query = text("SELECT status, count(*) FROM contact WHERE source = :source GROUP BY status")
        with self.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query, {"source": source})}

    def holds(self, source: str) -> list[dict[str, Any]]:
        """What gates hold of the source now, with the time since when."""
        query = text("SELECT * FROM hold WHERE source = :source ORDER BY gate")
        with self.read() as connection:
            rows = connection.execute(query, {"source": source}).mappings().all()
        return [{**row, "keys": json.loads(row["keys"])} for row in rows]

    def approved(self, source: str) -> set[tuple[str, str]]:
        """The lists that a person approved and no run has used yet: gate and digest."""
        query = text("SELECT gate, digest FROM hold WHERE source = :source AND approved IS NOT NULL")
        with self.read() as connection:
            return {(gate, digest) for gate, digest in connection.execute(query, {"source": source})}

    def approve(self, source: str, digest: str) -> int:
        """Approve the lists held under ``digest``; return how many gates it opens."""
        query = text("UPDATE hold SET approved = :now WHERE source = :source AND digest = :digest")
        with self.write() as connection:
            return connection.execute(query, {"now": self.clock(), "source": source, "digest": digest}).rowcount

    def keep_holds(self, source: str, held: Iterable[Held], approved: Iterable[Held] = ()) -> None:
        """Make ``held`` what is held of the source: a list that changed loses its approval, one that is gone goes.

        ``approved``: what was approved and is not done yet, so that the approval stands.
        """
        now = self.clock()
        lists = [*((each, None) for each in held), *((each, now) for each in approved)]
        values = [
            {
                "source": source,
                "gate": each.gate,
                "kind": each.kind,
                "digest": each.digest,
                "count": each.count,
                "keys": json.dumps(each.keys),
                "detail": each.detail,
                "now": now,
                "approved": since,
            }
            for each, since in lists
        ]
        gates = json.dumps([each["gate"] for each in values])
        with self.write() as connection:
            connection.execute(
                text("DELETE FROM hold WHERE source = :source AND gate NOT IN (SELECT value FROM json_each(:gates))"),
                {"source": source, "gates": gates},
            )
            if values:
                connection.execute(
                    text(
                        "INSERT INTO hold (source, gate, kind, digest, count, keys, detail, since, approved)"
                        " VALUES (:source, :gate, :kind, :digest, :count, :keys, :detail, :now, :approved)"
                        " ON CONFLICT (source, gate) DO UPDATE SET kind = excluded.kind, count = excluded.count,"
                        " keys = excluded.keys, detail = excluded.detail,"
                        " since = CASE WHEN digest = excluded.digest THEN since ELSE excluded.since END,"
                        " approved = CASE WHEN digest = excluded.digest THEN coalesce(approved, excluded.approved)"
                        " ELSE excluded.approved END, digest = excluded.digest"
                    ),
                    values,
                )

    def cursor(self, source: str, context: str) -> tuple[str, dict[str, Any]] | None:
        """Return the cursor saved in this ``context`` and what stood then, or None."""
        query = text("SELECT value, standing FROM cursor WHERE source = :source AND context = :context")
        with self.read() as connection:
            row = connection.execute(query, {"source": source, "context": context}).first()
        return (row[0], json.loads(row[1])) if row else None

    def save_cursor(self, source: str, value: str, context: str, standing: Mapping[str, Any]) -> None:
        """Let the next read begin at ``value``; ``standing`` is what a run that finds nothing new reports again."""
        values = {
            "source": source,
            "value": value,
            "context": context,
            "saved": self.clock(),
            "standing": json.dumps(standing, ensure_ascii=False),
        }
        with self.write() as connection:
            connection.execute(
                text(
                    "INSERT INTO cursor (source, value, context, standing, saved)"
                    " VALUES (:source, :value, :context, :standing, :saved) ON CONFLICT (source) DO UPDATE SET"
                    " value = excluded.value, context = excluded.context, standing = excluded.standing,"
                    " saved = excluded.saved"
                ),
                values,
            )

    def is_open(self, source: str) -> bool:
        """Whether something of the source is still under way: a call of unknown outcome, or an old id to delete."""
        query = text(
            "SELECT EXISTS (SELECT 1 FROM change WHERE source = :source AND outcome IN ('pending', 'moved'))"
            " OR EXISTS (SELECT 1 FROM contact WHERE source = :source AND status = 'pending')"
        )
        with self.read() as connection:
            return bool(connection.execute(query, {"source": source}).scalar_one())

    def drop_cursor(self, source: str) -> None:
        """Let the next read be a whole one."""
        with self.write() as connection:
            connection.execute(text("DELETE FROM cursor WHERE source = :source"), {"source": source})

    def fact(self, name: str) -> str | None:
        """Return what was learned under this name."""
        with self.read() as connection:
            # A run asks for some twenty facts: without a statement to compile each takes half as long.
            value: str | None = connection.exec_driver_sql("SELECT value FROM fact WHERE name = ?", (name,)).scalar()
            return value

    def learn(self, name: str, value: str) -> None:
        """Remember a fact about the target."""
        with self.write() as connection:
            connection.execute(
                text(
                    "INSERT INTO fact (name, value) VALUES (:name, :value)"
                    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                ),
                {"name": name, "value": value},
            )
