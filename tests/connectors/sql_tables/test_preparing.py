"""The tables are made once, get the columns that they lack, and are never taken from another program."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sql_query.query_text import quoted
from syncd.errors import SinkInvalid
from syncd.sink import Note
from tests.contract.sink_rows import call, message
from tests.contract.sinks import accepted, deliver, item
from tests.worlds.sql_tables import TABLES, records_in, rows_in, sink_on

ODD = {
    "calls": 'the "calls"',
    "segments": "x`; DROP TABLE keep; --",
    "messages": "select",
    "attachments": "Größe {0}",
    "contacts": "it's [all]",
}


def texts(notes: list[Note], *, good: bool) -> list[str]:
    return [note.text.partition(": ")[2] for note in notes if note.good is good]


def tables_of(server: Any) -> set[str]:
    asked = {
        "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
        "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    }
    return {name for (name,) in server.run(asked[server.kind])} & set(TABLES.values())


def test_a_check_makes_nothing_and_a_preparation_makes_all_once(server: Any) -> None:
    server.run("SELECT 1")
    with sink_on(server.url) as sink:
        [told] = texts(sink.check(), good=True)
        assert told.startswith("the first delivery makes the tables calls, call_segments")
        assert tables_of(server) == set()
        assert texts(sink.prepare(), good=True) == [f"made the table {name}" for name in TABLES.values()]
        assert sink.prepare() == []
        assert texts(sink.check(), good=True) == ["the tables can be written"]


def test_a_missing_column_is_told_and_added(server: Any) -> None:
    with sink_on(server.url) as sink:
        [(first, _)] = accepted(sink, call(1))
        server.run("ALTER TABLE calls DROP COLUMN attribution", "ALTER TABLE call_segments DROP COLUMN path")
    with sink_on(server.url) as sink:
        assert texts(sink.check(), good=False) == [
            "the table calls lacks the column attribution: run syncd activity prepare warehouse",
            "the table call_segments lacks the column path: run syncd activity prepare warehouse",
        ]
        with pytest.raises(SinkInvalid, match="lacks the column attribution: run syncd activity prepare warehouse"):
            sink.deliver([item(sink, call(2))])
        assert texts(sink.prepare(), good=True) == [
            "made the column calls.attribution",
            "made the column call_segments.path",
        ]
        accepted(sink, call(1), call(2))
    assert dict(records_in(server))[first.identity] == first.fields


FOREIGN = {
    "other columns": ("CREATE TABLE calls (id int PRIMARY KEY, name varchar(20))", "it has no column direction"),
    "another key": (
        "CREATE TABLE calls (id varchar(9), n int PRIMARY KEY, direction text, status text, start_time text)",
        "its primary key is not id",
    ),
    "a view": ("CREATE VIEW calls AS SELECT 1 AS id, 2 AS direction, 3 AS status, 4 AS start_time", "primary key"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_table_of_another_program_is_refused_and_stays(server: Any, what: str) -> None:
    statement, why = FOREIGN[what]
    server.run(statement)
    try:
        with sink_on(server.url) as sink:
            for attempt in (sink.check, sink.prepare, lambda: sink.deliver([item(sink, call())])):
                with pytest.raises(SinkInvalid, match=rf"the table calls is another program's \(.*{why}"):
                    attempt()
        assert tables_of(server) <= {"calls"}
        server.run("SELECT id FROM calls")
    finally:
        server.run("DROP VIEW calls" if what == "a view" else "DROP TABLE calls")


def test_a_table_may_have_columns_of_a_persons(server: Any) -> None:
    with sink_on(server.url) as sink:
        accepted(sink, call(1))
        server.run("ALTER TABLE calls ADD note varchar(20) DEFAULT 'new'", "UPDATE calls SET note = 'mine'")
        accepted(sink, call(1, status="missed"), call(2))
    assert server.run("SELECT id, status, note FROM calls ORDER BY id") == [
        ("c1", "missed", "mine"),
        ("c2", "answered", "new"),
    ]


def test_any_name_is_a_name_and_nothing_more(server: Any) -> None:
    server.run("CREATE TABLE keep (a int)")
    try:
        with sink_on(server.url, tables=ODD) as sink:
            sink.prepare()
            [(made, outcome), _] = accepted(sink, call(), message())
            accepted(sink, call(segments=[]), message(body="new"))
            assert sink.check()
            assert sink.erase([outcome.remote_id or ""]) == [made.identity]
        assert rows_in(server, "calls", table=quoted(ODD["calls"], server.kind)) == []
        assert [row["body"] for row in rows_in(server, "messages", table=quoted("select", server.kind))] == ["new"]
        server.run("SELECT a FROM keep")
    finally:
        server.run("DROP TABLE keep", *(f"DROP TABLE IF EXISTS {quoted(name, server.kind)}" for name in ODD.values()))


def test_a_schema_of_any_name_is_made(pg: Any) -> None:
    schema = 'Phone "x"; DROP TABLE keep'
    try:
        with sink_on(pg.url, schema=schema) as sink:
            assert texts(sink.check(), good=True)[0].startswith("the first delivery makes")
            accepted(sink, call())
            assert texts(sink.check(), good=True) == ["the tables can be written"]
        assert len(rows_in(pg, "calls", table=f"{quoted(schema, 'postgresql')}.calls")) == 1
        assert tables_of(pg) == set()
    finally:
        pg.run(f"DROP SCHEMA IF EXISTS {quoted(schema, 'postgresql')} CASCADE")


def test_a_schema_of_mariadb_is_a_database(mariadb: Any) -> None:
    with sink_on(mariadb.url, schema=mariadb.database) as sink:
        accepted(sink, call())
    with sink_on(mariadb.url, schema="nowhere_at_all") as sink, pytest.raises(SinkInvalid, match="no such database"):
        sink.deliver([item(sink, call())])


def test_times_are_moments_whatever_the_zone_of_the_database(pg: Any) -> None:
    pg.run(f"ALTER DATABASE {pg.database} SET timezone = 'America/New_York'")
    try:
        with sink_on(pg.url) as sink:
            [(made, _)] = accepted(sink, call())
        assert records_in(pg) == [(made.identity, made.fields)]
        types = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'calls'"
        found = dict(pg.run(types))
        assert (found["start_time"], found["settled"], found["talk"]) == (
            "timestamp with time zone", "boolean", "double precision",
        )  # fmt: skip
    finally:
        pg.run(f"ALTER DATABASE {pg.database} RESET timezone")


def test_times_of_sqlite_are_in_order_as_texts(tmp_path: Any) -> None:
    from tests.worlds.sql_sqlite_file import SqliteFile

    file = SqliteFile(tmp_path / "phone.db")
    with sink_on(file.url) as sink:
        accepted(sink, call(1, start_time="2026-03-10T14:30:00.500Z"), call(2, start_time="2026-03-10T14:30:00Z"))
    assert file.run("SELECT id, start_time FROM calls ORDER BY start_time") == [
        ("c2", "2026-03-10T14:30:00.000Z"),
        ("c1", "2026-03-10T14:30:00.500Z"),
    ]
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_database_without_emoji_rejects_them_and_says_so(postgres: Any) -> None:
    name = f"{postgres.database}_l1"
    with postgres.connected("postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        with sink_on(postgres.url.replace(postgres.database, name)) as sink:
            outcomes = deliver(sink, [item(sink, call(1, summary="Zoë")), item(sink, call(2, summary="🏠"))])
            assert texts(sink.check(), good=False) == [
                "the database is in LATIN1, and takes no emoji: activities with such characters are rejected"
            ]
        assert [outcomes[each].status for each in ("call:c1", "call:c2")] == ["accepted", "rejected"]
    finally:
        with postgres.connected("postgres") as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
