"""Circumstances of a whole process: limits of the system, folders, streams and encodings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import syncd
from tests.examples import SOAKING
from tests.worlds.commands import PEOPLE, environment
from tests.worlds.patience import PATIENCE
from tests.worlds.world import World

NAMES = [(key, f"Zoë Ångström {key}", phone) for key, _, phone in PEOPLE]


def run(world: World, arguments: str, before: str = "true", variables: Mapping[str, str] = {}) -> tuple[int, str, str]:
    """Run a command after the shell has done ``before``; return its exit code, stdout and stderr."""
    line = f'{before}; exec "{sys.executable}" -m syncd --config "{world.folder / "syncd.yaml"}" {arguments}'
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        env=environment(**variables),
        cwd=world.folder,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@pytest.fixture
def loaded(world: World) -> World:
    """A company whose rows are at the target."""
    world.sources["tenants"]["options"]["settle"] = 0
    world.write(NAMES)
    world.run()
    world.write([(key, name.upper(), phone) for key, name, phone in NAMES[:3]] + NAMES[3:])
    return world


LIMITS = ["-f 0", "-f 8", "-n 8", "-n 10", "-n 12", "-n 16"]
LIMITED = [(limit, command) for command in ("check --prove", "explain tenants 3") for limit in LIMITS]
ALTERNATED = [("-f 0", "run --dry-run"), ("-n 10", "run --dry-run"), ("-n 16", "run --dry-run"), LIMITED[4], LIMITED[7]]
"""What a normal run tries: each command, and almost each limit."""


@pytest.mark.parametrize(
    ("limit", "command"),
    [*((limit, "run --dry-run") for limit in LIMITS), *LIMITED] if SOAKING else ALTERNATED,
)
def test_a_limit_of_the_system_is_temporary(loaded: World, limit: str, command: str) -> None:
    code, _, err = run(loaded, command, f"ulimit {limit}")
    assert code in {0, 4}, err
    assert "defect" not in err
    assert "Traceback" not in err


def test_a_limit_of_files_leaves_nothing_that_the_next_start_cannot_read(tmp_path: Path) -> None:
    package = Path(syncd.__file__).parent
    shutil.copytree(package, tmp_path / "syncd", ignore=shutil.ignore_patterns("__pycache__"))
    for limit in ("8", "unlimited"):
        line = f"ulimit -S -f {limit}; exec '{sys.executable}' -m syncd config schema"
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            text=True,
            env=environment(PYTHONPATH=str(tmp_path), PYTHONDONTWRITEBYTECODE=""),
            cwd=tmp_path,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_full_temporary_folder_is_named_with_the_way_to_another(loaded: World, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    # The limit lets the state file be read, and the spool grow over it.
    loaded.write([(f"{number}", "x" * 900, "2125550100") for number in range(300)])
    before = "ulimit -f 100"
    found, _, err = run(loaded, "run --dry-run", before, {"TMPDIR": str(tmp_path / "temporary")})
    assert found == 4, err
    assert f"the temporary folder {tmp_path / 'temporary'}" in err
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_working_folder_that_is_gone(loaded: World, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    code, _, err = run(loaded, "run --dry-run", f"mkdir {gone}; cd {gone}; rmdir {gone}")
    assert code in {0, 2}, err
    assert "defect" not in err
    line = f'mkdir {gone}; cd {gone}; rmdir {gone}; exec "{sys.executable}" -m syncd run'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, "defect" in done.stderr) == (2, False)


ODD = [
    {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONWARNINGS": "error"},
    {"PYTHONWARNINGS": "bogus,always"},
    {"HOME": "/none"},
]


@pytest.mark.parametrize(
    "variables", ODD if SOAKING else [{**ODD[3], **ODD[0]}, {**ODD[4], **ODD[2], **ODD[1]}], ids=str
)
def test_odd_variables_change_no_outcome(loaded: World, variables: dict[str, str]) -> None:
    code, out, err = run(loaded, "run --dry-run", variables=variables)
    assert (code, "Traceback" in err) == (0, False), err
    assert "3" in out


# More of them are in tests/commands/test_streams.py.
@pytest.mark.skipif(not SOAKING, reason="SYNCD_SOAK is not set: make soak")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_outcome(loaded: World, closed: str) -> None:
    code, _, err = run(loaded, f"run {closed}", variables={"HOME": os.devnull})
    assert code == 0, err
    assert "ZO" in loaded.there()["3"]["Name"]


NO_TEXT = ["explain tenants $'\\xff'", "run $'\\xff'", "history --key $'\\xff'"]


@pytest.mark.parametrize("arguments", NO_TEXT if SOAKING else NO_TEXT[:1])
def test_bytes_that_are_no_text_are_the_callers(loaded: World, arguments: str) -> None:
    code, _, err = run(loaded, arguments)
    assert (code, "defect" in err, "Traceback" in err) == (2, False, False), err
