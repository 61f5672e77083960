"""The first snapshot as tables of a PostgreSQL database, and companies whose source is such a table."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from company import SOURCE, Company
from measure import Measured, measure
from snapshots import HEADER

CHANGED = 100
"""Rows of the table ``changing`` that differ from the snapshot, and were touched after the others."""

_COLUMNS = HEADER.strip()
_QUERY = f"SELECT {_COLUMNS} FROM tenants"
_TABLE = ", ".join(f"{name} {'int PRIMARY KEY' if name == 'tenant_id' else 'text'}" for name in _COLUMNS.split(","))
_CHANGE = (
    "UPDATE changing SET mobile = left(mobile, -1) || (right(mobile, 1)::int + 1) % 10, changed = now() "
    "WHERE tenant_id % (SELECT max(tenant_id) / 100 + 1 FROM changing) = 0"
)


class Database:
    """``url`` is syncd's; ``tenants`` and ``changing`` are its tables."""

    def __init__(self, server: str, name: str) -> None:
        self.url = f"{server}/{name}"
        self._name = name
        self._server = server

    def run(self, *statements: str, url: str | None = None) -> None:
        commands = [part for statement in statements for part in ("-c", statement)]
        quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url or self.url, *commands], check=True, env=quiet)

    def create(self, snapshot: Path) -> None:
        """Make the database anew, with the snapshot's rows in both tables."""
        self.run(
            f"DROP DATABASE IF EXISTS {self._name}", f"CREATE DATABASE {self._name}", url=f"{self._server}/postgres"
        )
        self.run(
            f"CREATE TABLE tenants ({_TABLE})",
            rf"\copy tenants FROM '{snapshot}' CSV HEADER",
            "CREATE TABLE changing AS SELECT *, timestamp '2020-01-01' + tenant_id * interval '1 second' AS changed "
            "FROM tenants",
            "CREATE INDEX ON changing (changed)",
            "VACUUM ANALYZE",
        )

    def drop(self) -> None:
        self.run(f"DROP DATABASE IF EXISTS {self._name}", url=f"{self._server}/postgres")

    def change(self) -> None:
        """Touch :data:`CHANGED` rows of ``changing``."""
        self.run(_CHANGE)

    def copied(self, folder: Path) -> Measured:
        """How long psql takes to copy the query's rows to a file."""
        return measure(["psql", "-q", self.url, "-c", rf"\copy ({_QUERY}) TO '{folder / 'copied.txt'}'"])


@contextmanager
def database(snapshot: Path) -> Iterator[Database | None]:
    """The database while the block lasts; None where no PostgreSQL server lets us make one."""
    server = os.environ.get("SYNCD_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
    made = Database(server, f"syncd_bench_{os.getpid()}")
    try:
        made.create(snapshot)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield made
    finally:
        made.drop()


def reader(folder: Path, loaded: Company, database: Database, *, incremental: bool) -> Company:
    """A company with the state of ``loaded`` that reads the database: all of it, or what changed since this call."""
    options: dict[str, Any] = {"url": database.url, "query": _QUERY}
    if incremental:
        columns = _COLUMNS.split(",")
        options = {"url": database.url, "table": "changing", "columns": columns, "cursor": {"column": "changed"}}
    company = Company(folder, loaded.url, {**SOURCE, "connector": "sql", "options": options})
    for path in loaded.folder.glob("syncd.db*"):
        shutil.copy(path, folder)
    company.run()
    return company
