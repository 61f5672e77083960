"""SIGKILL in the middle of a backup, a restore or a reset leaves the old state or the new one, never a broken one."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.state import State
from syncd.state.hand import backup, restore
from syncd.state.hand.reset import Resets
from tests.worlds.journal import accept

OLD, NEW = 3, 5
"""Contacts in the backup, and in the state of now."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with five contacts, and ``saved.db``, a backup with three."""
    path = tmp_path / "syncd.db"
    with State(path) as file:
        for number in range(1, OLD + 1):
            accept(file, f"{number}", number)
    backup.back_up(path, tmp_path / "saved.db", now=1.0)
    with State(path) as file:
        for number in range(OLD + 1, NEW + 1):
            accept(file, f"{number}", number)
    return path


def killed(work: Callable[[], object]) -> None:
    """Do the work in a process that kills itself in the middle of it."""
    child = os.fork()
    if not child:
        with suppress(BaseException):
            work()
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def kill(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)
        kill()

    return called


def contacts(path: Path) -> int:
    """Count the contacts of a whole state file."""
    with State(path) as file:
        assert file.column("PRAGMA integrity_check") == ["ok"]
        return int(file.scalar("SELECT count(*) FROM contact"))


@pytest.mark.parametrize("step", ["_migrate", "_into_file", "_take_over", "_replace", "_replace_facts"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_restore_leaves_the_old_state_or_the_new_one(
    state: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    monkeypatch.setattr(restore, step, kill if when == "before" else after(getattr(restore, step)))
    killed(lambda: restore.restore(state.with_name("saved.db"), state, "whole"))
    monkeypatch.undo()
    is_done = when == "after" and step in {"_into_file", "_take_over"}
    assert contacts(state) == (OLD if is_done else NEW)
    with State(state) as file:
        assert (file.facts.restored.get() is not None) == is_done
    # The next try is not in the way of what the first one has left.
    restore.restore(state.with_name("saved.db"), state, "whole")
    assert contacts(state) == OLD


@pytest.mark.parametrize("step", ["rename", "hardlink_to", "chmod", "replace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_restore_of_a_damaged_state_leaves_the_damaged_one_or_the_new_one(
    state: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    damaged = state.read_bytes()[:4096] + b"\xff" * 20_000
    state.write_bytes(damaged)
    log = state.with_name("syncd.db-wal")
    log.write_bytes(b"what SQLite wrote last")
    monkeypatch.setattr(Path, step, kill if when == "before" else after(getattr(Path, step)))
    killed(lambda: restore.restore(state.with_name("saved.db"), state, "damaged"))
    monkeypatch.undo()
    if (step, when) == ("replace", "after"):
        assert contacts(state) == OLD
        return
    assert state.read_bytes() == damaged
    assert restore.condition_of(state) == "damaged"
    restore.restore(state.with_name("saved.db"), state, "damaged")
    assert contacts(state) == OLD
    assert not log.exists() or log.read_bytes() != b"what SQLite wrote last"


@pytest.mark.parametrize("step", ["_note", "put_in_place"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_backup_leaves_the_earlier_one_or_the_new_one(
    state: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    place = state.with_name("saved.db")
    monkeypatch.setattr(backup, step, kill if when == "before" else after(getattr(backup, step)))
    killed(lambda: backup.back_up(state, place, now=2.0, force=True))
    monkeypatch.undo()
    with closing(sqlite3.connect(place)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = file.execute("SELECT count(*) FROM contact").fetchone()[0]
    assert found == (NEW if (step, when) == ("put_in_place", "after") else OLD)
    assert contacts(state) == NEW
    with State(state) as file_of_now:
        # A backup that is there is always noted.
        noted = [each["at"] for each in file_of_now.facts.backups.get()]
    assert noted == ([1.0] if (step, when) == ("_note", "before") else [2.0])


def test_what_a_killed_command_left_goes_with_the_next_one(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = state.with_name("saved.db")
    monkeypatch.setattr(backup, "put_in_place", kill)
    killed(lambda: backup.back_up(state, place, now=2.0, force=True))
    monkeypatch.undo()
    [left] = state.parent.glob(".saved.db.*.new")
    # Another process may be at work under such a name.
    backup.back_up(state, place, now=3.0, force=True)
    assert left.exists()
    os.utime(left, (1.0, 1.0))
    backup.back_up(state, place, now=4.0, force=True)
    assert not list(state.parent.glob(".saved.db.*"))


def test_a_killed_reset_leaves_the_whole_ledger(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Resets, "_forget_ledger", after(Resets._forget_ledger))

    def work() -> None:
        with State(state) as file:
            Resets(file).make("s", "ledger")

    killed(work)
    assert contacts(state) == NEW
