"""A look at a database file of syncd of any version, whole or damaged: nothing is migrated, nothing is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from syncd.core.company.identity import Company
from syncd.errors import StateBusy, StateError
from syncd.state.glance import ADDRESS, COMPANY
from syncd.state.look import Look
from syncd.state.place import MAGIC, STATE, STORE, Words, is_there, primary_code

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""SQLite's codes of a file that cannot be read any more."""

MOST_FAULTS = 20
"""Faults that are listed at most."""


class FileLook(Look):
    """The open file. ``TABLES``: what every version of it has."""

    EMPTY: ClassVar[str] = ""
    TABLES: ClassVar[frozenset[str]] = frozenset({"contact", "change", "run", "fact", "request", "lease"})

    def __init__(self, path: Path) -> None:
        if not is_there(path, self.WORDS):
            raise StateError(f"{path}: there is no such file")
        super().__init__(path)

    def version(self) -> str:
        """Return the version of its tables.

        Raises:
            StateError: it is no file of this kind.
        """
        if not {"alembic_version", *self.TABLES} <= self.tables():
            raise StateError(f"{self.path}: this is no {self.WORDS.noun} of syncd")
        return str(self.scalar("SELECT version_num FROM alembic_version"))

    def tables(self) -> set[str]:
        """Return the names of its tables."""
        return set(self.column("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def faults(self, *, quick: bool = False) -> list[str]:
        """Return what is wrong with its pages and rows, in SQLite's words; [] if it is whole.

        ``quick``: without a look at what the indexes say of the rows, which takes a fraction of the time.
        """
        check = "quick_check" if quick else "integrity_check"
        try:
            with closing(self._connection.execute(f"PRAGMA {check}({MOST_FAULTS})")) as cursor:
                found = [str(text) for (text,) in cursor]
            with closing(self._connection.execute("PRAGMA foreign_key_check")) as cursor:
                orphans = sum(1 for _ in cursor)
        except sqlite3.DatabaseError as error:
            if primary_code(error) in DAMAGED:
                return [str(error)]
            with self._explained():
                raise
        found = [] if found == ["ok"] else found
        return [*found, f"{orphans:,} rows name rows that are not there"] if orphans else found

    def pages(self) -> tuple[int, int, int]:
        """Return the bytes of a page, the number of pages, and how many of them are free."""
        size, count, free = (
            int(self.scalar(f"PRAGMA {name}")) for name in ("page_size", "page_count", "freelist_count")
        )
        return size, count, free

    def fact(self, name: str) -> str | None:
        """Return the stored text of a fact, or None."""
        value: str | None = self.scalar("SELECT value FROM fact WHERE name = :name", name=name)
        return value

    def company(self) -> Company | None:
        """Return the company that the state belongs to, None for a state that was never used."""
        stored, address = self.fact(COMPANY), self.fact(ADDRESS)
        return Company.load(stored) if stored else Company(address) if address else None

    def contacts(self) -> dict[str, int]:
        """Return how many contacts the ledger has, by source."""
        return dict(self.rows("SELECT source, count(*) FROM contact GROUP BY source ORDER BY source"))

    def newest_run(self) -> tuple[str, float] | None:
        """Return the newest run and when it began (Unix seconds)."""
        found = self.rows("SELECT run, started FROM run ORDER BY started DESC LIMIT 1")
        return (str(found[0][0]), float(found[0][1])) if found else None


class StoreLook(FileLook):
    """The same of an activity store."""

    WORDS: ClassVar[Words] = STORE
    TABLES: ClassVar[frozenset[str]] = frozenset({"event", "call", "message"})


def is_damaged(path: Path, words: Words = STATE) -> bool:
    """Tell whether a database file is so damaged that it must be replaced.

    Raises:
        StateError: it is no database, or it cannot be read.
        StateBusy: it is locked.
    """
    # A file of another kind may be somebody's, named by mistake: only a broken database is put aside.
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as error:
        raise StateError(f"{path}: cannot be read ({error.strerror}); let syncd's user read it") from None
    if begins and begins != MAGIC:
        raise StateError(f"{path}: this is no {words.noun}; move it away, or set {words.setting} to another file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.Error as error:
        if primary_code(error) in DAMAGED:
            return True
        if primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StateBusy(f"{path}: another process has locked the {words.noun}; try again when it is done") from None
        raise StateError(f"{path}: the {words.noun} cannot be read") from None
