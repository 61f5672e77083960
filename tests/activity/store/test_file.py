"""The activity store as a file: its tables, its versions, and what is said if it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from syncd.activity.store.store import HEAD, ActivityStore
from syncd.activity.store.tables import Table
from syncd.errors import StateBusy, StateError
from syncd.state import database
from syncd.state.migrations.upgrade import ENVIRONMENT
from tests.worlds.phone_calls import NOON, call, listed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "activity.db"


def test_the_migrations_make_the_tables_of_the_models(path: Path) -> None:
    ActivityStore(path).close()
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    assert len(Table.metadata.tables) == 13


def test_the_newest_migration_is_the_version_that_is_expected() -> None:
    scripts = ScriptDirectory(str(ENVIRONMENT), version_locations=[str(ActivityStore.VERSIONS)])
    assert scripts.get_current_head() == HEAD


def test_only_the_owner_can_read_it_and_a_commit_is_durable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActivityStore, "_open", database.Database._open)
    with ActivityStore(path) as store:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (store.scalar("PRAGMA journal_mode"), store.scalar("PRAGMA synchronous")) == ("wal", 2)


def test_a_store_that_is_not_there_is_empty_for_those_who_only_read(path: Path) -> None:
    with ActivityStore(path, read_only=True) as store:
        assert list(store.activities.select()) == []
    assert not path.exists()


def test_a_newer_file_is_refused_by_its_name(path: Path) -> None:
    ActivityStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StateError, match=r"the activity store was written by a newer syncd \(version 9999"):
        ActivityStore(path)


def test_what_is_no_store_is_named_with_the_setting(path: Path) -> None:
    path.write_text("id,name,phone\n1,Ann,2125550101\n" * 100)
    with pytest.raises(StateError, match=r"this is no activity store of syncd; set activity.store: to another file"):
        ActivityStore(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match=r"this is a folder; set activity.store: to a file in it, such as activity.db"):
        ActivityStore(path)


def test_a_damaged_store_is_named_with_the_remedy(path: Path) -> None:
    ActivityStore(path).close()
    with path.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 200)
    with pytest.raises(StateError, match=r"the activity store is damaged; put a backup .* the next pull then reads"):
        ActivityStore(path)


def test_a_locked_store_is_temporary(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    ActivityStore(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with ActivityStore(path) as store, pytest.raises(StateBusy, match="another process has locked the activity store"):
        store.facts.set("a", "b")
    holder.close()


def test_a_full_disk_is_temporary_and_leaves_nothing_half_stored(path: Path) -> None:
    with ActivityStore(path) as store:
        pages = store.scalar("PRAGMA page_count")
        store.scalar(f"PRAGMA max_page_count = {pages}")
        many = [listed(call(call_id=f"c{number}")) for number in range(500)]
        with pytest.raises(StateBusy, match=r"the activity store cannot be written .*nothing is answered as received"):
            store.activities.take(many, by="list", arrived=NOON)
        assert list(store.activities.select()) == []
        assert store.scalar("SELECT count(*) FROM call") == 0
