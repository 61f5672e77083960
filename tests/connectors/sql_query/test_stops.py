"""A stop ends a read within two seconds, whatever the server does: while connecting, in a query, between queries."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query import snapshot
from connectors.sql_query.statement import Statement
from syncd.errors import SourceUnavailable, Stopped
from tests.worlds.frozen_server import FrozenServer
from tests.worlds.patience import BUSY, until
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World, company

SLOW = {"postgresql": "SELECT pg_sleep(60) AS id", "mysql": "SELECT SLEEP(60) AS id"}
WITHIN = 2.0 + BUSY


def stopped_in(world: World, url: str, query: str, when: Callable[[], object]) -> float:
    """Run the source, ask the run to stop once ``when`` returns, and return the seconds until it ends."""
    world.sources["tenants"] = {
        "connector": "sql",
        "options": {"url": url, "query": query},
        "key": "id",
        "mapping": {"External ID": "id"},
    }
    asked: list[float] = []

    def stop() -> None:
        when()
        time.sleep(0.3)  # the client is to wait for the answer by then
        asked.append(time.monotonic())
        world.stopping.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(Stopped):
        world.run()
    stopping.join()
    return time.monotonic() - asked[0]


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mssql"])
def test_a_server_that_takes_the_connection_and_never_answers(tmp_path: Path, scheme: str) -> None:
    with company(tmp_path) as world, FrozenServer(0) as server:
        url = f"{scheme}://u@127.0.0.1:{server.port}/d"
        assert stopped_in(world, url, "SELECT 1 AS id", server.frozen.wait) < WITHIN


@pytest.mark.parametrize(
    ("name", "word"),
    [("postgres", b"set_config"), ("postgres", b"BEGIN TRANSACTION"), ("postgres", b"SELECT pg_sleep"),
     ("mariadb", b"SET NAMES"), ("mariadb", b"SELECT VERSION"), ("mariadb", b"START TRANSACTION"),
     ("mariadb", b"SELECT SLEEP")],
)  # fmt: skip
def test_a_server_that_freezes(tmp_path: Path, request: pytest.FixtureRequest, name: str, word: bytes) -> None:
    server: Any = request.getfixturevalue(name)
    with company(tmp_path) as world, FrozenServer(server.port, word) as frozen:
        url = server.url.replace(f":{server.port}", f":{frozen.port}")
        url += "?sslmode=disable"
        assert stopped_in(world, url, SLOW[server.kind], frozen.frozen.wait) < WITHIN


def test_a_file_that_another_program_has_locked(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "people.db")
    file.run("CREATE TABLE people (id int)")
    with company(tmp_path) as world, closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert stopped_in(world, file.url, "SELECT id FROM people", lambda: time.sleep(0.5)) < WITHIN


def test_a_file_that_is_locked_for_a_moment_is_read(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "people.db")
    file.run("CREATE TABLE people (id int)", "INSERT INTO people VALUES (1)")
    with closing(sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        unlocking = threading.Timer(0.5, other.execute, ["ROLLBACK"])
        unlocking.start()
        assert read(source(file, table="people"))[0] == [{"id": "1"}]
        unlocking.join()


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_query_under_way_ends_at_the_server_too(tmp_path: Path, request: pytest.FixtureRequest, name: str) -> None:
    server: Any = request.getfixturevalue(name)
    with company(tmp_path) as world:
        assert stopped_in(world, server.url, SLOW[server.kind], lambda: until(running(server))) < WITHIN
    until(lambda: not running(server)())


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_stop_between_two_statements_lets_no_other_begin(name: str, request: pytest.FixtureRequest) -> None:
    server: Any = request.getfixturevalue(name)
    connector = source(server, SLOW[server.kind])
    with connector._opened() as opened:
        connector.cancel()
        begun = time.monotonic()
        with pytest.raises(SourceUnavailable):
            opened.rows(Statement("SELECT 1"))
        assert time.monotonic() - begun < WITHIN
    assert not running(server)()


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "CONNECT_TIMEOUT", 0.2)
    for scheme in ("postgresql", "mariadb", "mssql"):
        with FrozenServer(0) as server, pytest.raises(SourceUnavailable, match=r"does not answer|cannot be reached"):
            read(source(None, "SELECT 1 AS id", url=f"{scheme}://u@127.0.0.1:{server.port}/d"))


def running(server: Postgres | MariaDb) -> Callable[[], bool]:
    def ask() -> bool:
        if isinstance(server, MariaDb):
            return any(
                row[3] == server.database and "SLEEP(60)" in str(row[7]) for row in server.run("SHOW PROCESSLIST")
            )
        return bool(server.run(
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND datname = "
            f"'{server.database}' AND pid <> pg_backend_pid()"
        ))  # fmt: skip

    return ask
