"""What stops a delivery: tried again later, or for a person to mend; no message holds a value or a password."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from connectors.sql_tables import sessions
from connectors.sql_tables.errors import RefusedValue, WriteErrors
from connectors.sql_tables.options import SqlTablesOptions
from connectors.sql_tables.sink import SqlTables
from syncd.errors import SinkError, SinkInvalid, SinkUnavailable
from tests.contract.sink_rows import NAME, NUMBER, call
from tests.contract.sinks import accepted, item, names_nobody
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.sql_tables import rows_in, sink_on


def failures(sink: SqlTables) -> list[SinkError]:
    """What a check and a delivery raise."""
    found = []
    with sink:
        for attempt in (sink.check, lambda: sink.deliver([item(sink, call())])):
            with pytest.raises(SinkError) as caught:
                attempt()
            found.append(caught.value)
    return found


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mssql"])
def test_a_server_that_does_not_answer_is_tried_again_and_nothing_is_in_doubt(scheme: str) -> None:
    for error in failures(sink_on(f"{scheme}://u@127.0.0.1:1/d", password="hunter2")):
        assert isinstance(error, SinkUnavailable)
        assert not error.in_doubt
        assert "check that it runs" in str(error)
        assert "hunter2" not in str(error)


def test_a_database_that_is_not_there_is_for_a_person(postgres: Any, mariadb: Any) -> None:
    for url in (postgres.url, mariadb.url):
        for error in failures(sink_on(f"{url}_not")):
            assert isinstance(error, SinkInvalid)
            assert "no such database" in str(error)


def test_a_server_that_only_reads_is_named(pg: Any) -> None:
    for error in failures(sink_on(f"{pg.url}?options=-cdefault_transaction_read_only%3Don")):
        assert isinstance(error, SinkInvalid)
        assert "takes no changes" in str(error)


def test_a_user_without_rights_is_told_which_it_needs(pg: Any) -> None:
    guest = f"guest_{pg.database}"
    as_guest = f"{pg.url}?options=-crole%3D{guest}"
    pg.run(f"CREATE ROLE {guest}", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with sink_on(as_guest) as sink, pytest.raises(SinkInvalid, match="the right to make them"):
            sink.prepare()
        with sink_on(pg.url) as sink:
            sink.prepare()
        for error in failures(sink_on(as_guest)):
            assert "grant it SELECT, INSERT, UPDATE and DELETE" in str(error)
        # Who may write the tables need not be allowed to make any.
        pg.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {guest}")
        with sink_on(as_guest) as sink:
            assert [note.good for note in sink.check()] == [True]
            accepted(sink, call(1))
            accepted(sink, call(1, status="missed"))
        assert [row["status"] for row in rows_in(pg, "calls")] == ["missed"]
    finally:
        pg.run(f"DROP OWNED BY {guest}", f"DROP ROLE {guest}")


def test_rows_that_another_program_holds_are_tried_again_later(pg: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 1)
    with sink_on(pg.url) as sink:
        accepted(sink, call(1))
        with pg.connected() as other, other.transaction():
            other.execute("LOCK TABLE calls")
            with pytest.raises(SinkUnavailable, match="another program holds"):
                sink.deliver([item(sink, call(2))])
        accepted(sink, call(2))


def test_a_statement_that_takes_too_long_names_the_option(pg: Any) -> None:
    with sink_on(pg.url, timeout=0.2) as sink:
        accepted(sink, call(1))
        with pg.connected() as other, other.transaction():
            other.execute("LOCK TABLE calls")
            with pytest.raises(SinkUnavailable, match=r"took longer than 0\.2 s: raise timeout"):
                sink.deliver([item(sink, call(2))])


def test_a_connection_that_was_ended_is_made_anew(pg: Any) -> None:
    with sink_on(pg.url) as sink:
        accepted(sink, call(1))
        pg.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncd warehouse'")
        with pytest.raises(SinkUnavailable, match="again later"):
            sink.deliver([item(sink, call(2))])
        accepted(sink, call(2))


def test_tables_that_were_dropped_meanwhile_are_made_anew(pg: Any) -> None:
    with sink_on(pg.url) as sink:
        accepted(sink, call(1))
        pg.run("DROP TABLE activity_contacts")
        with pytest.raises(SinkInvalid, match="not as syncd made them"):
            sink.deliver([item(sink, call(2))])
        accepted(sink, call(2))


# SQLite


def test_a_file_that_another_program_has_locked_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CONNECT_TIMEOUT", 0.2)
    file = SqliteFile(tmp_path / "phone.db")
    with sink_on(file.url) as sink:
        accepted(sink, call(1))
        with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(SinkUnavailable, match="another program holds"):
                sink.deliver([item(sink, call(2))])
        accepted(sink, call(2))


def test_a_file_that_was_moved_away_gets_nothing_more(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "phone.db")
    with sink_on(file.url) as sink:
        accepted(sink, call(1))
        file.path.rename(tmp_path / "other.db")
        with pytest.raises(SinkUnavailable, match="moved or removed"):
            sink.deliver([item(sink, call(2))])
        accepted(sink, call(2))
    assert [row["id"] for row in rows_in(file, "calls")] == ["c2"]


@pytest.mark.parametrize(
    ("place", "kind", "said"),
    [("nowhere/phone.db", SinkUnavailable, "mount the disk"), ("text.db", SinkInvalid, "no SQLite database"),
     ("folder", SinkError, "cannot be opened")],
)  # fmt: skip
def test_what_is_no_database_is_named(tmp_path: Path, place: str, kind: type[SinkError], said: str) -> None:
    (tmp_path / "text.db").write_text("Dear Ann, " * 100)
    (tmp_path / "folder").mkdir()
    for error in failures(sink_on(f"sqlite:///{tmp_path / place}")):
        assert isinstance(error, kind)
        assert said in str(error)


def test_a_check_makes_no_file(tmp_path: Path) -> None:
    with sink_on(f"sqlite:///{tmp_path}/phone.db") as sink:
        [note] = sink.check()
        assert "the first delivery makes it" in note.text
        assert sink.erase(["call:c1"]) == ["call:c1"]
    assert not (tmp_path / "phone.db").exists()


# Each driver's errors


class Told(Exception):
    """An error of a driver. ``sqlstate``: as psycopg has it."""

    def __init__(self, *args: Any, sqlstate: str | None = None) -> None:
        super().__init__(*args)
        self.sqlstate = sqlstate
        self.diag = SimpleNamespace(statement_position=None, message_primary=SAID)


URLS = {
    "psycopg": "postgresql://u@db.example.com/phone",
    "pymysql": "mysql://u@db.example.com/phone",
    "pymssql": "mssql://u@db.example.com/phone",
    "sqlite3": "sqlite:///phone.db",
}
SAID = f"value '{NAME}' for '{NUMBER}'"
LATER, PERSON, VALUE = SinkUnavailable, SinkInvalid, RefusedValue


@pytest.mark.parametrize(
    ("driver", "error", "kind", "said"),
    [
        ("psycopg", Told(SAID, sqlstate="40P01"), LATER, "another program holds"),
        ("psycopg", Told(SAID, sqlstate="53100"), LATER, "no room left"),
        ("psycopg", Told(SAID, sqlstate="57P01"), LATER, "again later"),
        ("psycopg", Told(SAID), LATER, "connection was lost"),
        ("psycopg", Told(SAID, sqlstate="22P05"), VALUE, "22P05"),
        ("psycopg", Told(SAID, sqlstate="23514"), VALUE, "23514"),
        ("psycopg", Told(SAID, sqlstate="42P01"), PERSON, "run syncd check"),
        ("psycopg", Told(SAID, sqlstate="0A000"), PERSON, "refuses a statement"),
        ("pymysql", Told(1213, SAID), LATER, "another program holds"),
        ("pymysql", Told(1114, SAID), LATER, "no room left"),
        ("pymysql", Told(2013, SAID), LATER, "again later"),
        ("pymysql", Told(1366, SAID), VALUE, "1366"),
        ("pymysql", Told(1290, SAID), PERSON, "takes no changes"),
        ("pymysql", Told(1142, SAID), PERSON, "grant it"),
        ("pymysql", Told(1146, SAID), PERSON, "run syncd check"),
        ("pymysql", Told(1030, SAID), PERSON, "refuses a statement"),
        ("pymssql", Told((1205, SAID.encode())), LATER, "another program holds"),
        ("pymssql", Told((1105, SAID.encode())), LATER, "no room left"),
        ("pymssql", Told(20004, SAID.encode()), LATER, "again later"),
        ("pymssql", Told(2628, SAID.encode()), VALUE, "2628"),
        ("pymssql", Told(3906, SAID.encode()), PERSON, "takes no changes"),
        ("pymssql", Told(229, SAID.encode()), PERSON, "grant it"),
        ("pymssql", Told(208, SAID.encode()), PERSON, "run syncd check"),
        ("sqlite3", Told("database or disk is full"), LATER, "no room left"),
        ("sqlite3", Told("attempt to write a readonly database"), PERSON, "takes no changes"),
        ("sqlite3", Told("no such table: main.calls"), PERSON, "run syncd check"),
        ("sqlite3", Told("string or blob too big"), VALUE, "does not take a value"),
    ],
)
def test_the_errors_of_a_driver_are_told_apart(driver: str, error: Told, kind: type[Exception], said: str) -> None:
    # A driver's errors are known by their module.
    driver_error = type("Error", (Told,), {"__module__": driver})(*error.args, sqlstate=error.sqlstate)
    database = SqlTablesOptions.model_validate({"url": URLS[driver]}).url
    # SQLAlchemy puts the statement and its values around it.
    for raised in (driver_error, DBAPIError("INSERT", {"name": NAME}, driver_error)):
        with pytest.raises(kind, match=said) as caught, WriteErrors(database, 60).translated():
            raise raised
        assert type(caught.value) is kind
        assert names_nobody(str(caught.value))
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_an_error_of_ours_stays_a_defect() -> None:
    database = SqlTablesOptions.model_validate({"url": URLS["sqlite3"]}).url
    with pytest.raises(KeyError), WriteErrors(database, 60).translated():
        raise KeyError("id")
