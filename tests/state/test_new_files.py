"""A new database file has the tables that the migrations make, without the migrations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.activity.store.store import ActivityStore
from syncd.state import State
from syncd.state.database import Database
from syncd.state.migrations.newest import make, script, written
from syncd.state.migrations.upgrade import upgrade

KINDS = pytest.mark.parametrize("kind", [State, ActivityStore])


@KINDS
def test_the_script_of_a_new_file_is_what_the_migrations_make(kind: type[Database]) -> None:
    again = f"python -m syncd.state.migrations.newest {kind.VERSIONS}"
    assert script(kind.VERSIONS).read_text(encoding="utf-8") == written(kind.VERSIONS), f"write it anew: {again}"


@KINDS
def test_a_new_file_holds_what_a_migrated_file_holds(kind: type[Database], tmp_path: Path) -> None:
    kind(tmp_path / "new.db").close()
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as migrated:
        upgrade(migrated, kind.VERSIONS)
        with closing(sqlite3.connect(tmp_path / "new.db")) as new:
            assert [*new.iterdump()] == [*migrated.iterdump()]


def test_two_processes_may_make_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    State(path).close()
    # This one has seen no tables, and waited for the lock of the other one.
    with closing(sqlite3.connect(path, isolation_level=None)) as late:
        make(late, State.VERSIONS)
        assert not late.in_transaction
    with State(path) as state:
        assert state.runs.last_begun("tenants") is None


def test_a_statement_that_fails_leaves_an_empty_file(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    script(versions).write_text("CREATE TABLE one (number);\nCREATE TABLE one (number);\n")
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            make(connection, versions)
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
