"""Changes that wait: gates hold them until a person approves them, and undone changes stay undone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from syncd.core.columns import DIGEST, KEY
from syncd.core.plan import Held
from syncd.state.database import Part
from syncd.state.entries import DONE
from syncd.state.queries import THESE_KEYS

# An approval is for exactly one list, which the digest names: a gate that holds another list now has no approval.
_HOLD = (
    "INSERT INTO hold (source, gate, kind, digest, count, keys, detail, since, approved)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, gate) DO UPDATE SET kind = excluded.kind, count = excluded.count,"
    " keys = excluded.keys, detail = excluded.detail,"
    " since = CASE WHEN digest = excluded.digest THEN since ELSE excluded.since END,"
    " approved = CASE WHEN digest = excluded.digest THEN coalesce(approved, excluded.approved)"
    " ELSE excluded.approved END, digest = excluded.digest"
)

_LAST_CHANGE_WAS_AN_UNDO = (
    "(SELECT kind FROM run WHERE run.source = undone.source AND run.run = (SELECT run FROM change"
    f" WHERE change.source = undone.source AND change.key = undone.key AND ({DONE} OR outcome = 'pending')"
    " ORDER BY id DESC LIMIT 1)) = 'undo'"
)


class Holds(Part):
    """Changes that gates hold, their approvals, and undone changes. Times are Unix seconds."""

    def of(self, source: str) -> list[dict[str, Any]]:
        """Return the lists that gates hold of the source now, as the table ``hold`` has them."""
        rows = self._database.records("SELECT * FROM hold WHERE source = :source ORDER BY gate", source=source)
        return [{**row, "keys": json.loads(row["keys"])} for row in rows]

    def lists(self, source: str) -> list[dict[str, Any]]:
        """Return the same without the keys, of which there may be many."""
        columns = 'gate, kind, digest, "count", detail, since, approved'
        return self._database.records(f"SELECT {columns} FROM hold WHERE source = :source ORDER BY gate", source=source)

    def approved(self, source: str) -> set[tuple[str, str]]:
        """Return the lists that a person approved and no run has carried out yet: gate and digest."""
        query = "SELECT gate, digest FROM hold WHERE source = :source AND approved IS NOT NULL"
        return set(self._database.rows(query, source=source))

    def approve(self, source: str, digest: str) -> int:
        """Approve the lists held under ``digest``; return how many gates hold such a list."""
        query = "UPDATE hold SET approved = :now WHERE source = :source AND digest = :digest"
        return self._database.execute(query, now=self._database.clock(), source=source, digest=digest)

    def keep(self, source: str, held: Iterable[Held], approved: Iterable[Held] = ()) -> None:
        """Replace the lists that gates hold of the source; a list that stays the same keeps its approval.

        ``approved``: lists whose changes were approved and are not done yet, so their approval stands.
        """
        now = self._database.clock()
        lists = [*((each, None) for each in held), *((each, now) for each in approved)]
        rows = [
            (source, each.gate, each.kind, each.digest, each.count, json.dumps(each.keys), each.detail, now, since)
            for each, since in lists
        ]
        with self._database.write():
            # Not all rows are replaced: a gate that still holds the same list keeps ``since`` and ``approved``.
            gone = "DELETE FROM hold WHERE source = :source AND gate NOT IN (SELECT value FROM json_each(:gates))"
            self._database.execute(gone, source=source, gates=[each.gate for each, _ in lists])
            self._database.execute_many(_HOLD, rows)

    def undone(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@digest`` of undone changes: the contact that the source asked for, null for a delete."""
        query = "SELECT key, digest FROM undone WHERE source = :source"
        return self._database.frame({KEY: pl.String, DIGEST: pl.Int64}, query, source=source)

    def hold_back(self, run: str, source: str, asked: Mapping[str, int | None]) -> set[str]:
        """Note which digest the source asks for, by key, before its changes are undone; return the keys noted now.

        As long as the source asks for these digests, they are not sent.
        """
        query = f"SELECT key FROM undone WHERE {THESE_KEYS} AND {_LAST_CHANGE_WAS_AN_UNDO}"
        with self._database.write():
            # An undo of an undo: the source still asks for what is noted, while ``asked`` is what the first undo sent.
            kept = set(self._database.column(query, source=source, keys=asked.keys()))
            now = self._database.clock()
            self._database.execute_many(
                "INSERT OR REPLACE INTO undone (source, key, digest, run, at) VALUES (?, ?, ?, ?, ?)",
                [(source, key, digest, run, now) for key, digest in asked.items() if key not in kept],
            )
        return asked.keys() - kept

    def let_go(self, source: str, keys: Collection[str]) -> None:
        """Forget that changes of these keys were undone."""
        if keys:
            self._database.execute(f"DELETE FROM undone WHERE {THESE_KEYS}", source=source, keys=keys)
