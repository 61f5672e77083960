"""Where the next read of a source begins, and what the last run reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from syncd.state.database import Database


class Cursors:
    """Where the next read of each source begins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, source: str, context: str) -> tuple[str, dict[str, Any]] | None:
        """Return the cursor saved in this ``context`` and what stood then, or None."""
        query = text("SELECT value, standing FROM cursor WHERE source = :source AND context = :context")
        with self._database.read() as connection:
            row = connection.execute(query, {"source": source, "context": context}).first()
        return (row[0], json.loads(row[1])) if row else None

    def save(self, source: str, value: str, context: str, standing: Mapping[str, Any]) -> None:
        """Let the next read begin at ``value``; ``standing`` is what a run that finds nothing new reports again."""
        values = {
            "source": source,
            "value": value,
            "context": context,
            "saved": self._database.clock(),
            "standing": json.dumps(standing, ensure_ascii=False),
        }
        with self._database.write() as connection:
            connection.execute(
                text(
                    "INSERT INTO cursor (source, value, context, standing, saved)"
                    " VALUES (:source, :value, :context, :standing, :saved) ON CONFLICT (source) DO UPDATE SET"
                    " value = excluded.value, context = excluded.context, standing = excluded.standing,"
                    " saved = excluded.saved"
                ),
                values,
            )

    def has_open_calls(self, source: str) -> bool:
        """Whether something of the source is still under way: a call of unknown outcome, or an old id to delete."""
        query = text(
            "SELECT EXISTS (SELECT 1 FROM change WHERE source = :source AND outcome IN ('pending', 'moved'))"
            " OR EXISTS (SELECT 1 FROM contact WHERE source = :source AND status = 'pending')"
        )
        with self._database.read() as connection:
            return bool(connection.execute(query, {"source": source}).scalar_one())

    def drop(self, source: str) -> None:
        """Let the next read be a whole one."""
        with self._database.write() as connection:
            connection.execute(text("DELETE FROM cursor WHERE source = :source"), {"source": source})
