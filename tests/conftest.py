"""Fixtures of all tests: a company with a sandbox, the commands, and the database servers of the SQL tests.

Each test process has its own database on those servers.
"""

import gc
import os
import sqlite3
import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest
import tenacity
import typer.main
from hypothesis import settings

from syncd.__main__ import RARELY
from syncd.activity.store.store import ActivityStore
from syncd.cli import main
from syncd.rest import retries
from syncd.run import session
from syncd.run.session import open_session
from syncd.state import State
from syncd.state.database import Database
from tests.examples import examples
from tests.worlds import sql_servers
from tests.worlds import world as worlds
from tests.worlds.commands import PEOPLE, Command
from tests.worlds.logs import logging_restored

# Keep compiled modules, whatever the environment says: without them, each process that a test starts spends half of
# its time on compiling syncd.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# As syncd itself does: to look for circles of unused objects takes a tenth of the tests' time.
gc.set_threshold(*RARELY)

# On a busy machine any example can be slow, so a deadline proves nothing.
settings.register_profile("syncd", deadline=None, max_examples=examples(40, 100))
settings.load_profile("syncd")


def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many processes ``-n auto`` starts: one more than there are cores, since tests wait for servers."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """Never look for unused objects among the tests themselves, which live until the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[sql_servers.Postgres]:
    with sql_servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[sql_servers.MariaDb]:
    with sql_servers.authorities_read_once(), sql_servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _new_files_are_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Copy the first state file and the first store for each new one: the migrations take longer than most tests."""
    migrate, none = Database._migrate, tmp_path_factory.mktemp("first") / "none.db"
    with (
        State(none, read_only=True) as state,
        ActivityStore(none, read_only=True) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        first: dict[type[Database], Database] = {State: state, ActivityStore: store}

        def migrate_or_copy(new: Database) -> None:
            if type(new) not in first or new._version() is not None:
                migrate(new)
                return
            first[type(new)]._sqlite.backup(new._sqlite)

        patch.setattr(Database, "_migrate", migrate_or_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Let SQLite write the state and the store without a wait for the disk: no test cuts the power."""
    open_it = Database._open

    def open_without_waits(file: Database) -> sqlite3.Connection:
        connection = open_it(file)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        for kind in (State, ActivityStore):
            patch.setattr(kind, "_open", open_without_waits)
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_are_made_once() -> Iterator[None]:
    """Keep the commands that Typer makes: a process makes them once, and a test calls many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[worlds.World]:
    """A company without contacts, and a sandbox without request windows; sources are asked again without a pause."""
    monkeypatch.setattr(retries, "_JITTERED", tenacity.wait_none())
    with worlds.company(tmp_path) as made:
        yield made


@pytest.fixture
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove syncd's environment variables, skip waits between attempts, and restore the logging afterwards."""
    monkeypatch.setattr(retries, "_JITTERED", tenacity.wait_none())
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.delenv("SYNCD_LOG_LEVEL", raising=False)
    monkeypatch.setattr(session, "open_session", partial(open_session, sleep=lambda _: None))
    with logging_restored():
        yield


@pytest.fixture
def company(clean_process: None, world: worlds.World, monkeypatch: pytest.MonkeyPatch) -> worlds.World:
    """A company with a configuration and 40 rows; the working folder is the company's."""
    world.write(PEOPLE)
    world.settings()
    monkeypatch.chdir(world.folder)
    return world


@pytest.fixture
def syncd(clean_process: None, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; return its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run
