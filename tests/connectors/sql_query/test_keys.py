"""Reads by keys: a read of changes shows every row of a key, and the connector looks up the rows of given keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query import connector as sql_connector
from connectors.sql_query.connector import SqlQuery
from tests.contract.suite import finish, rows_of
from tests.examples import crossed
from tests.worlds.sql_servers import Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile

CURSOR = {"column": "changed", "type": "number", "overlap": 0}


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def table(server: Any, *rows: tuple[Any, ...], columns: str = "id varchar(20), name varchar(20), changed int") -> None:
    server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people ({columns})")
    put(server, *rows)


def put(server: Any, *rows: tuple[Any, ...]) -> None:
    for row in rows:
        server.run(f"INSERT INTO people VALUES ({', '.join(repr(value) for value in row)})")


def people(server: Any, **options: Any) -> SqlQuery:
    return source(server, **{"table": "people", "cursor": CURSOR, **options})


def looked_up(connector: SqlQuery, *keys: str) -> tuple[list[str], frozenset[str]]:
    pages, gone = finish(connector.look_up(keys))  # type: ignore[arg-type]
    return sorted(row["name"] for row in rows_of(pages)), gone  # type: ignore[return-value]


def names(connector: SqlQuery, cursor: str | None) -> list[str]:
    rows, _ = read(connector, cursor)
    return [row["name"] for row in rows]


@pytest.mark.parametrize("where", ["changed = 1", "changed = 2"])
def test_a_change_of_one_row_of_a_key_shows_all_of_its_rows_in_the_order_of_a_full_read(
    server: Any, where: str
) -> None:
    table(server, ("1", "Ann", 1), ("2", "Bob", 1), ("1", "Anna", 2), ("3", "Cy", 1))
    _, end = read(people(server))
    server.run(f"UPDATE people SET changed = 3 WHERE id = '1' AND {where}")
    full = [name for name in names(people(server), None) if name.startswith("Ann")]
    assert names(people(server), end.cursor) == full


def test_a_row_that_joins_a_key_shows_both(server: Any) -> None:
    table(server, ("1", "Ann", 1), ("2", "Bob", 1))
    _, end = read(people(server))
    put(server, ("1", "Anna", 2))
    assert names(people(server), end.cursor) == ["Ann", "Anna"]


def test_keys_that_the_server_takes_for_equal_are_told_apart(server: Any) -> None:
    table(server, ("a", "Ann", 1), ("A", "Bob", 1), ("b", "Cy", 1))
    _, end = read(people(server))
    server.run("UPDATE people SET changed = 2 WHERE name = 'Ann'")
    assert names(people(server), end.cursor) == ["Ann"]


def test_a_key_of_which_one_row_is_marked_as_deleted_is_not_deleted(server: Any) -> None:
    rows = (("1", "Ann", 1, 0), ("1", "Anna", 1, 0), ("2", "Bob", 1, 0))
    table(server, *rows, columns="id varchar(20), name varchar(20), changed int, gone int")
    _, end = read(people(server, deleted="gone"))
    server.run("UPDATE people SET changed = 2, gone = 1 WHERE name IN ('Anna', 'Bob')")
    rows_now, end = read(people(server, deleted="gone"), end.cursor)
    assert [row["name"] for row in rows_now] == ["Ann"]
    assert end.deleted == frozenset({"2"})


def test_keys_of_several_parts(server: Any) -> None:
    rows = (("a", 1, "Ann", 1), ("a", 2, "Bob", 1), ("b", 1, "Cy", 1), ("a", 1, "Anna", 2))
    table(server, *rows, columns="house varchar(20), flat int, name varchar(20), changed int")
    connector = people(server, key=("house", "flat"))
    _, end = read(connector)
    server.run("UPDATE people SET changed = 3 WHERE name = 'Anna'")
    assert names(connector, end.cursor) == ["Ann", "Anna"]
    assert looked_up(connector, "a\x1f1", "b\x1f1", "b\x1f2") == (["Ann", "Anna", "Cy"], frozenset())


def test_more_changes_than_can_be_looked_up_make_a_full_read(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_connector, "MOST_CHANGED", 2)
    table(server, *((str(number), f"P{number}", 1) for number in range(6)))
    _, end = read(people(server))
    server.run("UPDATE people SET changed = 2 WHERE id < '3'")
    rows, end = read(people(server), end.cursor)
    assert (len(rows), end.proof) == (6, "complete")
    assert names(people(server), end.cursor) == []


KINDS = {
    "int": ("7", "8"),
    "varchar(20)": ("x '\" \\ :y % ü", "山田"),
    "char(5)": ("ab", "cd"),
    "numeric(10,2)": ("7.50", "8.00"),
    "date": ("2026-01-31", "2026-02-01"),
}


@pytest.mark.parametrize(("kind", "expression"), crossed([*KINDS], ["id", "id AS id", "COALESCE(id, id) AS id"]))
def test_the_rows_of_keys_are_found_whatever_their_type(server: Any, kind: str, expression: str) -> None:
    first, second = (each.replace("'", "''").replace("\\", "\\\\" if server.kind == "mysql" else "\\")
                     for each in KINDS[kind])  # fmt: skip
    server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people (id {kind}, name varchar(20), changed int)",
               f"INSERT INTO people VALUES ('{first}', 'Ann', 1), ('{second}', 'Bob', 1)")  # fmt: skip
    connector = source(server, f"SELECT {expression}, name, changed FROM people", cursor=CURSOR)
    rows, end = read(connector)
    assert looked_up(connector, str(rows[0]["id"])) == (["Ann"], frozenset())
    server.run("UPDATE people SET changed = 2 WHERE name = 'Ann'",
               "INSERT INTO people SELECT id, 'Anna', 1 FROM people WHERE name = 'Ann'")  # fmt: skip
    assert names(connector, end.cursor) == ["Ann", "Anna"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("boolean", "true"), ("bytea", r"\x00ff"), ("int[]", "{1,2}"), ("json", '{"a": 1}'), ("uuid", None)],
)
def test_keys_of_other_types_of_postgresql(postgres: Postgres, kind: str, value: str | None) -> None:
    value = value or "6c84fb90-12c4-11e1-840d-7b25c5ee775a"
    postgres.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people (id {kind}, name varchar(20), changed int)",
                 f"INSERT INTO people VALUES ('{value}', 'Ann', 1)")  # fmt: skip
    rows, end = read(people(postgres))
    assert looked_up(people(postgres), rows[0]["id"]) == (["Ann"], frozenset())
    postgres.run("UPDATE people SET changed = 2", f"INSERT INTO people VALUES ('{value}', 'Anna', 1)")
    assert sorted(names(people(postgres), end.cursor)) == ["Ann", "Anna"]


def test_a_key_that_no_value_can_be_finds_nothing(server: Any) -> None:
    table(server, (1, "Ann", 1), columns="id int, name varchar(20), changed int")
    found, gone = looked_up(people(server), "1", "one")
    assert found == (["Ann"] if server.kind != "postgresql" else [])
    assert not gone


def test_a_key_whose_rows_are_marked_as_deleted_is_gone(server: Any) -> None:
    table(
        server, ("1", "Ann", 1, 1), ("2", "Bob", 1, 0), columns="id varchar(9), name varchar(9), changed int, gone int"
    )
    assert looked_up(people(server, deleted="gone"), "1", "2", "3") == (["Bob"], frozenset({"1"}))


def test_many_keys_are_looked_up_in_several_statements(server: Any) -> None:
    table(server)
    server.many(
        f"INSERT INTO people VALUES ({', '.join(['?' if server.kind == 'sqlite' else '%s'] * 3)})",
        [(str(number), f"P{number}", 1) for number in range(5000)],
    )
    found, _ = looked_up(people(server), *(str(number) for number in range(0, 5000, 2)))
    assert len(found) == 2500


def test_only_a_source_with_a_cursor_and_a_key_looks_up(server: Any) -> None:
    table(server)
    assert people(server).can_look_up()
    assert not people(server, key=()).can_look_up()
    assert not people(server, cursor=None).can_look_up()
