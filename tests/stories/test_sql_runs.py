"""Whole runs from a database to the target: changed and deleted rows, and a server that dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import Stopped
from syncd.report.source_report import SourceReport
from syncd.run.session import Watcher, open_session
from syncd.sync import run_source
from tests.worlds import sql_servers
from tests.worlds.patience import until
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World

QUERY = "SELECT p.id, p.name, p.changed, (SELECT {phones} FROM phones n WHERE n.person = p.id) AS phones FROM people p"
PHONES = {
    "postgresql": "array_agg(n.number ORDER BY n.number)",
    "mysql": "GROUP_CONCAT(n.number ORDER BY n.number SEPARATOR ';')",
    "sqlite": "json_group_array(n.number)",
}


def use(world: World, server: Any, **options: Any) -> None:
    """Make a table of people and a table of phones on the server the source of the world."""
    server.run("DROP TABLE IF EXISTS people", "DROP TABLE IF EXISTS phones",
               "CREATE TABLE people (id int PRIMARY KEY, name varchar(40), changed int)",
               "CREATE TABLE phones (person int, number varchar(20))")  # fmt: skip
    world.sources["tenants"] = {
        "connector": "sql",
        "options": {"url": server.url, "query": QUERY.format(phones=PHONES[server.kind]), **options},
        "key": "id",
        "mapping": {"External ID": "id", "Name": "name", "Phone": ["phones"]},
    }


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def put(server: Any, *people: tuple[int, str, int], phones: tuple[str, ...] = ("(212) 555-0101", "2125550100")) -> None:
    for number, name, changed in people:
        server.run(f"DELETE FROM people WHERE id = {number}", f"DELETE FROM phones WHERE person = {number}",
                   f"INSERT INTO people VALUES ({number}, '{name}', {changed})",
                   *(f"INSERT INTO phones VALUES ({number}, '{phone}')" for phone in phones))  # fmt: skip


def test_people_and_their_phones_reach_the_target(world: World, server: Any) -> None:
    use(world, server)
    put(server, (1, "Ann", 1), (2, "Bob", 1))
    put(server, (3, "Cy", 1), phones=())
    assert world.run().exit_code == 0
    assert {key: each["Name"] for key, each in world.there().items()} == {"1": "Ann", "2": "Bob", "3": "Cy"}
    assert set(world.there()["1"]["Phone"].split(";")) == {"2125550100", "2125550101"}
    server.run("DELETE FROM people WHERE id = 2", "UPDATE people SET name = 'Anna' WHERE id = 1")
    report = world.run()
    assert (report.read, report.counts["update"], report.counts["delete"]) == ("complete", 1, 1)
    assert {key: each["Name"] for key, each in world.there().items()} == {"1": "Anna", "3": "Cy"}


def test_only_changed_rows_are_read_and_what_they_leave_out_stays(world: World, server: Any) -> None:
    use(world, server, cursor={"column": "changed", "type": "number", "overlap": 0}, sweep="1d")
    put(server, (1, "Ann", 1), (2, "Bob", 1))
    assert world.run().read == "complete"
    put(server, (2, "Bobby", 2), (3, "Cy", 2))
    report = world.run()
    assert (report.read, report.rows, report.exit_code) == ("partial", 2, 0)
    assert {key: each["Name"] for key, each in world.there().items()} == {"1": "Ann", "2": "Bobby", "3": "Cy"}
    report = world.run()
    assert (report.read, report.rows, world.posts()) == ("partial", 0, 2)


def test_a_row_marked_as_deleted_is_deleted_by_an_incremental_read(world: World, server: Any) -> None:
    cursor = {"column": "changed", "type": "number", "overlap": 0}
    use(world, server, cursor=cursor, deleted="name = 'gone'")
    put(server, (1, "Ann", 1), (2, "Bob", 1))
    world.run()
    put(server, (2, "gone", 2))
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("partial", 1)
    assert list(world.there()) == ["1"]


def test_another_mapping_reads_everything(world: World, server: Any) -> None:
    use(world, server, cursor={"column": "changed", "type": "number"})
    put(server, (1, "Ann", 1))
    world.run()
    world.sources["tenants"]["mapping"]["Note"] = {"value": "x"}
    report = world.run()
    assert (report.read, report.rows) == ("complete", 1)
    assert world.there()["1"]["Note"] == "x"


def test_two_rows_with_one_key_and_one_without_are_told(world: World, postgres: Postgres) -> None:
    use(world, postgres)
    world.sources["tenants"]["options"]["query"] = (
        "SELECT * FROM (VALUES ('1', 'Ann', '2125550100'), ('1', 'Ann B', ''), (NULL, 'Cy', '')) AS v(id, name, phones)"
    )
    report = world.run()
    assert [(each["key"], each["at"], each["reason"]) for each in report.invalid] == [
        ("1", "query:2", "duplicate key: query:1 has it too, and is used"),
        (None, "query:3", "no key"),
    ]
    assert report.exit_code == 3


def watched(world: World, reading: Callable[[], object]) -> SourceReport:
    """Run, and call ``reading`` once when the first page has arrived."""
    once = iter([reading])

    def told(_: str, rows: int) -> None:
        if rows:
            next(once, lambda: None)()

    with open_session(world.settings(), stopping=world.stopping, watcher=Watcher(reading=told)) as session:
        return run_source(session, session.settings.sources["tenants"])


def test_a_server_killed_in_mid_read_deletes_nothing_and_the_next_run_is_complete(world: World) -> None:
    with sql_servers.started_postgres() as killable, sql_servers.owned(killable):
        use(world, killable, fetch=100)
        put(killable, (1, "Ann", 1), (2, "Bob", 1))
        assert world.run().exit_code == 0
        killable.run("DELETE FROM people WHERE id = 2",
                     "INSERT INTO people SELECT g, repeat('x', 40), 1 FROM generate_series(10, 200000) g")  # fmt: skip
        report = watched(world, killable.kill)
        assert (report.exit_code, report.read) == (4, "")
        assert "try again later" in str(report.error)
        assert list(world.there()) == ["1", "2"]
        killable.start()
        killable.run("DELETE FROM people WHERE id > 20")
        report = world.run()
        assert (report.read, report.exit_code) == ("complete", 0)
        assert set(world.there()) == {"1", *map(str, range(10, 21))}


@pytest.mark.parametrize("rows", ["FROM people", ""], ids=["while rows are awaited", "while the columns are"])
def test_a_query_under_way_is_cancelled_when_the_run_is_asked_to_stop(
    world: World, mariadb: MariaDb, rows: str
) -> None:
    use(world, mariadb)
    put(mariadb, (1, "Ann", 1))
    world.sources["tenants"]["options"]["query"] = f"SELECT SLEEP(60) AS id, 'Ann' AS name, '' AS phones {rows}"
    stopping = threading.Timer(0.5, world.stopping.set)
    stopping.start()
    with pytest.raises(Stopped):
        world.run()
    stopping.join()
    until(lambda: not slept(mariadb), 40)  # uncancelled, the query takes a minute


def slept(mariadb: MariaDb) -> bool:
    found = mariadb.run("SELECT info FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
    return any("SLEEP(60)" in str(info) for (info,) in found)


def test_a_parameter_without_a_value_reads_every_row(world: World, server: Any) -> None:
    query = "SELECT p.id, p.name, NULL AS phones FROM people p WHERE :branch IS NULL OR p.changed = :branch"
    use(world, server, query=query, params={"branch": None})
    put(server, (1, "Ann", 1), (2, "Bob", 2))
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2"}
