"""Changes that wait: gates hold them until a person approves them, and undone changes stay undone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl
from sqlalchemy import text

from syncd.core.columns import DIGEST, KEY
from syncd.core.plan import Held
from syncd.state.database import Database
from syncd.state.entries import DONE


class Holds:
    """Changes that gates hold, their approvals, and undone changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, source: str) -> list[dict[str, Any]]:
        """What gates hold of the source now, with the time since when."""
        query = text("SELECT * FROM hold WHERE source = :source ORDER BY gate")
        with self._database.read() as connection:
            rows = connection.execute(query, {"source": source}).mappings().all()
        return [{**row, "keys": json.loads(row["keys"])} for row in rows]

    def approved(self, source: str) -> set[tuple[str, str]]:
        """The lists that a person approved and no run has used yet: gate and digest."""
        query = text("SELECT gate, digest FROM hold WHERE source = :source AND approved IS NOT NULL")
        with self._database.read() as connection:
            return {(gate, digest) for gate, digest in connection.execute(query, {"source": source})}

    def approve(self, source: str, digest: str) -> int:
        """Approve the lists held under ``digest``; return how many gates it opens."""
        query = text("UPDATE hold SET approved = :now WHERE source = :source AND digest = :digest")
        with self._database.write() as connection:
            return connection.execute(
                query, {"now": self._database.clock(), "source": source, "digest": digest}
            ).rowcount

    def keep(self, source: str, held: Iterable[Held], approved: Iterable[Held] = ()) -> None:
        """Make ``held`` what is held of the source: a list that changed loses its approval, one that is gone goes.

        ``approved``: what was approved and is not done yet, so that the approval stands.
        """
        now = self._database.clock()
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
        with self._database.write() as connection:
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

    def undone(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@digest`` of what was undone: what the source asked for then, null for "be gone"."""
        query = text("SELECT key, digest FROM undone WHERE source = :source")
        with self._database.read() as connection:
            rows = list(map(tuple, connection.execute(query, {"source": source})))
        return pl.DataFrame(rows, schema={KEY: pl.String, DIGEST: pl.Int64}, orient="row")

    def hold_back(self, run: str, source: str, asked: Mapping[str, int | None]) -> set[str]:
        """Note, before it is undone, what the source asked for: it is not sent again until the source changes.

        Where the last change of a contact was an undo, what stands noted is what the source asks for, and is kept.
        Returns the keys of which something was noted.
        """
        standing = text(
            "SELECT key FROM undone WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
            " AND (SELECT kind FROM run WHERE run.source = undone.source AND run.run = (SELECT run FROM change"
            f" WHERE change.source = undone.source AND change.key = undone.key AND ({DONE} OR outcome = 'pending')"
            " ORDER BY id DESC LIMIT 1)) = 'undo'"
        )
        with self._database.write() as connection:
            kept = set(connection.execute(standing, {"source": source, "keys": json.dumps(list(asked))}).scalars())
            rows = [
                (source, key, digest, run, self._database.clock()) for key, digest in asked.items() if key not in kept
            ]
            if rows:
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO undone (source, key, digest, run, at) VALUES (?, ?, ?, ?, ?)", rows
                )
        return asked.keys() - kept

    def let_go(self, source: str, keys: Collection[str]) -> None:
        """Forget that what these keys ask for was undone."""
        if keys:
            with self._database.write() as connection:
                connection.execute(
                    text("DELETE FROM undone WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"),
                    {"source": source, "keys": json.dumps(list(keys))},
                )
