"""The type of a cursor is its column's own; nothing is lost with any type, nor by a stamp in the future."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query.connector import SqlQuery
from connectors.sql_query.cursor_order import Times, cursor_order
from syncd.errors import SourceInvalid
from tests.examples import crossed
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import company

TODAY = int(time.time())


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def made(server: Any, kind: str) -> None:
    server.run("DROP VIEW IF EXISTS seen", "DROP TABLE IF EXISTS stamped",
               f"CREATE TABLE stamped (id int PRIMARY KEY, name varchar(9), changed {kind} NULL)",
               "CREATE VIEW seen AS SELECT * FROM stamped")  # fmt: skip


def put(server: Any, number: int, name: str, changed: object) -> None:
    server.run(
        f"DELETE FROM stamped WHERE id = {number}", f"INSERT INTO stamped VALUES ({number}, '{name}', {changed})"
    )


def reading(server: Any, query: str = "SELECT * FROM stamped", **cursor: Any) -> SqlQuery:
    return source(server, query, cursor={"column": "changed", **cursor}, clock=time.time)


def names(connector: SqlQuery, cursor: str | None = None) -> tuple[list[str], str]:
    rows, end = read(connector, cursor)
    return sorted(row["name"] for row in rows), end.cursor or ""


@pytest.mark.parametrize("where", ["stamped", "seen", "(SELECT * FROM stamped) AS p"])
def test_a_second_edit_on_the_same_day_is_found_where_the_column_is_a_date(server: Any, where: str) -> None:
    made(server, "date")
    put(server, 1, "Ann", "'2026-01-31'")
    connector = reading(server, f"SELECT id, name, changed FROM {where}")
    _, cursor = names(connector)
    put(server, 1, "Anna", "'2026-01-31'")
    found, cursor = names(connector, cursor)
    assert found == ["Anna"]
    put(server, 2, "Bob", "'2026-01-31'")
    assert names(connector, cursor)[0] == ["Bob"]


KINDS = {
    "postgresql": {
        "timestamp": ("timestamp", "timestamptz"),
        "date": ("date",),
        "number": ("smallint", "int", "bigint", "numeric(20,6)", "real", "float8"),
        "": ("bytea", "boolean", "uuid", "json", "time", "interval"),
    },
    "mysql": {
        "timestamp": ("timestamp", "datetime", "datetime(6)"),
        "date": ("date",),
        "number": ("tinyint", "int", "bigint unsigned", "decimal(20,6)", "float", "double"),
        "": ("bit(8)", "time", "year"),
    },
}
FITTING = {"timestamp": {"timestamp"}, "date": {"date"}, "number": {"number", "epoch", "epoch_ms"}}
TYPES = ("timestamp", "date", "number", "epoch", "epoch_ms")


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_configured_type_that_contradicts_the_columns_own_is_an_error(
    name: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(name)
    kinds = [(kind, own) for own, all_ in KINDS[server.kind].items() for kind in all_]
    columns = ", ".join(f"c{place} {kind} NULL" for place, (kind, _) in enumerate(kinds))
    server.run("DROP TABLE IF EXISTS kinds", f"CREATE TABLE kinds (id int, {columns})")
    for place, (kind, own) in enumerate(kinds):
        for type_ in (None, *TYPES):
            connector = source(server, table="kinds", cursor={"column": f"c{place}", "type": type_})
            if own and (type_ is None or type_ in FITTING[own]):
                assert connector.check(), (kind, type_)
                continue
            with pytest.raises(SourceInvalid, match=f"cursor: c{place} is .*: (write type|name a column)"):
                connector.check()


@pytest.mark.parametrize(
    ("value", "type_", "said"),
    [(1, "timestamp", "is a number"), ("'2026-01-31'", "timestamp", "is a date without a time"),
     ("'12'", "number", "is a text"), ("x'00'", None, "is bytes")],
)  # fmt: skip
def test_sqlite_is_judged_by_its_values(tmp_path: Path, value: object, type_: str | None, said: str) -> None:
    server = SqliteFile(tmp_path / "people.db")
    made(server, "")
    put(server, 1, "Ann", value)
    with pytest.raises(SourceInvalid, match=said):
        reading(server, type=type_).check()


def test_a_column_of_numbers_and_texts_is_no_cursor(tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    made(server, "")
    put(server, 1, "Ann", 12)
    put(server, 2, "Bob", "'x'")
    with pytest.raises(SourceInvalid, match="numbers in some rows and texts in others"):
        reading(server).check()


@pytest.mark.parametrize(
    ("epoch", "kind"), crossed([("epoch", 1), ("epoch_ms", 1000)], ["bigint", "numeric(20,3)", "double precision"])
)
def test_numbers_since_1970_have_an_overlap_in_time_and_no_future(
    server: Any, epoch: tuple[str, int], kind: str
) -> None:
    type_, unit = epoch
    made(server, kind)
    put(server, 1, "Ann", TODAY * unit)
    put(server, 2, "Late", 2**31 * unit)
    connector = reading(server, type=type_)
    found, cursor = names(connector)
    assert found == ["Ann", "Late"]
    put(server, 3, "Bob", (TODAY - 2) * unit)
    found, cursor = names(connector, cursor)
    assert found == ["Bob"]
    put(server, 4, "Cy", (TODAY + 1) * unit)
    found, cursor = names(connector, cursor)
    assert found == ["Cy"]
    put(server, 5, "Old", (TODAY - 3600) * unit)
    assert names(connector, cursor)[0] == []


@pytest.mark.parametrize(("type_", "value"), [("epoch", TODAY * 1000), ("epoch_ms", TODAY)], ids=["ms", "s"])
def test_another_unit_than_the_configured_one_is_an_error(server: Any, type_: str, value: int) -> None:
    made(server, "bigint")
    put(server, 1, "Ann", value)
    for called in (names, SqlQuery.notes):
        with pytest.raises(SourceInvalid, match=f"and type is {type_}: write type: epoch"):
            called(reading(server, type=type_))


@pytest.mark.parametrize(
    ("value", "said"),
    [(TODAY, "type: epoch"), (TODAY * 1000, "type: epoch_ms"), (70_000, "")],
    ids=["seconds", "milliseconds", "sequence"],
)
def test_numbers_that_look_like_times_are_warned_of(server: Any, value: int, said: str) -> None:
    made(server, "bigint")
    put(server, 1, "Ann", value)
    put(server, 2, "Bob", 2**33)
    for type_ in (None, "number"):
        connector = reading(server, type=type_)
        _, end = read(connector)
        assert [f"write {said};" in warning for warning in end.warnings] == [True] * bool(said)
        notes = [note.text for note in connector.notes()]
        assert any(f"write {said};" in note for note in notes) == bool(said)


def test_a_run_reports_the_warning(tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    made(server, "bigint")
    put(server, 1, "Ann", TODAY)
    with company(tmp_path) as world:
        world.sources["tenants"] = {
            "connector": "sql",
            "options": {"url": server.url, "table": "stamped", "cursor": {"column": "changed"}},
            "key": "id",
            "mapping": {"External ID": "id", "Name": "name"},
        }
        report = world.run()
        assert report.exit_code == 0
        assert any("write type: epoch;" in warning for warning in report.warnings)


@pytest.mark.parametrize("kind", ["date", "timestamp", "varchar(30)", "datetime"])
def test_a_date_of_the_future_hides_nothing(server: Any, kind: str) -> None:
    if server.kind == "postgresql" and kind == "datetime":
        kind = "timestamptz"
    made(server, kind)
    put(server, 1, "Ann", "'2020-06-01'" if kind == "date" else "'2020-06-01 10:00:00'")
    put(server, 2, "Late", "'2037-12-31'" if kind == "date" else "'2037-12-31 10:00:00'")
    connector = reading(server)
    _, cursor = names(connector)
    put(server, 3, "Bob", "'2020-06-01'" if kind == "date" else "'2020-06-01 10:01:00'")
    assert names(connector, cursor)[0] == ["Bob"]


@pytest.mark.parametrize("kind", ["timestamp", "datetime", "varchar(30)"])
def test_the_hour_that_comes_twice_in_autumn_loses_no_row(server: Any, kind: str) -> None:
    if server.kind == "mysql" and kind == "timestamp":
        pytest.skip("a TIMESTAMP is in UTC")
    made(server, {"datetime": "timestamp"}.get(kind, kind) if server.kind == "postgresql" else kind)
    put(server, 1, "Ann", "'2025-11-02 01:59:00'")
    now = [time.time()]
    connector = source(server, table="stamped", cursor={"column": "changed", "overlap": "5m"}, clock=lambda: now[0])
    _, cursor = names(connector)
    for minutes in (6, 11):
        now[0] += 300
        put(server, minutes, f"P{minutes}", f"'2025-11-02 01:{minutes:02}:00'")
        found, cursor = names(connector, cursor)
        assert found == [f"P{minutes}"]
    now[0] += 3900
    _, cursor = names(connector, cursor)
    put(server, 99, "Old", "'2025-11-02 00:30:00'")
    assert names(connector, cursor)[0] == []


def test_a_time_in_utc_does_not_jump(postgres: Postgres, mariadb: MariaDb) -> None:
    for server, kind in ((postgres, "timestamptz"), (mariadb, "timestamp")):
        made(server, kind)
        put(server, 1, "Ann", "'2025-11-02 01:59:00'")
        connector = reading(server)
        _, cursor = names(connector)
        put(server, 2, "Bob", "'2025-11-02 01:50:00'")
        assert names(connector, cursor)[0] == []


@pytest.mark.parametrize(
    ("value", "lowered"),
    [("2026-01-01 10:00:00", "2026-01-01 08:55:00"), ("2026-01-01T10:00:00Z", "2026-01-01T09:55:00Z"),
     ("2026-01-01 10:00:00+02:00", "2026-01-01 09:55:00+02:00"), ("2026-01-02", "2026-01-01")],
)  # fmt: skip
def test_the_jump_of_a_zone_is_a_part_of_the_overlap_of_a_time_without_a_zone(value: str, lowered: str) -> None:
    order = cursor_order("timestamp", 300)
    assert order.minus_overlap(value) == lowered
    assert isinstance(order, Times)
