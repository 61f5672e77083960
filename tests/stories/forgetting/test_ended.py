"""A ``forget`` that is ended in the middle: what later commands finish, and what they must not lose."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.errors import StateBusy
from syncd.state import State, database
from syncd.state.leaving.erasing import Erasing
from tests.worlds.commands import Command, errors
from tests.worlds.forgetting import ANN, BOB, CY, left_in_files
from tests.worlds.world import World

KEPT = "syncd.db.before-restore-20260101T000000"
LOST = (
    "tenants: 1 contact to be forgotten may still be at the target, and without the ledger of now nothing would delete "
    "or change it there: run syncd run tenants first, or the same syncd forget again"
)
TEXTS = ("Ann Withername", "2125550101")


@contextmanager
def uncleanable() -> Iterator[None]:
    """Let nobody clean the state file."""

    def clean(_: Erasing, copies: object = None) -> tuple[list[Path], bool]:
        raise StateBusy("another process has locked the state file")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Erasing, "clean", clean)
        yield


def test_a_forget_that_ends_before_it_cleans_is_finished_by_the_next_run(synced: World, syncd: Command) -> None:
    shutil.copy(synced.folder / "syncd.db", synced.folder / KEPT)
    with uncleanable():
        assert syncd("forget", "tenants", "1")[0] == 4
        # A run goes on while the file cannot be cleaned.
        assert synced.run().exit_code == 0
    assert KEPT in left_in_files(synced.folder, *TEXTS)
    assert "erased" in " ".join(json.loads(syncd("state", "check", "--json")[1])["notes"])
    assert synced.run().exit_code == 0
    assert left_in_files(synced.folder, *TEXTS) == {}
    with synced.state() as state:
        assert not state.erasing.is_unclean()


def test_a_restore_does_not_end_the_cleaning(synced: World, syncd: Command) -> None:
    assert syncd("state", "backup", "saved.db")[0] == 0
    shutil.copy(synced.folder / "syncd.db", synced.folder / KEPT)
    with uncleanable():
        assert syncd("forget", "tenants", "9")[0] == 4
    assert syncd("state", "restore", "saved.db", "--yes")[0] == 0
    assert synced.run().exit_code == 0
    assert not (synced.folder / KEPT).exists()


def test_a_file_that_another_process_reads_is_cleaned_by_a_later_run(
    synced: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.02)
    with State(synced.folder / "syncd.db", read_only=True) as reader:
        reader.rows("BEGIN")
        reader.rows("SELECT count(*) FROM contact")
        syncd("forget", "tenants", "1")
        with synced.state() as state:
            assert state.erasing.is_unclean()
        reader.rows("COMMIT")
    assert synced.run().exit_code == 0
    assert left_in_files(synced.folder, *TEXTS) == {}


@pytest.fixture
def away(synced: World, syncd: Command) -> World:
    """Ann is forgotten, and still at the target, which could not be reached."""
    synced.sandbox.arm({"kind": "status", "status": 503, "method": "DELETE", "times": None})
    assert syncd("forget", "tenants", "1")[0] == 4
    synced.sandbox.disarm()
    assert "1" in synced.there()
    return synced


def test_a_reset_does_not_lose_a_contact_that_is_still_to_be_deleted(away: World, syncd: Command) -> None:
    code, _, err = syncd("state", "reset", "tenants", "--ledger", "--yes")
    assert (code, errors(err)) == (2, [LOST])
    assert away.run().exit_code == 0
    assert set(away.there()) == {"2", "3"}
    assert syncd("state", "reset", "tenants", "--ledger", "--yes")[0] == 0
    assert away.run(full=True).exit_code == 0
    assert set(away.there()) == {"2", "3"}


def test_a_restore_does_not_lose_a_contact_that_is_still_to_be_deleted(
    world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    world.write([BOB])
    world.run()
    assert syncd("state", "backup", "saved.db")[0] == 0
    world.write([ANN, BOB, CY])
    world.run()
    world.sandbox.arm({"kind": "status", "status": 503, "method": "DELETE", "times": None})
    assert syncd("forget", "tenants", "1")[0] == 4
    world.sandbox.disarm()
    code, _, err = syncd("state", "restore", "saved.db", "--yes")
    assert (code, errors(err)) == (2, [LOST])
    assert not list(world.folder.glob("*.before-*"))
    assert world.run().exit_code == 0
    assert syncd("state", "restore", "saved.db", "--yes")[0] == 0
    assert world.run().exit_code == 0
    assert set(world.there()) == {"2", "3"}


def test_a_number_that_is_still_at_the_target_holds_a_reset_too(synced: World, syncd: Command) -> None:
    synced.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": None})
    assert syncd("forget", "--number", "2125550102")[0] == 4
    synced.sandbox.disarm()
    assert syncd("state", "reset", "tenants", "--ledger", "--yes")[0] == 2
    assert synced.run().exit_code == 0
    assert synced.there()["2"]["Phone"] == "7185550102"
    assert syncd("state", "reset", "tenants", "--ledger", "--yes")[0] == 0
