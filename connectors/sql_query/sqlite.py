"""SQLite: a file that is opened for reading only, by the interpreter's own SQLite."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT
from connectors.sql_query.statement import Statement
from connectors.sql_query.text import NotText


class Sqlite(RowSnapshot):
    """A transaction on an SQLite file, which is opened for reading only."""

    def begin(self) -> None:
        import sqlite3

        path = Path(self.access.url.database or "")
        with self.told.of():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro",
                uri=True,
                timeout=CONNECT,
                check_same_thread=False,
                isolation_level=None,
            )
            self._connection.text_factory = _text
            self._connection.execute("PRAGMA query_only = 1")
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # the snapshot begins here
        self._limit()

    def _limit(self) -> None:
        """Let no statement take longer than it may."""
        self._until = time.monotonic() + self.access.timeout
        self._connection.set_progress_handler(
            lambda: self.cancelled.is_set() or time.monotonic() > self._until, 100_000
        )

    def _cursor(self) -> Any:
        self._until = time.monotonic() + self.access.timeout
        return self._connection.cursor()

    def now(self) -> tuple[str, str]:
        [found] = self.rows(Statement("SELECT datetime('now'), datetime('now', 'localtime')"))
        return str(found[0]), str(found[1])

    def scanned(self, statement: Statement) -> list[str]:
        found = self.rows(Statement(f"EXPLAIN QUERY PLAN {statement.text}", statement.values))
        told = [str(row[3]).split() for row in found]
        return sorted({words[1] for words in told if words[0] == "SCAN" and "INDEX" not in words})

    def cancel(self) -> None:
        self.cancelled.set()


def _text(value: bytes) -> str | NotText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NotText(value)
