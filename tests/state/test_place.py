"""A state file in a folder that cannot be entered or written: reading commands work, the others name the folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.commands import Command, environment, errors
from tests.worlds.world import World

ROOT = os.geteuid() == 0
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if ROOT else []
"""The prefix of a command that takes away root's right to read and write every file."""
READING = ("run --dry-run", "status", "history", "explain tenants 1", "rejects list", "daemon --check")
pytestmark = pytest.mark.skipif(ROOT and not shutil.which("setpriv"), reason="root may do everything, and no setpriv")


@pytest.fixture
def folder(world: World, syncd: Command) -> Iterator[Path]:
    """The folder with the state file of a company that has run once."""
    world.write([("1", "Ann Smith", "2125550101")])
    folder = world.folder / "state"
    folder.mkdir()
    settings = world.settings()
    text = settings.path.read_text().replace('"syncd.db"', '"state/syncd.db"')
    settings.path.write_text(text)
    assert syncd("run", "--config", str(settings.path))[0] == 0
    yield folder
    folder.chmod(0o755)


def anybody(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [*AS_ANYBODY, sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=60, check=False, cwd=folder)


@pytest.mark.parametrize("command", [*READING, "run", "reconcile", "rejects retry", "notify send"])
def test_a_folder_that_may_not_be_entered_is_named_with_the_remedy(folder: Path, command: str) -> None:
    folder.chmod(0o000)
    done = anybody(*command.split(), folder=folder.parent)
    assert done.returncode == 2
    [message] = errors(done.stderr)
    assert message.startswith(f"{folder}/syncd.db: the state file cannot be looked at (Permission denied)")


def test_check_goes_on_beside_a_folder_that_may_not_be_entered(folder: Path) -> None:
    folder.chmod(0o000)
    done = anybody("check", folder=folder.parent)
    assert done.returncode == 2
    assert "cannot be looked at" in done.stdout
    assert "✓ tenants: mapping" in done.stdout


@pytest.mark.parametrize("command", READING)
def test_what_only_reads_works_in_a_folder_that_cannot_be_written_to(folder: Path, command: str) -> None:
    assert [file.name for file in folder.iterdir()] == ["syncd.db"]
    folder.chmod(0o555)
    done = anybody(*command.split(), folder=folder.parent)
    assert (done.returncode, errors(done.stderr)) == (0, [])


def test_a_run_in_a_folder_that_cannot_be_written_to_sends_nothing(folder: Path) -> None:
    folder.chmod(0o555)
    done = anybody("run", folder=folder.parent)
    assert done.returncode == 2
    assert "let syncd's user write to it and to its folder" in errors(done.stderr)[0]


@pytest.mark.parametrize("command", READING)
def test_what_a_broken_off_run_left_beside_it_is_never_passed_over(folder: Path, command: str) -> None:
    leave_behind(folder)
    folder.chmod(0o555)
    done = anybody(*command.split(), folder=folder.parent)
    assert done.returncode == 2
    [message] = errors(done.stderr)
    assert "cannot be read while its folder cannot be written to" in message
    assert "syncd.db-wal; let syncd's user write to the folder" in message


def leave_behind(folder: Path) -> None:
    """Leave the newest transaction in the write-ahead log, as a killed process does."""
    path, log = folder / "syncd.db", folder / "syncd.db-wal"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO fact (name, value) VALUES ('left', 'behind')")
    kept = log.read_bytes()
    connection.close()
    log.write_bytes(kept)
