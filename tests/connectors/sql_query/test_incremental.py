"""Reads of changes: no row is lost between two reads, no row comes for ever, and no table is scanned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.sql_query import cursor as sql_cursor
from connectors.sql_query.connector import SqlQuery
from connectors.sql_query.cursor import Mark, Window
from connectors.sql_query.cursor_order import Numbers, Times
from syncd.source import End
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import NOW, read, source
from tests.worlds.sql_sqlite_file import SqliteFile

NO_INDEX = (
    "no index serves the cursor changed: each incremental read scans all of people; "
    "an index on that column, and on the columns that join tables, makes it quick"
)
STAMP = {"postgresql": "timestamptz", "mysql": "datetime(3)", "sqlite": "text"}
CURSOR = {"column": "changed", "overlap": "5m"}


class People:
    """A table of people with the time of their last change, and a source that reads it on a movable clock."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.now = NOW
        self.options: dict[str, Any] = {"query": "SELECT id, name, changed FROM people", "cursor": CURSOR}
        kind = STAMP[server.kind]
        columns = f"id int PRIMARY KEY, name varchar(40), changed {kind}, gone {kind}"
        server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people ({columns})")

    def put(self, *rows: tuple[int, str, str | None]) -> None:
        for number, name, changed in rows:
            stamp = f"'2020-06-01 {changed}'" if changed else "NULL"
            self.server.run(f"DELETE FROM people WHERE id = {number}",
                            f"INSERT INTO people (id, name, changed) VALUES ({number}, '{name}', {stamp})")  # fmt: skip

    def source(self) -> SqlQuery:
        return source(self.server, clock=lambda: self.now, **self.options)

    def read(self, cursor: str | None = None) -> tuple[list[str], End]:
        rows, end = read(self.source(), cursor)
        return sorted(row["name"] for row in rows), end


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> People:
    if request.param == "sqlite":
        return People(SqliteFile(tmp_path / "people.db"))
    return People(request.getfixturevalue(request.param))


def cursor_of(end: End) -> str:
    assert end.cursor is not None
    return end.cursor


def test_only_what_changed_is_read(people: People) -> None:
    people.put((1, "Ann", "10:00:00"), (2, "Bob", "11:00:00"))
    names, end = people.read()
    assert (names, end.proof) == (["Ann", "Bob"], "complete")
    people.put((3, "Cy", "11:30:00"), (1, "Anna", "11:31:00"))
    names, end = people.read(cursor_of(end))
    assert (names, end.proof) == (["Anna", "Cy"], "partial")
    names, end = people.read(cursor_of(end))
    assert (names, end.proof, end.deleted, end.present) == ([], "partial", frozenset(), None)


def test_a_row_with_the_same_time_as_the_last_one_is_not_lost_and_that_one_not_repeated(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    _, end = people.read()
    people.put((2, "Bob", "10:00:00"))
    names, end = people.read(cursor_of(end))
    assert names == ["Bob"]
    people.put((1, "Anna", "10:00:00"))
    assert people.read(cursor_of(end))[0] == ["Anna"]


def test_a_late_commit_within_the_overlap_is_found(people: People) -> None:
    people.put((1, "Ann", "10:00:00.5"))
    _, end = people.read()
    people.put((2, "Bob", "09:55:01"), (3, "Cy", "09:58:00.25"))
    assert people.read(cursor_of(end))[0] == ["Bob", "Cy"]


def test_a_late_commit_is_found_though_much_time_has_passed_since_the_last_read(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    _, end = people.read()
    people.put((2, "Bob", "09:58:00"))
    people.now += 3600
    assert people.read(cursor_of(end))[0] == ["Bob"]


def test_many_rows_of_one_time_are_repeated_until_the_overlap_is_over_and_not_for_ever(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_cursor, "MAX_SEEN", 2)
    people.put(*((number, f"P{number}", "10:00:00") for number in range(4)))
    _, end = people.read()
    people.now += 60
    names, end = people.read(cursor_of(end))
    assert len(names) == 4
    people.now += 3900  # the overlap, and the jump of a zone
    names, end = people.read(cursor_of(end))
    assert len(names) == 4
    names, end = people.read(cursor_of(end))
    exact = people.server.kind != "sqlite"
    assert len(names) == (0 if exact else 4)
    people.put((9, "New", "10:00:01"))
    names, end = people.read(cursor_of(end))
    assert "New" in names
    assert len(names) == (1 if exact else 5)


def test_a_row_without_a_time_is_never_overlooked(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    _, end = people.read()
    people.put((2, "Bob", None))
    names, end = people.read(cursor_of(end))
    assert names == ["Bob"]
    assert people.read(cursor_of(end))[0] == []
    people.put((2, "Bobby", None))
    assert people.read(cursor_of(end))[0] == ["Bobby"]


def test_a_row_from_the_future_does_not_hide_those_before_it(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    people.server.run("INSERT INTO people (id, name, changed) VALUES (2, 'Bob', '2999-01-01 00:00:00')")
    _, end = people.read()
    people.put((3, "Cy", "10:01:00"))
    names, end = people.read(cursor_of(end))
    assert names == ["Cy"]
    people.put((4, "Dee", "10:02:00"))
    assert people.read(cursor_of(end))[0] == ["Dee"]


def test_another_query_is_read_in_full(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    _, end = people.read()
    people.options["query"] += " WHERE id > 0"
    assert people.read(cursor_of(end)) == (["Ann"], people.read()[1])


def test_a_cursor_that_cannot_be_read_means_a_full_read(people: People) -> None:
    people.put((1, "Ann", "10:00:00"))
    assert people.read('{"version": 0}')[1].proof == "complete"
    assert people.read("nonsense")[1].proof == "complete"


def test_a_first_read_of_nothing_finds_what_comes(people: People) -> None:
    _, end = people.read()
    people.put((1, "Ann", "10:00:00"))
    assert people.read(cursor_of(end))[0] == ["Ann"]


@pytest.mark.parametrize("mark", ["gone", "gone IS NOT NULL"])
def test_rows_marked_as_deleted_are_left_out_and_their_keys_told(people: People, mark: str) -> None:
    people.options |= {"query": "SELECT id, name, changed, gone FROM people", "deleted": mark}
    people.put((1, "Ann", "10:00:00"), (2, "Bob", "10:00:00"), (3, "Cy", "10:00:00"))
    people.server.run("UPDATE people SET gone = '2020-06-01 10:00:00' WHERE id = 3")
    names, end = people.read()
    assert (names, end.proof, end.deleted) == (["Ann", "Bob"], "complete", frozenset())
    people.server.run("UPDATE people SET gone = '2020-06-01 11:00:00', changed = '2020-06-01 11:00:00' WHERE id = 2")
    names, end = people.read(cursor_of(end))
    assert (names, end.proof, end.deleted) == ([], "partial", frozenset({"2"}))


def test_vanished_rows_are_found_when_it_is_time_to_look(people: People) -> None:
    people.options |= {"sweep": "1h", "query": "SELECT id, name, changed, gone FROM people", "deleted": "gone"}
    people.put((1, "Ann", "10:00:00"), (2, "Bob", "10:00:00"), (3, "Cy", "10:00:00"))
    _, end = people.read()
    people.server.run("DELETE FROM people WHERE id = 2", "UPDATE people SET gone = changed WHERE id = 3")
    people.now += 3599
    _, end = people.read(cursor_of(end))
    assert end.present is None
    people.now += 1
    _, end = people.read(cursor_of(end))
    assert end.present is not None
    assert end.present.rows() == [("1",)]
    people.now += 3599
    assert people.read(cursor_of(end))[1].present is None


def test_numbers_may_be_the_cursor(people: People) -> None:
    people.options["cursor"] = {"column": "id", "type": "number", "overlap": 1}
    people.put((9, "Ann", None), (10, "Bob", None))
    _, end = people.read()
    people.put((11, "Cy", None), (8, "Dee", None))
    names, end = people.read(cursor_of(end))
    assert names == ["Cy"]
    assert people.read(cursor_of(end))[0] == []


def test_days_may_be_the_cursor(people: People) -> None:
    people.options["query"] = "SELECT id, name, CAST(changed AS char(10)) AS changed FROM people"
    people.options["cursor"] = {"column": "changed", "type": "date"}
    people.put((1, "Ann", "10:00:00"))
    _, end = people.read()
    people.put((2, "Bob", "23:59:59"))
    names, end = people.read(cursor_of(end))
    assert names == ["Bob"]
    assert people.read(cursor_of(end))[0] == []


def plan_of(server: Any, statement: str) -> str:
    return "\n".join(str(row) for row in server.run(f"EXPLAIN {statement}"))


def test_postgresql_reads_changes_by_the_index_and_scans_nothing(postgres: Postgres) -> None:
    postgres.run(
        "DROP TABLE IF EXISTS people, phones",
        "CREATE TABLE people (id int PRIMARY KEY, name text, changed timestamp NOT NULL)",
        "CREATE TABLE phones (person int, number text)",
        "INSERT INTO people SELECT g, 'P' || g, timestamp '2020-01-01' + g * interval '1 minute' "
        "FROM generate_series(1, 20000) g",
        "INSERT INTO phones SELECT g, '212555' || g FROM generate_series(1, 20000) g",
        "CREATE INDEX ON people (changed)",
        "CREATE INDEX ON phones (person)",
        "ANALYZE",
    )
    phones = "(SELECT string_agg(number, ';') FROM phones WHERE person = p.id) AS phones"
    query = f"SELECT id, name, changed, {phones} FROM people p"
    connector = source(postgres, query, cursor=CURSOR)
    rows, end = read(connector)
    assert len(rows) == 20000
    before = scans(postgres)
    postgres.run("UPDATE people SET changed = timestamp '2020-06-01' WHERE id % 1000 = 0")
    rows, _ = read(connector, end.cursor)
    assert len(rows) == 20
    assert scans(postgres) == before + 1  # the UPDATE's own
    [note] = connector.notes()
    assert note.good


def scans(postgres: Postgres) -> int:
    """Return how often the tables were scanned, by the server's own count."""
    postgres.run("SELECT pg_stat_force_next_flush()", "SELECT pg_stat_clear_snapshot()")
    [[count]] = postgres.run("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('people', 'phones')")
    return int(count)


def test_mariadb_reads_changes_by_the_index(mariadb: MariaDb) -> None:
    mariadb.run(
        "DROP TABLE IF EXISTS people",
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), changed datetime NOT NULL, INDEX (changed))",
        "INSERT INTO people SELECT seq, CONCAT('P', seq), '2020-01-01' + INTERVAL seq MINUTE FROM seq_1_to_5000",
        "ANALYZE TABLE people",
    )
    connector = source(mariadb, "SELECT id, name, changed FROM people", cursor=CURSOR)
    _, end = read(connector)
    mark = Mark.from_text(end.cursor or "")
    assert mark is not None
    begun = mark.begin(Times(300), exact=True)
    assert begun == (">=", "2020-01-04 11:15:00")
    statement = (
        f"SELECT * FROM (SELECT id, name, changed FROM people) AS p WHERE changed >= '{begun[1]}' OR changed IS NULL"
    )
    assert "range" in plan_of(mariadb, statement)
    [note] = connector.notes()
    assert note.good


@pytest.mark.parametrize("name", ["postgres", "mariadb", "sqlite"])
def test_check_tells_that_the_cursor_has_no_index_and_the_key_has_twins(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = SqliteFile(tmp_path / "people.db") if name == "sqlite" else request.getfixturevalue(name)
    server.run("DROP TABLE IF EXISTS people", "CREATE TABLE people (id int, name varchar(9), changed timestamp NULL)",
               "INSERT INTO people (id) VALUES (1), (1), (NULL), (2)")  # fmt: skip
    notes = source(server, table="people", cursor=CURSOR).notes()
    assert [note.text for note in notes] == [
        "the key id: 1 value in more than one row each; only the first row counts",
        "the key id: NULL in 1 row; nothing is deleted while that is so",
        NO_INDEX,
    ]
    server.run("DELETE FROM people WHERE id IS NULL OR id = 1", "CREATE INDEX people_changed ON people (changed)")
    assert [note.text for note in source(server, table="people", cursor=CURSOR).notes()] == [
        "the key id: unique in 1 row"
    ]


@pytest.mark.parametrize(
    ("value", "lowered"),
    [
        ("2026-01-01 00:03:00", "2025-12-31 23:58:00"),
        ("2026-01-01T00:03:00.5Z", "2025-12-31T23:57:59Z"),
        ("2026-01-01 00:03:00.123456+00", "2025-12-31 23:57:59+00"),
        ("2026-01-01", "2025-12-31"),
        ("0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
    ],
)
def test_the_overlap_keeps_the_form_of_a_time(value: str, lowered: str) -> None:
    assert Times(300).minus_overlap(value) == lowered


def test_what_is_no_time_does_not_move_the_cursor() -> None:
    window = Window(Times(300), ("2026-01-02 00:00:00", "2026-01-01 20:00:00"))
    values = ["infinity", "2026-01-01 10:00:00+00", "2026-01-02 00:00:01+00", None, "-infinity"]
    window.add(pl.DataFrame({"id": ["1", "2", "3", "4", "5"]}), pl.Series(values, dtype=pl.String))
    assert window.top == "2026-01-01 10:00:00+00"
    assert len(window.seen()) == 5


def test_numbers_sort_as_numbers() -> None:
    window = Window(Numbers(0), ("2026-01-02 00:00:00", "2026-01-01 20:00:00"))
    window.add(pl.DataFrame({"id": ["1", "2"]}), pl.Series(["9", "10"]))
    window.add(pl.DataFrame({"id": ["3"]}), pl.Series(["9"]))
    assert window.top == "10"
