"""Standard streams that are closed, full or shared: no command fails or changes its exit code because of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.examples import SOAKING
from tests.worlds.commands import PEOPLE, Command, environment, errors, process
from tests.worlds.patience import PATIENCE
from tests.worlds.world import FIELDS, World


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_finds_no_room_is_temporary_and_no_defect() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "syncd", "config", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert errors(done.stderr) == ["what is printed cannot be written: no space is left; make room and try again"]


@pytest.fixture
def company(company: World) -> World:
    """A company whose state file is there: a process would take as long for its migrations as for a run."""
    company.state().close()
    return company


CLOSED = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "1</dev/null", "2>/dev/full", "2</dev/null")
HARDEST = CLOSED if SOAKING else (">&- 2>&-", "2>/dev/full")
# How the streams begin is the same for each command; these say something in other ways.
COMMANDS = (("run --dry-run --json", 0), ("", 2), ("status", 0), ("run nobody", 2))
REDIRECTED = [(each, *command) for each in CLOSED for command in COMMANDS]
if not SOAKING:
    # Each redirection, and each command with one of those that take the most away.
    REDIRECTED = [
        *((each, "status", 0) for each in CLOSED if each not in HARDEST),
        *((each, *command) for each, command in zip((*HARDEST, *HARDEST), COMMANDS, strict=True)),
    ]


def redirected(redirection: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard streams a shell has closed or redirected."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(
        line, capture_output=True, text=True, env=environment(), timeout=PATIENCE, check=False, cwd=folder
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(("redirection", "command", "code"), REDIRECTED)
def test_a_standard_stream_that_is_closed_changes_no_exit_code(
    company: World, redirection: str, command: str, code: int
) -> None:
    done = redirected(redirection, *command.split(), folder=company.folder)
    assert done.returncode == code
    assert "this is a defect" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("redirection", HARDEST)
def test_a_run_pushes_also_where_nobody_can_be_told_of_it(company: World, redirection: str) -> None:
    company.write([*PEOPLE, ("", "No key", "")])
    assert redirected(redirection, "run", folder=company.folder).returncode == 3
    assert len(company.there()) == 40


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("more", ["", "--json"])
def test_a_run_whose_report_finds_no_room_has_done_its_work_and_says_what_else_failed(
    company: World, more: str
) -> None:
    company.sources = {"gone": {**company.sources["tenants"], "options": {"path": "gone.csv"}}, **company.sources}
    company.settings()
    done = redirected(">/dev/full", "run", *more.split(), folder=company.folder)
    assert done.returncode == 4
    assert len(company.there()) == 40
    room, gone = errors(done.stderr)
    assert "no space is left" in room
    assert gone.startswith("gone: ")


READ = [("run", "--json"), ("--help",), ("run",), ("config", "schema")]


@pytest.mark.parametrize("command", READ if SOAKING else READ[:2])
def test_a_reader_that_went_away_is_met_quietly(company: World, command: Sequence[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process(*command, folder=company.folder, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_module_is_the_command(company: World) -> None:
    done = process("run", "--dry-run", "--json", folder=company.folder)
    assert done.returncode == 0
    assert json.loads(done.stdout)["sources"][0]["counts"]["create"] == 40
    assert all(json.loads(line)["event"] for line in done.stderr.splitlines())


def test_a_locale_without_our_characters_costs_a_character_and_no_run(company: World) -> None:
    done = process("check", folder=company.folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.startswith("\\u2713 configuration")


@pytest.mark.parametrize("command", ["run", "reconcile"] if SOAKING else ["run"])
def test_an_error_is_told_once_where_both_outputs_go_to_one_place(company: World, command: str, syncd: Command) -> None:
    company.sandbox.store.set_fields([field for field in FIELDS if field["name"] != "Phone"])
    line = [sys.executable, "-m", "syncd", command]
    together = subprocess.run(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        check=False,
        cwd=company.folder,
    )
    assert together.stdout.count("the company has no contact field 'Phone'") == 1
    _, out, err = syncd(command)
    assert out.count("the company has no contact field 'Phone'") == 1
    assert err.count("error: ") == 1
