"""Read SQLite: a file that is opened for reading only, by the interpreter's own SQLite library."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT_TIMEOUT, POLL_SECONDS, Column
from connectors.sql_query.statement import Statement
from connectors.sql_query.text import NotText


class Sqlite(RowSnapshot):
    """A transaction on a SQLite file, which is opened for reading only."""

    _until = float("inf")

    def begin(self) -> None:
        import sqlite3

        path = Path(self.access.url.database or "")
        with self.errors.translated():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro",
                uri=True,
                timeout=POLL_SECONDS,
                check_same_thread=False,
                isolation_level=None,
            )
            self._connection.text_factory = _text
            self._connection.execute("PRAGMA query_only = 1")
            self._connection.execute("BEGIN")
            self._take_snapshot()
        # SQLite has no timeout of statements. This function is called every 100,000 steps and can end one.
        self._connection.set_progress_handler(self._must_end, 100_000)

    def _take_snapshot(self) -> None:
        import sqlite3

        # A wait for another program's lock cannot be ended, so there are many short ones.
        until = time.monotonic() + CONNECT_TIMEOUT
        while True:
            try:
                # BEGIN alone takes no snapshot; the first statement that reads the file does.
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except sqlite3.OperationalError as error:
                self.stop_if_cancelled()
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            else:
                return

    def _must_end(self) -> bool:
        return self.cancelled.is_set() or time.monotonic() > self._until

    def _cursor(self) -> Any:
        self._until = time.monotonic() + self.access.timeout
        return self._connection.cursor()

    def family(self, column: Column, sample: Statement) -> Family:  # noqa: ARG002
        # SQLite has types of values, and none of columns.
        values = [value for (value,) in self.rows(sample)]
        found: set[Family] = {_family_of(value) for value in values}
        if found == {"text", "date"}:
            return "text"
        return found.pop() if len(found) == 1 else "mixed" if found else ""

    def now(self) -> tuple[str, str]:
        [found] = self.rows(Statement("SELECT datetime('now'), datetime('now', 'localtime')"))
        return str(found[0]), str(found[1])

    def scanned(self, statement: Statement) -> list[str]:
        plan = self.rows(Statement(f"EXPLAIN QUERY PLAN {statement.text}", statement.values))
        steps = [str(row[3]).split() for row in plan]
        return sorted({words[1] for words in steps if words[0] == "SCAN" and "INDEX" not in words})


def _family_of(value: Any) -> Family:
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else "text"
    return "binary"


def _text(value: bytes) -> str | NotText:
    # SQLite stores any bytes as text. An error here would end the whole read because of one row.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NotText(value)
