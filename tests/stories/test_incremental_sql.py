"""Runs of SQL sources that are read incrementally say what runs that read everything would say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def use(world: World, server: Any, **options: Any) -> None:
    server.run("DROP TABLE IF EXISTS people",
               "CREATE TABLE people (id varchar(20), name varchar(40), changed int, gone int)")  # fmt: skip
    cursor = {"column": "changed", "type": "number", "overlap": 0}
    world.sources["tenants"] = {
        "connector": "sql",
        "options": {"url": server.url, "table": "people", "cursor": cursor, "deleted": "gone", **options},
        "key": "id",
        "where": "name <> 'nobody'",
        "mapping": {"External ID": "id", "Name": "name"},
    }


def put(server: Any, *people: tuple[str, str, int]) -> None:
    for key, name, changed in people:
        server.run(f"INSERT INTO people VALUES ('{key}', '{name}', {changed}, 0)")


def names(world: World) -> dict[str, str]:
    return {key: each["Name"] for key, each in world.there().items()}


def test_a_row_that_comes_with_an_old_stamp_is_found_by_the_sweep(world: World, server: Any) -> None:
    use(world, server, sweep=0)
    put(server, ("1", "Ann", 5), ("9", "nobody", 5))
    world.run()
    put(server, ("2", "Bob", 1), ("3", "nobody", 1))
    report = world.run()
    assert (report.read, report.counts["create"], report.exit_code) == ("partial", 1, 0)
    assert names(world) == {"1": "Ann", "2": "Bob"}
    report = world.run()
    assert (report.read, report.rows) == ("partial", 0)


def test_a_row_that_is_restored_with_its_old_stamp_is_found_by_the_sweep(world: World, server: Any) -> None:
    use(world, server, sweep=0)
    put(server, ("1", "Ann", 1), ("2", "Bob", 1))
    world.run()
    server.run("UPDATE people SET gone = 1, changed = 2 WHERE id = '2'")
    world.run()
    assert names(world) == {"1": "Ann"}
    server.run("UPDATE people SET gone = 0, changed = 1 WHERE id = '2'")
    world.run()
    assert names(world) == {"1": "Ann", "2": "Bob"}


def test_a_key_in_two_rows_stays_with_its_first_row(world: World, server: Any) -> None:
    use(world, server)
    put(server, ("1", "Ann", 1), ("1", "Anna", 1))
    world.run()
    first, second = ("Ann", "Anna") if names(world)["1"] == "Ann" else ("Anna", "Ann")
    server.run(f"UPDATE people SET changed = 2 WHERE name = '{second}'")
    report = world.run()
    assert (report.read, report.exit_code, len(report.invalid)) == ("partial", 3, 1)
    assert names(world) == {"1": first}


@pytest.mark.parametrize("leaves", ["first", "second"])
def test_a_key_in_two_rows_of_which_one_leaves_is_invalid_no_more(world: World, server: Any, leaves: str) -> None:
    use(world, server)
    put(server, ("1", "Ann", 1), ("1", "Anna", 1))
    assert world.run().exit_code == 3
    assert world.run().exit_code == 3
    server.run(f"DELETE FROM people WHERE name = '{'Ann' if leaves == 'first' else 'Anna'}'")
    report = world.run()
    assert (report.read, report.exit_code, report.invalid) == ("partial", 0, [])
    assert names(world) == {"1": "Anna" if leaves == "first" else "Ann"}


def test_a_row_without_a_key_that_left_holds_deletes_no_more(world: World, server: Any) -> None:
    use(world, server, sweep=0)
    put(server, ("1", "Ann", 1), ("", "Cy", 1))
    assert world.run().exit_code == 3
    server.run("DELETE FROM people WHERE id = ''")
    assert world.run().exit_code == 0
