"""The state file: created, opened, migrated, and what is said if it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine
from sqlmodel import SQLModel

import syncd.state.numbers.tables
import syncd.state.tables  # noqa: F401  (registers the tables)
from syncd.errors import StateBusy, StateError
from syncd.state import State, database
from syncd.state.database import copies_of
from syncd.state.glance import Glance
from tests.worlds.journal import accept, change

MANY = 1_234

UNTIERED = (
    *(f"DROP TRIGGER contact_{name}" for name in ("changed", "renamed", "came", "left")),
    *(f"DROP TABLE {name}" for name in ("number", "unindexed", "formernumber", "unsent")),
    *(f"DROP TABLE {name}" for name in ("wanted", "leftout", "assigned", "due")),
    "DROP TABLE appliedplan",
    "ALTER TABLE change DROP COLUMN place",
    "DROP INDEX request_at",
    "ALTER TABLE request DROP COLUMN tier",
    "CREATE INDEX request_at ON request (pause, at)",
)
"""The statements that make the tables as they were before requests had tiers."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "syncd.db"


def test_only_the_owner_can_read_it(path: Path) -> None:
    with State(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_migrations_make_the_tables_of_the_models(path: Path) -> None:
    State(path).close()
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_newest_migration_is_the_version_that_is_expected() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert scripts.get_current_head() == database.HEAD


def test_an_older_file_is_backed_up_beside_itself_before_it_is_migrated(path: Path) -> None:
    with State(path) as state:
        state.facts.target_address.set("here")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    # An older copy of this name, which everybody may read.
    (path.parent / f"{path.name}.before-{database.HEAD}-from-0000").touch(mode=0o644)
    with pytest.raises(Exception, match="0000"):  # there is no migration from a version that never existed
        State(path)
    [backup] = path.parent.glob("syncd.db.before-*")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT value FROM fact WHERE name = 'target.address'").fetchall() == [("here",)]
    connection.close()


def test_a_newer_file_is_refused(path: Path) -> None:
    State(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StateError, match="newer syncd"):
        State(path)


def test_another_programs_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StateError, match="some other program's"):
        State(path)


def test_a_damaged_file_is_named_with_the_remedy(path: Path) -> None:
    State(path).close()
    with path.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 200)
    with pytest.raises(StateError, match="damaged; put a backup"):
        State(path)
    with pytest.raises(StateError, match="damaged; put a backup"), Glance(path) as glance:
        glance.alarms()


def look(path: Path) -> None:
    with Glance(path) as glance:
        glance.alarms()


OPENINGS = [State, partial(State, read_only=True), look]


@pytest.mark.parametrize("opened", OPENINGS)
def test_a_file_of_another_kind_is_no_state_file_and_nobody_is_told_to_move_it_away(
    path: Path, opened: Callable[[Path], object]
) -> None:
    path.write_text("id,name,phone\n1,Ann,2125550101\n" * 100)
    with pytest.raises(StateError, match="this is no state file of syncd; set state: to another file") as told:
        opened(path)
    assert "move" not in str(told.value)


@pytest.mark.parametrize("opened", OPENINGS)
def test_what_is_no_file_at_all_is_no_state_file(path: Path, opened: Callable[[Path], object]) -> None:
    os.mkfifo(path)
    for each in (path, Path("/dev/null")):
        with pytest.raises(StateError, match="a device, a pipe or a socket; set state: to a file"):
            opened(each)


def test_a_folder_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        State(tmp_path / "nowhere" / "syncd.db")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_in_its_place_is_named_with_the_remedy(tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(StateError, match="this is a folder; set state: to a file in it"):
        State(tmp_path, read_only=read_only)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_named(path: Path) -> None:
    State(path).close()
    path.chmod(0o400)
    with pytest.raises(StateError, match="cannot be written"):
        State(path)


def test_a_locked_file_is_temporary(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    State(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with State(path) as state, pytest.raises(StateBusy, match="another process has locked"):
        state.facts.target_address.set("b")
    holder.close()


def test_a_full_disk_is_temporary_and_loses_nothing(path: Path) -> None:
    with State(path) as state:
        accept(state, "kept", 1)
        pages = state.scalar("PRAGMA page_count")
        state.scalar(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StateBusy, match="no space left"):
            state.journal.mark("run", "s", [change(str(n), after={"Name": "x" * 500}) for n in range(MANY)])
        assert state.ledger.digests("s")["@key"].to_list() == ["kept"]


def test_a_dry_run_sees_what_is_not_there_as_empty(path: Path) -> None:
    with State(path, read_only=True) as state:
        assert state.ledger.digests("s").is_empty()
    assert not path.exists()


def test_a_read_only_state_refuses_to_write(path: Path) -> None:
    State(path).close()
    with State(path, read_only=True) as state, pytest.raises(StateError):
        state.facts.target_address.set("b")


def test_a_file_from_before_undo_keeps_its_runs_and_changes(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 1)
        state.runs.begin("run", "s", "config")
        state.runs.end("run", "s", outcome="done", exit_code=0, requests=1, report={})
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            *UNTIERED,
            "DROP TABLE leftover",
            "DROP TABLE outranked",
            "DROP TABLE merged",
            "DROP INDEX change_old_id",
            "ALTER TABLE contact DROP COLUMN raw",
            "DROP TABLE undone",
            "DROP TABLE alarm",
            "DROP TABLE notice",
            "ALTER TABLE request DROP COLUMN late",
            "ALTER TABLE run DROP COLUMN planned",
            "ALTER TABLE run DROP COLUMN kind",
            "ALTER TABLE run DROP COLUMN undoes",
            "UPDATE alembic_version SET version_num = '0002'",
        ):
            connection.execute(statement)
        connection.commit()
    with State(path, read_only=True) as state:
        assert [run["kind"] for run in state.history.runs()] == ["run"]
    with State(path) as state:
        assert [run["kind"] for run in state.history.runs()] == ["run"]
        assert [entry.key for entry in state.history.entries("run", "s")] == ["a"]
        assert state.holds.undone("s").is_empty()


def test_a_file_that_kept_claims_as_json_texts_carries_them_over(path: Path) -> None:
    State(path).close()
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            *UNTIERED,
            "DROP TABLE leftover",
            "DROP TABLE outranked",
            "DROP TABLE merged",
            """INSERT INTO fact (name, value) VALUES ('not sent of people', '{"b": "7", "a": "8"}')""",
            """INSERT INTO fact (name, value) VALUES ('merged in people', '{"7": ["a", "c"], "9": ["c"]}')""",
            "UPDATE alembic_version SET version_num = '0006'",
        ):
            connection.execute(statement)
        connection.commit()
    with State(path) as state:
        assert state.claims.outranked("people") == {"a": "8", "b": "7"}
        assert state.claims.merged("people") == {"7": ["a", "c"], "9": ["c"]}
        assert state.scalar("SELECT count(*) FROM fact WHERE name LIKE '% people'") == 0


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("syncd.db.before-0012-from-0009", True),
        ("syncd.db.before-restore-20260101T000000", True),
        ("syncd.db.before-restore-20260101T000000-2-wal", True),
        (".syncd.db.4711-ab_c1.new", True),
        (".syncd.db.4711-ab_c1.new.state-journal", True),
        (".syncd.db.before-restore-20260101T000000.4711-ab_c1.new", True),
        ("syncd.db", False),
        ("syncd.db-wal", False),
        ("syncd.db.before-upgrade", False),
        ("syncd.db.before-0012-from-0009.mine", False),
        ("syncd.db.before-restore-20260101", False),
        (".syncd.db.mine.new", False),
        ("other.db.before-0012-from-0009", False),
    ],
)
def test_syncd_knows_its_own_copies_by_their_exact_names(path: Path, name: str, ours: bool) -> None:
    (path.parent / name).touch()
    assert copies_of(path) == ([path.parent / name] if ours else [])
