"""The store's count of changes: each transaction that changes what is shown gets the next number.

SQLite has one writer at a time, so the numbers grow in the order in which changes become visible. Whoever has seen
everything up to a number has missed nothing before it.
"""

from __future__ import annotations

from syncd.state.database import Database

_NAME = "revision"
_NEXT = (
    "INSERT INTO fact (name, value) VALUES (:name, '1')"
    " ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
)


def next_revision(database: Database) -> int:
    """Return the number of the changes of this transaction; within :meth:`Database.write`."""
    database.execute(_NEXT, name=_NAME)
    return newest_revision(database)


def newest_revision(database: Database) -> int:
    """Return the number of the newest changes; 0 if there are none."""
    return int(database.scalar("SELECT value FROM fact WHERE name = :name", name=_NAME) or 0)
