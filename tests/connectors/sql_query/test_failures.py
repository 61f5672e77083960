"""Failures of a database: who must act, what the message says, and that syncd never writes to the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import SourceError, SourceInvalid, SourceUnavailable
from tests.contract.suite import drain, finish
from tests.worlds.patience import until
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile

FOREVER = {
    "postgresql": "SELECT pg_sleep(60) AS id",
    "mysql": "SELECT sleep(60) AS id",
    "sqlite": "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n",
}


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    found = SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)
    found.run("DROP TABLE IF EXISTS people", "CREATE TABLE people (id int, name varchar(20))",
              "INSERT INTO people VALUES (1, 'Ann')")  # fmt: skip
    return found


def failure(server: Any, query: str | None = None, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(source(server, query, **options))
    assert "Ann" not in str(caught.value)
    return caught.value


def test_a_missing_table_is_named(server: Any) -> None:
    error = failure(server, "SELECT id FROM peple")
    assert isinstance(error, SourceInvalid)
    assert "peple" in str(error)


def test_a_missing_column_is_named(server: Any) -> None:
    error = failure(server, "SELECT id,\n nme FROM people")
    assert isinstance(error, SourceInvalid)
    assert "nme" in str(error)


def test_a_query_that_cannot_be_understood_is_told_with_its_line(server: Any) -> None:
    error = failure(server, "SELECT id\nFROM people\nWERE id = 1")
    assert isinstance(error, SourceInvalid)
    assert server.kind == "sqlite" or "line 3 of the query" in str(error)


@pytest.mark.parametrize("end", ["WHERE", "WHERE id ="])
def test_what_a_query_leaves_open_is_told_with_its_last_line(mariadb: MariaDb, end: str) -> None:
    mariadb.run("DROP TABLE IF EXISTS people", "CREATE TABLE people (id int)")
    assert "line 2 of the query" in str(failure(mariadb, f"SELECT id\nFROM people {end}"))


@pytest.mark.parametrize("query", ["SELECT json_extract(name, '$.a') AS id FROM people", "SELECT ? AS id FROM people"])
def test_a_query_that_fails_is_not_blamed_on_the_file(tmp_path: Path, query: str) -> None:
    server = SqliteFile(tmp_path / "people.db")
    server.run("CREATE TABLE people (name text)", "INSERT INTO people VALUES ('Ann')")
    error = failure(server, query, key=())
    assert isinstance(error, SourceInvalid)
    assert "no SQLite database" not in str(error)


def test_two_columns_of_one_name_are_told(server: Any) -> None:
    error = failure(server, "SELECT id, name AS id FROM people")
    assert isinstance(error, SourceInvalid)
    assert "id" in str(error)


def test_a_cursor_column_that_is_not_there_is_told_with_the_nearest(server: Any) -> None:
    error = failure(server, "SELECT id, name FROM people", cursor={"column": "nam"})
    assert isinstance(error, SourceInvalid)
    assert "the query has no column nam (did you mean 'name'?)" in str(error)


def test_a_condition_of_deletion_that_cannot_be_understood_is_not_blamed_on_a_line_of_the_query(server: Any) -> None:
    error = failure(server, "SELECT id\nFROM people", deleted="nme IS NULL")
    assert isinstance(error, SourceInvalid)
    assert "nme" in str(error)
    assert "line" not in str(error)


def test_an_error_of_the_servers_names_no_value_of_a_row(postgres: Postgres) -> None:
    error = failure(postgres, "SELECT CAST(n AS int) AS id FROM (VALUES ('Ann')) AS v(n)")
    assert isinstance(error, SourceInvalid)
    assert "fails on a value of a row" in str(error)


def test_a_value_that_no_server_takes_is_for_a_person_to_mend(postgres: Postgres) -> None:
    error = failure(postgres, "SELECT 1 AS id WHERE 'x' <> :name", params={"name": "a\0b"})
    assert isinstance(error, SourceInvalid)
    assert "check its params" in str(error)


def test_a_placeholder_of_another_driver_is_for_a_person_to_mend(server: Any) -> None:
    error = failure(server, "SELECT id FROM people WHERE id = ?")
    assert isinstance(error, SourceInvalid)


def test_a_mistake_that_mariadb_reports_by_another_number_is_the_querys(mariadb: MariaDb) -> None:
    error = failure(mariadb, "SELECT SQL_CALC_FOUND_ROWS 1 AS id", cursor={"column": "id", "type": "number"})
    assert isinstance(error, SourceInvalid)
    assert "SQL_CALC_FOUND_ROWS' (1234)" in str(error)


def test_a_statement_takes_no_longer_than_the_timeout(server: Any) -> None:
    start = time.monotonic()
    error = failure(server, FOREVER[server.kind], timeout=0.3)
    assert isinstance(error, SourceUnavailable)
    assert "the query took longer than 0.3 s: raise timeout" in str(error)
    assert time.monotonic() - start < 10


def test_a_read_can_be_cancelled_from_another_thread(server: Any) -> None:
    connector = source(server, FOREVER[server.kind])
    stopping = threading.Timer(0.3, connector.cancel)
    stopping.start()
    start = time.monotonic()
    with pytest.raises(SourceError):
        read(connector)
    assert time.monotonic() - start < 10
    until(lambda: not running(server), 30)  # uncancelled, the query takes longer
    stopping.join()


def running(server: Any) -> list[Any]:
    """Return the queries of the tests that the server still works on."""
    if server.kind == "sqlite":
        return []
    if server.kind == "mysql":
        time.sleep(0.1)
        return [row for row in server.run("SHOW PROCESSLIST") if row[3] == server.database and "sleep" in str(row[7])]
    found: list[Any] = server.run(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' AND datname = "
        f"'{server.database}' AND pid <> pg_backend_pid()"
    )
    return found


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("postgres", lambda url: url.replace("postgres@", "nobody:s3cret@"), "refuses the user"),
        ("postgres", lambda url: url + "_not", "has no such database"),
        ("mariadb", lambda url: url.replace("root@", "nobody:s3cret@"), "refuses the user"),
        ("mariadb", lambda url: url + "_not", "has no such database"),
    ],
)
def test_wrong_access_is_for_a_person_to_mend(
    name: str, change: Callable[[str], str], said: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(name)
    error = failure(server, "SELECT 1 AS id", url=change(server.url))
    assert isinstance(error, SourceInvalid)
    assert said in str(error)
    assert "s3cret" not in str(error)


def test_a_password_that_is_wrong_is_for_a_person_to_mend(mariadb: MariaDb) -> None:
    mariadb.run("CREATE OR REPLACE USER syncd_reader@'%' IDENTIFIED BY 'right/@:%'")
    try:
        mariadb.run(f"GRANT SELECT ON {mariadb.database}.* TO syncd_reader@'%'")
        url = mariadb.url.replace("root@", "syncd_reader@")
        rows, _ = read(source(mariadb, "SELECT 1 AS id", url=url, password="right/@:%"))
        assert rows == [{"id": "1"}]
        error = failure(mariadb, "SELECT 1 AS id", url=url, password="wrong")
        forbidden = failure(mariadb, "SELECT * FROM mysql.user", url=url, password="right/@:%")
    finally:
        mariadb.run("DROP USER syncd_reader@'%'")
    assert isinstance(error, SourceInvalid)
    assert "refuses the user: check the user and the password" in str(error)
    assert isinstance(forbidden, SourceInvalid)
    assert "denied" in str(forbidden)


def test_a_table_that_may_not_be_read_is_for_a_person_to_mend(postgres: Postgres) -> None:
    role = f"{postgres.database}_reader"
    postgres.run("DROP TABLE IF EXISTS private", "CREATE TABLE private (id int)", f"CREATE ROLE {role} LOGIN")
    try:
        error = failure(postgres, "SELECT id FROM private", url=postgres.url.replace("postgres@", f"{role}@"))
    finally:
        postgres.run(f"DROP ROLE {role}")
    assert isinstance(error, SourceInvalid)
    assert "permission denied for table private (42501)" in str(error)


@pytest.mark.parametrize(
    "url", ["postgresql://u@127.0.0.1:1/d", "mariadb://u@127.0.0.1:1/d", "sqlite:////nowhere/x.db"]
)
def test_what_cannot_be_reached_is_tried_again_later(url: str, server: Any) -> None:
    error = failure(server, "SELECT 1 AS id", url=url)
    assert isinstance(error, SourceUnavailable)
    assert "check" in str(error)


def test_a_state_that_no_server_of_the_url_is_in_is_named(postgres: Postgres) -> None:
    with pytest.raises(SourceUnavailable, match="target_session_attrs") as caught:
        read(source(None, "SELECT 1 AS id", url=f"{postgres.url}?target_session_attrs=standby"))
    assert "lost" not in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "people.db"
    path.write_text("id,name\n" * 200)
    assert "this is no SQLite database" in str(failure(SqliteFile(path), "SELECT 1 AS id"))


WRITES = {
    "postgresql": ["SELECT taken() AS id", "SELECT nextval('numbers') AS id",
                   "WITH gone AS (DELETE FROM people RETURNING id) SELECT id FROM gone"],
    "mysql": ["SELECT taken() AS id", "SELECT nextval(numbers) AS id",
              "SELECT id FROM people INTO OUTFILE '/tmp/syncd_test_outfile'"],
    "sqlite": ["WITH gone AS (SELECT 1) DELETE FROM people RETURNING id"],
}  # fmt: skip

PREPARED = {
    "postgresql": ["DROP FUNCTION IF EXISTS taken", "DROP SEQUENCE IF EXISTS numbers", "CREATE SEQUENCE numbers",
                   "CREATE FUNCTION taken() RETURNS int LANGUAGE sql AS 'DELETE FROM people RETURNING id'"],
    "mysql": ["DROP FUNCTION IF EXISTS taken", "DROP SEQUENCE IF EXISTS numbers", "CREATE SEQUENCE numbers",
              "CREATE FUNCTION taken() RETURNS int BEGIN DELETE FROM people; RETURN 1; END"],
    "sqlite": [],
}  # fmt: skip


def test_no_query_can_write(server: Any) -> None:
    server.run(*PREPARED[server.kind], "SELECT 1")
    for query in WRITES[server.kind]:
        assert isinstance(failure(server, query), SourceInvalid), query
    assert [tuple(row) for row in server.run("SELECT id, name FROM people")] == [(1, "Ann")]


def test_what_postgresql_lets_pass_is_never_committed(postgres: Postgres) -> None:
    with suppress(SourceError):  # newer servers refuse it
        drain(source(postgres, "SELECT lo_from_bytes(0, 'x') AS id"))
    assert postgres.run("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


def test_the_transaction_itself_refuses_to_write(server: Any) -> None:
    """The server would refuse a write that the check of the query let pass."""
    connector = source(server, "SELECT 1 AS id")
    with connector._opened() as snapshot:
        connection: Any = snapshot._connection
        for statement in ("DELETE FROM people", "DROP TABLE people", "CREATE TABLE others (id int)"):
            with pytest.raises(Exception, match=r"(?i)read.?only"):
                connection.cursor().execute(statement)
            if server.kind == "postgresql":
                connection.execute("ROLLBACK")
    assert [tuple(row) for row in server.run("SELECT id, name FROM people")] == [(1, "Ann")]


def fill(server: Any, rows: int = 3000) -> None:
    mark = "?" if server.kind == "sqlite" else "%s"
    server.many(f"INSERT INTO people VALUES ({mark}, {mark})", [(n, "x" * 20) for n in range(2, rows + 1)])


def test_a_read_shows_one_moment_though_rows_come_and_go(server: Any) -> None:
    fill(server)
    if server.kind == "sqlite":
        server.run("PRAGMA journal_mode = wal")
    reading = source(server, table="people", fetch=500).read(None)
    first = next(reading)
    server.run("DELETE FROM people WHERE id > 1000", "INSERT INTO people VALUES (9999, 'New')")
    pages, end = finish(reading)
    assert first.frame.height + sum(page.frame.height for page in pages) == 3000
    assert end.proof == "complete"


def test_read_committed_proves_nothing(server: Any) -> None:
    rows, end = read(source(server, table="people", isolation="read_committed"))
    assert len(rows) == 1
    assert (end.proof, end.cursor) == ("unproved", None)
    assert "isolation: read_committed" in end.why


def test_serializable_is_complete(server: Any) -> None:
    assert read(source(server, table="people", isolation="serializable"))[1].proof == "complete"


def test_a_reader_that_stops_early_leaves_nothing_behind(server: Any) -> None:
    fill(server, 20_000)
    reading = source(server, "SELECT p.id, q.name FROM people p, people q", fetch=100).read(None)
    next(reading)
    start = time.monotonic()
    reading.close()
    assert time.monotonic() - start < 5
    server.run("DROP TABLE people")


def test_a_postgresql_session_that_is_ended_in_mid_read_is_an_error(postgres: Postgres) -> None:
    reading = source(postgres, "SELECT g AS id, repeat('x', 200) AS name FROM generate_series(1, 1000000) g").read(None)
    next(reading)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncd people' "
        f"AND datname = '{postgres.database}'"
    )
    with pytest.raises(SourceUnavailable, match="try again later"):
        finish(reading)


def test_a_mariadb_session_that_is_ended_in_mid_read_is_an_error(mariadb: MariaDb) -> None:
    query = "SELECT seq AS id, REPEAT('x', 200) AS name FROM seq_1_to_1000000"
    for kill in ("KILL CONNECTION", "KILL QUERY"):
        reading = source(mariadb, query, fetch=1000).read(None)
        next(reading)
        [[thread]] = mariadb.run("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT seq AS id%'")
        mariadb.run(f"{kill} {thread}")
        with pytest.raises(SourceUnavailable, match="try again later"):
            finish(reading)
