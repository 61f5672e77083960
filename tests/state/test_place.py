"""A state file in a folder that cannot be entered or written: reading commands work, the others name the folder."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.worlds.commands import Command, environment, errors
from tests.worlds.patience import PATIENCE
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


ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
from syncd.cli import main

for command in sys.argv[1:]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command.split())
    print(json.dumps([command, code, err.getvalue()]))
"""


def anybody(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [*AS_ANYBODY, sys.executable, *arguments]
    return subprocess.run(
        line, capture_output=True, text=True, env=environment(), timeout=PATIENCE, check=False, cwd=folder
    )


def syncd_as_anybody(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return anybody("-m", "syncd", *command.split(), folder=folder)


def each_as_anybody(commands: Sequence[str], folder: Path) -> list[tuple[str, int, list[str]]]:
    """Run commands in one process; return each with its exit code and its errors."""
    done = anybody("-c", ONE_AFTER_ANOTHER, *commands, folder=folder)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [command for command, _, _ in found] == list(commands), done.stderr
    return [(command, code, errors(err)) for command, code, err in found]


def test_a_folder_that_may_not_be_entered_is_named_with_the_remedy(folder: Path) -> None:
    folder.chmod(0o000)
    start = f"{folder}/syncd.db: the state file cannot be looked at (Permission denied)"
    commands = (*READING, "run", "reconcile", "rejects retry", "notify send")
    for command, code, said in each_as_anybody(commands, folder.parent):
        assert (code, [message.startswith(start) for message in said]) == (2, [True]), (command, said)


def test_check_goes_on_beside_a_folder_that_may_not_be_entered(folder: Path) -> None:
    folder.chmod(0o000)
    done = syncd_as_anybody("check", folder.parent)
    assert done.returncode == 2
    assert "cannot be looked at" in done.stdout
    assert "✓ tenants: mapping" in done.stdout


def test_what_only_reads_works_in_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    assert [file.name for file in folder.iterdir()] == ["syncd.db"]
    folder.chmod(0o555)
    for command, code, said in each_as_anybody(READING, folder.parent):
        assert (code, said) == (0, []), command


def test_a_run_in_a_folder_that_cannot_be_written_to_sends_nothing(folder: Path) -> None:
    folder.chmod(0o555)
    done = syncd_as_anybody("run", folder.parent)
    assert done.returncode == 2
    assert "let syncd's user write to it and to its folder" in errors(done.stderr)[0]


def test_what_a_broken_off_run_left_beside_it_is_never_passed_over(folder: Path) -> None:
    leave_behind(folder)
    folder.chmod(0o555)
    for command, code, said in each_as_anybody(READING, folder.parent):
        assert (code, len(said)) == (2, 1), command
        assert "cannot be read while its folder cannot be written to" in said[0], command
        assert "syncd.db-wal; let syncd's user write to the folder" in said[0], command


def leave_behind(folder: Path) -> None:
    """Leave the newest transaction in the write-ahead log, as a killed process does."""
    path, log = folder / "syncd.db", folder / "syncd.db-wal"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO fact (name, value) VALUES ('left', 'behind')")
    kept = log.read_bytes()
    connection.close()
    log.write_bytes(kept)
