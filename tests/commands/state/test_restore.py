"""``syncd state restore``: what it refuses, what it keeps, and what it says."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from syncd.commands.state import restore as restoring
from syncd.daemon.lock import Lock
from syncd.state import State
from syncd.state.migrations.upgrade import upgrade
from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.neighbour import neighbour, rotate
from tests.worlds.world import World


@pytest.fixture
def saved(company: World, syncd: Command) -> World:
    """40 contacts are in the backup; one more was made since."""
    assert syncd("run")[0] == 0
    assert syncd("state", "backup", "saved.db")[0] == 0
    company.write([*PEOPLE, ("41", "Person 41", "2125550041")])
    assert syncd("run")[0] == 0
    return company


def contacts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute("SELECT count(*) FROM contact").fetchone()[0])


def refused(syncd: Command, world: World, code: int, words: str, file: str = "saved.db", *more: str) -> None:
    before = contacts(world.folder / "syncd.db")
    found, _, err = syncd("state", "restore", file, *more)
    assert (found, words in err) == (code, True), err
    assert contacts(world.folder / "syncd.db") == before
    assert not list(world.folder.glob("*.before-restore-*"))
    assert not list(world.folder.glob(".syncd*"))


def test_the_state_is_put_back_and_the_one_of_before_is_kept(saved: World, syncd: Command) -> None:
    code, out, _ = syncd("state", "restore", "saved.db", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["exit"], found["restored"], found["condition"]) == (0, 0, True, "whole")
    kept = Path(found["kept"])
    assert (contacts(saved.folder / "syncd.db"), contacts(kept), kept.stat().st_mode & 0o777) == (40, 41, 0o600)
    assert found["read_back"]["requests"] == 1
    assert found["read_back"]["sources"] == ["tenants"]
    assert found["contacts"] == {"tenants": 40}
    with State(saved.folder / "syncd.db") as state:
        assert kept in state.copies()
    assert any("was restored" in note for note in json.loads(syncd("state", "check", "--json")[1])["notes"])
    assert syncd("run")[0] == 0
    assert len(saved.there()) == 41
    assert not any("was restored" in note for note in json.loads(syncd("state", "check", "--json")[1])["notes"])


def test_the_text_says_what_will_be_read_back(saved: World, syncd: Command) -> None:
    _, out, _ = syncd("state", "restore", "saved.db", "--yes")
    assert "40 contacts of 1 source" in out
    assert "each source, whole: tenants" in out
    assert "the target's list" in out
    assert "1 request" in out
    assert "deletes: {adopted: true}" in out


def test_what_is_no_whole_backup_is_refused(saved: World, syncd: Command) -> None:
    (saved.folder / "text.db").write_text("id,name\n")
    refused(syncd, saved, 2, "no state file", "text.db")
    refused(syncd, saved, 2, "there is no such file", "none.db")
    refused(syncd, saved, 2, "this is a folder", ".")
    refused(syncd, saved, 2, "this is the state file itself", "syncd.db")
    with closing(sqlite3.connect(saved.folder / "other.db")) as file:
        file.execute("CREATE TABLE x (y)")
    refused(syncd, saved, 2, "no state file of syncd", "other.db")
    whole = (saved.folder / "saved.db").read_bytes()
    (saved.folder / "cut.db").write_bytes(whole[: len(whole) // 2])
    refused(syncd, saved, 2, "damaged", "cut.db")
    (saved.folder / "empty.db").touch()
    refused(syncd, saved, 2, "no state file of syncd", "empty.db")


def test_a_newer_backup_is_refused(saved: World, syncd: Command) -> None:
    with closing(sqlite3.connect(saved.folder / "saved.db")) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
    refused(syncd, saved, 2, "newer syncd (version 9999", "saved.db", "--yes")


def test_nothing_is_restored_under_a_run_or_a_daemon(saved: World, syncd: Command) -> None:
    with saved.state() as state:
        state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60)
        refused(syncd, saved, 5, "stop it first")
        state.leases.release("tenants", f"{socket.gethostname()}:{os.getpid()}:x")
        # A process that is gone holds nothing.
        state.leases.take("tenants", f"{socket.gethostname()}:999999999:x", 60)
    lock = Lock()
    lock.take(str(saved.folder / "syncd.db"))
    refused(syncd, saved, 5, "end that one first")
    lock.release()
    assert syncd("state", "restore", "saved.db")[0] == 0


def test_a_backup_of_another_company_is_refused_whatever_is_said(saved: World, syncd: Command) -> None:
    other = neighbour(saved)
    with other.behind_the_key():
        saved.settings()
        (saved.folder / "syncd.db").rename(saved.folder / "ours.db")
        assert syncd("run")[0] in {0, 3}
        refused(syncd, saved, 2, "another company's", "saved.db", "--yes")
        (saved.folder / "syncd.db").unlink()
        code, _, err = syncd("state", "restore", "saved.db", "--yes")
        assert (code, "the key of that time" in err) == (2, True)
        assert not (saved.folder / "syncd.db").exists()


def test_a_backup_from_before_the_key_was_rotated_is_taken(saved: World, syncd: Command) -> None:
    rotate(saved)
    saved.settings()
    assert syncd("run")[0] == 0
    assert syncd("state", "restore", "saved.db")[0] == 0
    assert syncd("run")[0] == 0
    assert len(saved.there()) == 41


@pytest.mark.parametrize("state", ["lost", "damaged", "emptied"])
def test_a_state_that_is_lost_or_damaged_is_replaced(saved: World, syncd: Command, state: str) -> None:
    path = saved.folder / "syncd.db"
    if state == "lost":
        path.unlink()
    elif state == "emptied":
        path.write_bytes(b"")
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
        path.with_name("syncd.db-wal").write_bytes(b"what SQLite wrote last")
    found = json.loads(syncd("state", "restore", "saved.db", "--json")[1])
    assert (found["exit"], contacts(path), path.stat().st_mode & 0o777) == (0, 40, 0o600)
    if state == "damaged":
        kept = Path(found["kept"])
        assert kept.read_bytes()[4096:8192] == b"\xff" * 4096
        assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"what SQLite wrote last"
    else:
        assert found["kept"] is None
    assert syncd("run")[0] == 0
    assert len(saved.there()) == 41
    assert syncd("state", "check")[0] == 0


def test_the_windows_of_the_key_are_those_of_now(saved: World, syncd: Command) -> None:
    with saved.state() as state:
        state.put("request", at=1e12, pause=0, tier="default")
        before = state.rows("SELECT at, tier FROM request ORDER BY at")
    syncd("state", "restore", "saved.db")
    with saved.state() as state:
        assert state.rows("SELECT at, tier FROM request ORDER BY at") == before
        assert state.rows("SELECT * FROM lease") == []
        assert state.rows("SELECT * FROM cursor") == []


def test_numbers_of_changes_are_never_used_twice(saved: World, syncd: Command) -> None:
    with saved.state() as state:
        newest = state.journal.newest_change()
    syncd("state", "restore", "saved.db")
    with saved.state() as state:
        assert state.journal.newest_change() == newest
        assert [Path(each["path"]).name for each in state.facts.backups.get()] == ["saved.db"]


def test_a_backup_of_an_older_version_is_migrated_and_stays_as_it_is(saved: World, syncd: Command) -> None:
    older = saved.folder / "older.db"
    with closing(sqlite3.connect(older, isolation_level=None)) as file:
        upgrade(file, State.VERSIONS, "0009")
        file.execute("ATTACH DATABASE 'saved.db' AS saved")
        for table in ("contact", "change", "run", "fact", "request", "cursor"):
            names = [f'"{name}"' for (name,) in file.execute(f"SELECT name FROM pragma_table_info('{table}')")]
            columns = ", ".join(names)
            file.execute(f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM saved.{table}")
    older.replace(saved.folder / "saved.db")
    before = (saved.folder / "saved.db").read_bytes()
    code, _, err = syncd("state", "restore", "saved.db")
    assert code == 0, err
    assert (saved.folder / "saved.db").read_bytes() == before
    assert syncd("run")[0] == 0
    assert len(saved.there()) == 41


def test_a_person_is_asked_on_a_terminal(saved: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "can_ask", lambda **_: True)
    monkeypatch.setattr("sys.stdin", StringIO("no\n"))
    code, out, err = syncd("state", "restore", "saved.db")
    assert (code, "Nothing was changed" in out, "[y/N]" in err) == (3, True, True)
    assert contacts(saved.folder / "syncd.db") == 41
    assert not errors(err)


def test_the_index_of_numbers_comes_back_too(saved: World, syncd: Command) -> None:
    def callers(number: str) -> list[str]:
        return [each["name"] for each in json.loads(syncd("whois", number, "--json")[1])["contacts"]]

    assert callers("2125550041") == ["Person 41"]
    syncd("state", "restore", "saved.db")
    assert (callers("2125550041"), callers("2125550007")) == ([], ["Person 7"])
    saved.write([*PEOPLE[:6], ("7", "Renamed", "2125550007"), *PEOPLE[7:], ("41", "Person 41", "2125550041")])
    syncd("run")
    assert (callers("2125550041"), callers("2125550007")) == (["Person 41"], ["Renamed"])
    syncd("state", "reset", "tenants", "--ledger", "--yes")
    assert callers("2125550041") == []
    syncd("run")
    assert callers("2125550041") == ["Person 41"]
