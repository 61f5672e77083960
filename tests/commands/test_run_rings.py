"""A contact run rings at the daemon's door, so that calls of new contacts find them soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.daemon.doorbell import Doorbell
from tests.worlds.commands import PEOPLE, Command
from tests.worlds.world import World


@pytest.fixture
def bell(company: World) -> Iterator[Doorbell]:
    found = Doorbell()
    found.put_up(str(company.folder / "syncd.db"))
    yield found
    found.take_down()


def test_a_run_that_changes_contacts_rings_and_one_that_does_not_is_quiet(
    company: World, bell: Doorbell, syncd: Command
) -> None:
    company.activity = {}
    company.settings()
    assert syncd("run", "--dry-run")[0] == 0
    assert not bell.rang()
    assert syncd("run")[0] == 0
    assert bell.rang()
    assert syncd("run")[0] == 0
    assert not bell.rang()
    company.write([*PEOPLE, ("41", "Person 41", "2125550141")])
    assert syncd("run")[0] == 0
    assert bell.rang()


def test_a_run_without_calls_rings_nowhere(company: World, bell: Doorbell, syncd: Command) -> None:
    assert syncd("run")[0] == 0
    assert not bell.rang()
