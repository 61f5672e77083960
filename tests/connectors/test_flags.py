"""A value of a flag means yes or no by one table, for SQL and REST sources; of any other value nothing is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.flags import is_yes, meant, shown
from syncd.errors import SourceInvalid
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World, company

NO = ["No", "n", "N", "OFF", "f", "False", "0", "0.0", "0,00", "+0", "-0.", "00", "0e0", "0.0E+00", "", " ", "-",
      "NULL", "none", "1970-01-01", "1970-01-01 01:00:00+01", "1969-12-31 19:00:00", "0000-00-00",
      "0000-00-00 00:00:00", "0001-01-01T00:00:00", "1900-01-01 00:00:00", "1899-12-30", "Nein", None]  # fmt: skip
YES = ["Yes", "y", "ON", "t", "TRUE", "1", "1.0", "-1", "01", "2", "1e3", "x", "X ", "1700000000", "2026-01-31",
       "2020-06-01 10:00:00.5+00", "1970-01-02", "ja", "2199-01-01"]  # fmt: skip
NEITHER = ["Archiviert", "9999-12-31", "2999-01-01", "infinity", "NaN", "active", "ff", "?", "1 of 2"]


def test_each_value_has_one_meaning() -> None:
    def of(values: list[Any]) -> set[bool | None]:
        return set(meant(pl.Series("flag", values, dtype=pl.String)))

    assert (of(NO), of(YES), of(NEITHER)) == ({False}, {True}, {None})


@pytest.mark.parametrize(
    ("value", "means"),
    [(True, True), (False, False), (None, False), (0, False), (0.0, False), (1, True), ("No", False), ("on", True),
     ({"changed": 1}, True), ([], False), ("gone", None)],
)  # fmt: skip
def test_a_value_of_an_answer_has_the_same_meaning(value: object, means: bool | None) -> None:
    assert is_yes(value) is means


def test_a_flags_value_is_shown_and_of_data_only_the_form() -> None:
    assert shown(["Archiviert"]) == "'Archiviert'"
    assert shown(["Ann Ames", "Bob Lee", "Cy"]) == "'aaa aaaa' and 'aaa aaa'"
    assert shown(["212-555-0147 at home"]) == "'999-999-9999…'"


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def put(server: Any, *flags: str, kind: str = "varchar(20)") -> None:
    server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people (id int, name varchar(9), flag {kind})",
               *(f"INSERT INTO people VALUES ({n}, 'Ann', {flag})" for n, flag in enumerate(flags)))  # fmt: skip


@pytest.mark.parametrize(("no", "yes"), [("'No'", "'Yes'"), ("'OFF'", "'ON'"), ("' '", "'x'"), ("'-'", "'1'"),
                                         ("'0.0'", "'1.0'"), ("NULL", "'2026-01-31'"), ("'n'", "'y'")])  # fmt: skip
def test_rows_without_the_mark_stay(server: Any, no: str, yes: str) -> None:
    put(server, no, yes, no)
    rows, _ = read(source(server, table="people", columns=["id"], deleted="flag"))
    assert [row["id"] for row in rows] == ["0", "2"]


@pytest.mark.parametrize(
    ("kind", "no", "yes"),
    [("boolean", "false", "true"), ("bit(1)", "B'0'", "B'1'"), ("numeric(3,1)", "0", "1"), ("float8", "0", "1"),
     ("bytea", "'\\x00'", "'\\x01'"), ("date", "'1970-01-01'", "'2026-01-31'"),
     ("timestamptz", "'1970-01-01 00:00+00'", "'2026-01-31'")],
)  # fmt: skip
def test_the_types_of_postgresql_have_a_meaning(postgres: Postgres, kind: str, no: str, yes: str) -> None:
    put(postgres, no, yes, "NULL", kind=kind)
    rows, _ = read(source(postgres, table="people", columns=["id"], deleted="flag"))
    assert [row["id"] for row in rows] == ["0", "2"]


@pytest.mark.parametrize(
    ("kind", "no", "yes"),
    [("bit(1)", "b'0'", "b'1'"), ("tinyint(1)", "0", "1"), ("decimal(3,1)", "0", "1"), ("binary(1)", "x'00'", "x'01'"),
     ("datetime", "'1970-01-01'", "'2026-01-31'"), ("enum('N','Y')", "'N'", "'Y'")],
)  # fmt: skip
def test_the_types_of_mariadb_have_a_meaning(mariadb: MariaDb, kind: str, no: str, yes: str) -> None:
    put(mariadb, no, yes, "NULL", kind=kind)
    rows, _ = read(source(mariadb, table="people", columns=["id"], deleted="flag"))
    assert [row["id"] for row in rows] == ["0", "2"]


def test_a_value_in_neither_list_is_named_with_the_remedy(server: Any) -> None:
    put(server, "'No'", "'Archived'")
    with pytest.raises(SourceInvalid, match=r"flag has the value 'Archived', which means neither.*\"flag = 'Yes'\""):
        read(source(server, table="people", deleted="flag"))


def test_a_run_that_cannot_tell_deletes_nothing(tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    put(server, "'No'", "'No'")
    with company(tmp_path) as world:
        ask(world, server)
        assert world.run().exit_code == 0
        server.run("UPDATE people SET flag = 'Archiviert' WHERE id = 0")
        report = world.run()
        assert report.exit_code == 2
        assert "'Archiviert'" in str(report.error)
        assert len(world.there()) == 2
        ask(world, server, deleted="flag = 'Archiviert'")
        assert world.run().counts["delete"] == 1


def ask(world: World, server: SqliteFile, deleted: str = "flag") -> None:
    world.sources["tenants"] = {
        "connector": "sql",
        "options": {"url": server.url, "table": "people", "deleted": deleted},
        "key": "id",
        "mapping": {"External ID": "id", "Name": "name"},
        "deletes": {"at_most": {"share": "100%"}},
    }
