"""Makes the tables of a new database file in their newest version, without Alembic.

Beside the folder of the migrations, ``newest.sql`` has what all of them make of an empty file. To write it again after
a migration was added: ``python -m syncd.state.migrations.newest syncd/state/migrations/versions``.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def script(versions: Path) -> Path:
    """Return the file with the statements; ``versions`` is the folder of the migrations."""
    return versions.with_name("newest.sql")


def make(connection: sqlite3.Connection, versions: Path) -> None:
    """Make the tables, in one transaction, unless another process has made them meanwhile.

    Raises:
        sqlite3.Error: a statement fails, and nothing was changed.
    """
    statements = [*_statements(script(versions).read_text(encoding="utf-8"))]
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]:
            for statement in statements:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has ended the transaction itself after some errors, such as a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def written(versions: Path) -> str:
    """Return what the file has to hold: what the migrations make of an empty database."""
    from syncd.state.migrations.upgrade import upgrade

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, versions)
        # The dump begins and ends a transaction.
        return "".join(f"{line}\n" for line in [*connection.iterdump()][1:-1])


def _statements(text: str) -> Iterator[str]:
    """Yield the statements of a script, each of which begins on a line of its own; a trigger has ``;`` within."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


if __name__ == "__main__":
    for name in sys.argv[1:]:
        script(Path(name)).write_text(written(Path(name)), encoding="utf-8")
