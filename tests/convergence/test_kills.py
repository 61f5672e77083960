"""After a kill, a full disk or a damaged state file, no contact is lost or doubled, and no foreign one is touched."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from syncd.errors import StateBusy, StateError
from syncd.sandbox.server import Sandbox
from syncd.state import State, database
from syncd.state.migrations.upgrade import ENVIRONMENT, upgrade
from tests.convergence.soak import SOAK
from tests.convergence.victim import Victim
from tests.worlds.tenants import ANY_NUMBERS
from tests.worlds.world import FIELDS, World, company

CONTACTS = 20_000 if SOAK else 2_000
"""Contacts in the state file of an older version."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    with Sandbox(key="test-key", fields=FIELDS, limits=None) as sandbox:
        yield Victim(tmp_path, sandbox, random.Random(7))


def test_a_run_that_is_killed_is_made_good_by_one_clean_run(victim: Victim) -> None:
    victim.settle_in(1_500)
    victim.run_and_kill(writes=2, seconds=0.0)
    victim.edit(0.2)
    assert victim.kills == 1
    victim.must_be_right()


@pytest.mark.skipif(not SOAK, reason="SYNCD_SOAK is not set: make soak")
def test_fifty_kills_of_twenty_thousand_contacts_lose_nothing(victim: Victim) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201 (shown when it fails)
    victim.random.seed(seed)
    victim.settle_in(20_000)
    while victim.kills < 50:
        if victim.random.random() < 0.5:
            victim.run_and_kill(writes=victim.random.randint(1, 50), seconds=victim.random.random() * 0.05)
        else:
            victim.run_and_kill(writes=0, seconds=victim.random.random() * 4)
        victim.edit(victim.random.choice([0.001, 0.02, 0.5]))
    victim.must_be_right()


DYING = """
import os, signal, sys
from pathlib import Path
from syncd.state import State

class Dying(State):
    def _open(self):
        connection = super()._open()
        def die():
            os.kill(os.getpid(), signal.SIGKILL)
        connection.set_progress_handler(die, int(sys.argv[2]))
        return connection

Dying(Path(sys.argv[1])).close()
"""
"""Opens a state file and is killed when SQLite has made so many steps."""


def older_file(path: Path, version: str) -> None:
    """Make a state file of an older version with contacts in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        upgrade(connection, State.VERSIONS, version)
        connection.execute(
            "INSERT INTO contact (source, key, digest, status, remote_id, origin, match, fields, created_at,"
            f" updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CONTACTS})"
            " SELECT 'tenants', 'k' || i, i, 'accepted', i, 'created', i, '{}', 0, 0 FROM n"
        )


def versions() -> list[str]:
    """Return the versions before the current one: all of them in a soak, else the oldest one."""
    scripts = ScriptDirectory(str(ENVIRONMENT))
    found = [each.revision for each in scripts.walk_revisions() if each.revision != database.HEAD]
    return found if SOAK else found[-1:]


@pytest.mark.parametrize("version", [None, *versions()])
def test_a_migration_that_is_killed_at_any_step_is_made_by_the_next_start(tmp_path: Path, version: str | None) -> None:
    moments = random.Random(3)
    for number in range(12 if SOAK else 1):
        path = tmp_path / f"{number}.db"
        if version:
            older_file(path, version)
        steps = int(10 ** moments.uniform(1, 5 if version else 3.5))
        process = subprocess.run(
            [sys.executable, "-c", DYING, str(path), str(steps)], stderr=subprocess.PIPE, text=True, check=False
        )
        assert process.returncode in (0, -signal.SIGKILL), process.stderr
        with State(path) as state:
            assert state.column("SELECT version_num FROM alembic_version") == [database.HEAD]
            assert state.scalar("PRAGMA integrity_check") == "ok"
            assert state.ledger.digests("tenants").height == (CONTACTS if version else 0)


def test_on_a_full_disk_nothing_is_sent_that_cannot_be_recorded(victim: Victim) -> None:
    victim.settle_in(2_500)
    code, said = victim.run(blocks=700)
    assert code == 4, said
    assert "no space left" in said
    assert "Traceback" not in said
    sent = len(victim.sandbox.store.rows) - len(victim.foreign)
    assert 0 < sent < 2_500
    with State(victim.folder / "syncd.db") as state:
        assert state.ledger.digests("tenants").height >= sent
    code, said = victim.run()
    assert code == 0, said
    victim.compare()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"x" * (len(content) - 4096)
    path.write_bytes(content)


def lift(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize("spoil", [cut, scribble, lift])
def test_with_a_state_file_that_cannot_be_used_nothing_is_sent(world: World, spoil: Callable[[Path], None]) -> None:
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    world.numbers = ANY_NUMBERS
    world.write([(str(n), f"T {n}", "2125550101") for n in range(600)])
    world.run()
    path = world.folder / "syncd.db"
    whole, before = path.read_bytes(), world.writes()
    spoil(path)
    world.write([(str(n), f"T {n}", "2125550102") for n in range(599)])
    with pytest.raises(StateError, match=r"put a backup in its place|newer syncd"):
        world.run()
    assert world.writes() == before
    for left in world.folder.glob("syncd.db*"):
        left.unlink()
    path.write_bytes(whole)
    assert world.run().exit_code == 0
    assert {fields["Phone"] for fields in world.there().values()} == {"2125550102"}
    assert len(world.there()) == 599


def test_while_another_process_has_the_state_file_nothing_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write([("1", "Ann", "2125550101")])
    world.run()
    world.write([("2", "Bob", "2125550102")])
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    with closing(sqlite3.connect(world.folder / "syncd.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateBusy, match="another process has locked"):
            world.run()
    assert set(world.there()) == {"1"}
    assert world.run().exit_code == 0
    assert set(world.there()) == {"2"}
