"""A company whose sources may lose and change as many rows as a test likes."""

from __future__ import annotations

import pytest

from tests.worlds.shared_numbers import with_policy
from tests.worlds.world import World


@pytest.fixture
def company(world: World) -> World:
    world.sources["tenants"]["deletes"] = {"at_most": {"free": 50}}
    world.sources["tenants"]["keys"] = {"at_most": {"free": 0}}
    return with_policy(world, "first")
