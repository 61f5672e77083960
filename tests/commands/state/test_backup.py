"""``syncd state backup``: a whole copy, beside writers, that loses no earlier file."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import StateBusy, StateError
from syncd.state.hand import backup as backups
from syncd.state.hand import copying
from tests.worlds.commands import Command, errors
from tests.worlds.journal import accept
from tests.worlds.world import World


@pytest.fixture
def ran(company: World, syncd: Command) -> World:
    assert syncd("run")[0] == 0
    return company


def contacts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(file.execute("SELECT count(*) FROM contact").fetchone()[0])


def rest_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_backup_is_a_whole_file_for_its_owner_and_says_what_it_holds(ran: World, syncd: Command) -> None:
    code, out, _ = syncd("state", "backup", "saved.db", "--json")
    found: dict[str, Any] = json.loads(out)
    path = ran.folder / "saved.db"
    assert (code, found["file"], found["contacts"]) == (0, str(path), {"tenants": 40})
    assert found["size"] == path.stat().st_size
    assert found["until"]["run"]
    assert (path.stat().st_mode & 0o777, contacts(path)) == (0o600, 40)
    assert rest_of(ran.folder) == []
    assert not list(ran.folder.glob("saved.db-*"))
    text = syncd("state", "backup", "second.db")[1]
    assert "40 contacts of 1 source" in text
    assert f"syncd state restore {ran.folder / 'second.db'}" in text


def test_the_state_knows_its_backups(ran: World, syncd: Command) -> None:
    syncd("state", "backup", "saved.db")
    syncd("state", "backup", "second.db")
    noted = json.loads(syncd("state", "check", "--json")[1])["backups"]
    assert [(Path(each["path"]).name, each["there"]) for each in noted] == [("saved.db", True), ("second.db", True)]
    (ran.folder / "second.db").unlink()
    assert "Newest backup: " + str(ran.folder / "saved.db") in syncd("state", "check")[1]


def test_a_backup_never_replaces_another_file(ran: World, syncd: Command) -> None:
    (ran.folder / "notes.txt").write_text("mine")
    syncd("state", "backup", "saved.db")
    before = (ran.folder / "saved.db").read_bytes()
    with ran.state() as state:
        accept(state, "new", 999)
    for file, force, words in (
        ("saved.db", (), "--force"),
        ("notes.txt", ("--force",), "no backup of syncd"),
        ("syncd.db", ("--force",), "syncd works with this file"),
        ("syncd.db-wal", ("--force",), "syncd works with this file"),
        ("syncd.yaml", ("--force",), "syncd works with this file"),
        ("syncd.db.before-0012-from-0009", (), "syncd calls its own copies so"),
        ("syncd.db.before-restore-20260101T000000-2", (), "syncd calls its own copies so"),
        (".", (), "this is a folder"),
        ("none/saved.db", (), "there is no folder"),
    ):
        code, _, err = syncd("state", "backup", file, *force)
        assert (code, words in errors(err)[0]) == (2, True), (file, err)
    assert (ran.folder / "notes.txt").read_text() == "mine"
    assert (ran.folder / "saved.db").read_bytes() == before
    assert syncd("state", "backup", "saved.db", "--force")[0] == 0
    assert contacts(ran.folder / "saved.db") == 41
    assert rest_of(ran.folder) == []


def test_a_link_to_the_state_is_the_state(ran: World, syncd: Command) -> None:
    (ran.folder / "link.db").symlink_to(ran.folder / "syncd.db")
    code, _, err = syncd("state", "backup", "link.db", "--force")
    assert (code, "syncd works with this file" in err) == (2, True)


def test_two_backups_of_one_name_at_the_same_moment_lose_nothing(ran: World, monkeypatch: pytest.MonkeyPatch) -> None:
    state, place = ran.folder / "syncd.db", ran.folder / "saved.db"
    put = copying.put_in_place

    def late(copy: Path, name: Path, *, replace: bool = False) -> None:
        name.write_text("the other one's")
        put(copy, name, replace=replace)

    monkeypatch.setattr(backups, "put_in_place", late)
    with pytest.raises(StateError, match="already"):
        backups.back_up(state, place, now=1.0)
    assert place.read_text() == "the other one's"
    assert rest_of(ran.folder) == []


def test_a_backup_beside_writers_is_of_one_moment(ran: World) -> None:
    done = threading.Event()
    state, place = ran.folder / "syncd.db", ran.folder / "saved.db"

    def write() -> None:
        with ran.state() as file:
            for number in range(1_000, 1_200):
                with file.write():
                    accept(file, f"a{number}", number)
                    accept(file, f"b{number}", number + 1_000_000)
                if done.is_set():
                    return

    with ran.state():
        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            found = backups.back_up(state, place, now=1.0, force=True)
            with closing(sqlite3.connect(place)) as file:
                halves = file.execute("SELECT count(*) FROM contact WHERE key LIKE 'a%' OR key LIKE 'b%'").fetchone()
            assert halves[0] % 2 == 0
            assert found.contacts["tenants"] >= 40
        done.set()
        writer.join()


def test_a_damaged_state_makes_no_backup(ran: World, syncd: Command) -> None:
    syncd("state", "backup", "saved.db")
    with (ran.folder / "syncd.db").open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 4)
    code, _, err = syncd("state", "backup", "saved.db", "--force")
    assert (code, "damaged" in err) == (2, True)
    assert contacts(ran.folder / "saved.db") == 40
    assert rest_of(ran.folder) == []


def test_a_locked_state_is_tried_again_later(ran: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "BUSY_TIMEOUT", 0.01)
    with ran.state() as state, state.write():
        state.execute("UPDATE contact SET reason = NULL")
        code, _, err = syncd("state", "backup", "saved.db")
    assert (code, "locked" in errors(err)[0]) == (4, True)
    assert not (ran.folder / "saved.db").exists()
    assert issubclass(StateBusy, StateError)


def test_what_is_not_in_the_backup_is_named(ran: World, syncd: Command) -> None:
    ran.activity = {"since": "2d"}
    ran.settings()
    syncd("activity", "run", "--events")
    code, out, _ = syncd("state", "backup", "saved.db")
    assert code == 0
    assert f"Not in it: {ran.folder / 'activity.db'}" in out


def test_a_backup_of_an_older_state_does_not_migrate_it(ran: World, syncd: Command) -> None:
    with closing(sqlite3.connect(ran.folder / "syncd.db")) as file:
        file.execute("UPDATE alembic_version SET version_num = '0009'")
        file.commit()
    assert json.loads(syncd("state", "backup", "saved.db", "--json")[1])["version"] == "0009"
    assert not list(ran.folder.glob("syncd.db.before-*"))
