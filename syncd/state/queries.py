"""Runs SQL statements on the state file and returns their results as plain Python values."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

# Nothing but the standard library is imported here: the small processes of syncd.state.glance use this class too.

THESE_KEYS = "source = :source AND key IN (SELECT value FROM json_each(:keys))"
"""The condition of a statement about some contacts of a source. SQLite takes 32,766 values at most, but any list as
one JSON text."""


class Queries(ABC):
    """Reads the state file.

    In each statement ``:name`` stands for the argument ``name``. A list, a set or another collection becomes a JSON
    list, for ``json_each``.
    """

    @abstractmethod
    def _executed(self, sql: str, values: Mapping[str, Any]) -> AbstractContextManager[sqlite3.Cursor]:
        """Execute one statement and lend its cursor."""

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of the result."""
        with self._executed(sql, bound(values)) as cursor:
            return cursor.fetchall()

    def records(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of the result, each with the names of the columns."""
        with self._executed(sql, bound(values)) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def record(self, sql: str, **values: Any) -> dict[str, Any] | None:
        """Return the first row of the result with the names of the columns, or None."""
        return next(iter(self.records(sql, **values)), None)

    def column(self, sql: str, **values: Any) -> list[Any]:
        """Return the first column of the result."""
        return [row[0] for row in self.rows(sql, **values)]

    def scalar(self, sql: str, **values: Any) -> Any:
        """Return the first value of the result, or None if there is no row."""
        # SQLite computes the rows one by one: only the first is asked for.
        with self._executed(sql, bound(values)) as cursor:
            row = cursor.fetchone()
            return row[0] if row else None


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as SQLite takes them."""
    return {
        name: json.dumps([*value]) if isinstance(value, Collection) and not isinstance(value, str | bytes) else value
        for name, value in values.items()
    }
