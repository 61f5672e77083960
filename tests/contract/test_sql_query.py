"""The connector contract over PostgreSQL, MariaDB and SQLite."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query.connector import SqlQuery
from connectors.sql_query.options import SqlOptions
from syncd.source import Connector, Needs
from tests.contract.suite import COLUMNS, ConnectorContract, Row, World
from tests.worlds import sql_servers
from tests.worlds.sql_sqlite_file import SqliteFile

TEXT = {"postgresql": "text", "mysql": "varchar(300)", "sqlite": "text"}
POSITION = {
    "postgresql": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "mysql": "bigint AUTO_INCREMENT PRIMARY KEY",
    "sqlite": "integer PRIMARY KEY AUTOINCREMENT",
}
NOWHERE = {
    "postgresql": "postgresql://x@127.0.0.1:1/x",
    "mysql": "mysql://x@127.0.0.1:1/x",
    "sqlite": "sqlite:////no/x.db",
}


class TableWorld:
    """A table whose rows have a version, by which changed ones are found; gone ones are found by their keys."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.url = server.url
        self.version = 0
        self.rows: dict[str, tuple[int, Row]] = {}
        text, position = TEXT[server.kind], POSITION[server.kind]
        columns = ", ".join(f"{name} {text}" for name in COLUMNS)
        server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people (place {position}, version bigint, {columns})")

    def fill(self, rows: Sequence[Row]) -> None:
        self.version += 1
        known = self.rows
        self.rows = {}
        for row in rows:
            before = known.get(row["id"])
            self.rows[row["id"]] = before if before and before[1] == row else (self.version, row)
        self.server.run("DELETE FROM people")
        mark = "?" if self.server.kind == "sqlite" else "%s"
        statement = f"INSERT INTO people (version, id, name, note) VALUES ({mark}, {mark}, {mark}, {mark})"
        if self.rows:
            told = [(version, *(row[name] for name in COLUMNS)) for version, row in self.rows.values()]
            self.server.many(statement, told)

    def meanwhile(self, rows: Sequence[Row]) -> None:
        # SQLite lets a writer wait until the read has ended.
        if self.server.kind != "sqlite":
            self.fill(rows)

    def remove(self) -> None:
        self.url = NOWHERE[self.server.kind]

    def connector(self) -> Connector:
        options = {
            "url": self.url,
            "table": "people",
            "columns": COLUMNS,
            "cursor": {"column": "version", "type": "number", "overlap": 0},
            "sweep": 0,
            "fetch": 10,
        }
        return SqlQuery("people", SqlOptions(**options), Needs(key=("id",)), clock=lambda: 1e9)


class TestOnPostgres(ConnectorContract):
    @pytest.fixture
    def world(self, postgres: sql_servers.Postgres) -> World:
        return TableWorld(postgres)


class TestOnMariaDb(ConnectorContract):
    @pytest.fixture
    def world(self, mariadb: sql_servers.MariaDb) -> World:
        return TableWorld(mariadb)


class TestOnSqlite(ConnectorContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return TableWorld(SqliteFile(tmp_path / "people.db"))
