"""A look into a database file by a process that must stay small: read-only, without SQLAlchemy and Polars."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from syncd.errors import StateError
from syncd.state.place import STATE, Words, is_there, problem, unreadable, uri
from syncd.state.queries import Queries

PATIENCE = 5.0
"""Seconds to wait for another process's transaction."""


class Look(Queries):
    """The file as it is now; without a file, nothing is known.

    ``WORDS``: what messages call the file. ``EMPTY``: makes the tables and columns that the queries name, for a look
    where no file is.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    WORDS: ClassVar[Words] = STATE
    EMPTY: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        there = is_there(self.path, self.WORDS)
        where = uri(self.path, "ro") if there else ":memory:"
        connection = sqlite3.connect(where, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        if not there:
            connection.executescript(self.EMPTY)
        return connection

    @contextmanager
    def _executed(self, sql: str, values: Mapping[str, Any]) -> Iterator[sqlite3.Cursor]:
        with self._explained(), closing(self._connection.execute(sql, values)) as cursor:
            yield cursor

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "no such" in str(error):
                # A column or a table is missing, and only a process that may write can add it.
                message = f"{self.path}: the {self.WORDS.noun} is of another version; the next syncd run migrates it"
                raise StateError(message) from None
            found = problem(self.path, error, self.WORDS)
            raise found or StateError(unreadable(self.path, self.WORDS)) from None
