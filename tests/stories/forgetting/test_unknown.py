"""``syncd forget`` asks a person first, and a key that nobody knows costs nobody the older copies of the state."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from syncd.commands.forget import command
from syncd.core.forgetting.traces import Sought
from syncd.state.leaving.older_copies import copies_that_may_hold
from tests.worlds.commands import Command
from tests.worlds.forgetting import ANN, BOB, CY
from tests.worlds.world import World

KEPT = "syncd.db.before-restore-20260101T000000"
NOTHING = "Nothing is known of it here"


def keep_a_copy(world: World) -> None:
    shutil.copy(world.folder / "syncd.db", world.folder / KEPT)


@pytest.mark.parametrize("words", [("tenants", "77"), ("--number", "2125550177")])
def test_what_nobody_knows_is_said_noted_and_takes_no_copy_along(
    synced: World, syncd: Command, words: tuple[str, ...]
) -> None:
    keep_a_copy(synced)
    assert NOTHING in syncd("forget", *words, "--dry-run")[1]
    code, out, _ = syncd("forget", *words)
    assert (code, NOTHING in out, "syncd forget --allow" in out) == (0, True, True)
    assert KEPT not in out
    # Neither does the next run, which brings the source in line.
    assert synced.run().exit_code == 0
    assert (synced.folder / KEPT).exists()
    assert json.loads(syncd("forget", *words, "--json")[1])["known"] is False


@pytest.mark.parametrize("words", [("tenants", "4"), ("--number", "2125550104")])
def test_what_only_an_older_copy_knows_goes_with_the_copy(
    synced: World, syncd: Command, words: tuple[str, ...]
) -> None:
    synced.write([ANN, BOB, CY, ("4", "Dee Formerly", "2125550104")])
    synced.run()
    keep_a_copy(synced)
    with closing(sqlite3.connect(synced.folder / "syncd.db")) as state, state:
        tables = [name for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if "key" in {row[1] for row in state.execute(f"PRAGMA table_info({table})")}:
                state.execute(f"DELETE FROM {table} WHERE key = '4'")
        state.execute("UPDATE run SET report = NULL")
        state.execute("DELETE FROM cursor")
    found = json.loads(syncd("forget", *words, "--json")[1])
    assert (found["known"], found["copies"]) == (False, [str(synced.folder / KEPT)])
    assert not (synced.folder / KEPT).exists()


def test_the_free_room_of_a_copy_and_a_log_beside_it_may_hold_it_too(tmp_path: Path) -> None:
    copy, log = tmp_path / KEPT, tmp_path / f"{KEPT}-wal"
    with closing(sqlite3.connect(copy)) as file, file:
        file.execute("PRAGMA secure_delete = OFF")
        file.execute("CREATE TABLE former (number)")
        file.execute("INSERT INTO former VALUES ('2125550177')")
        file.commit()
        file.execute("DELETE FROM former")
    assert copies_that_may_hold([copy], [], Sought(numbers=frozenset({"2125550177"}))) == [copy]
    other = Sought(numbers=frozenset({"2125550178"}))
    assert copies_that_may_hold([copy], [], other) == []
    log.touch()
    assert copies_that_may_hold([copy, log], [], other) == [copy, log]


def test_a_copy_that_cannot_be_read_may_hold_it(synced: World, syncd: Command) -> None:
    (synced.folder / KEPT).write_text("no database at all")
    syncd("forget", "tenants", "77")
    assert not (synced.folder / KEPT).exists()


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, {"2", "3"}), ("n\n", 3, {"1", "2", "3"})])
def test_a_terminal_is_asked(
    synced: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: set[str]
) -> None:
    monkeypatch.setattr(command, "can_ask", lambda **_: True)
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    found, out, err = syncd("forget", "tenants", "1")
    assert (found, set(synced.there()), "Forget it for good" in err) == (code, left, True)
    assert "delete 1 (id 1)" in out
    assert (synced.folder / "syncd.forgotten").exists() == ("1" not in left)
    assert ("Nothing was forgotten." in out) == ("1" in left)


def test_with_yes_no_terminal_is_asked(synced: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "can_ask", lambda **_: True)
    code, _, err = syncd("forget", "tenants", "1", "--yes")
    assert (code, set(synced.there()), "[y/N]" in err) == (0, {"2", "3"}, False)
