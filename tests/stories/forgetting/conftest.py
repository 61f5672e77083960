"""Fixtures of the stories of what is forgotten."""

from __future__ import annotations

import pytest

from tests.worlds.forgetting import ANN, BOB, CY
from tests.worlds.world import World


@pytest.fixture
def synced(clean_process: None, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ann, Bob and Cy are at the target; the working folder is the company's."""
    monkeypatch.chdir(world.folder)
    world.write([ANN, BOB, CY])
    assert world.run().exit_code == 0
    return world
