"""Fixtures that several stories use."""

from __future__ import annotations

import pytest

from tests.worlds import drift
from tests.worlds.tenants import SWAP_FIELDS
from tests.worlds.world import World


@pytest.fixture
def by_phone(world: World) -> World:
    """A company whose match fields are name and phone, so that match values change."""
    world.sandbox.store.set_fields(SWAP_FIELDS)
    world.sources["tenants"]["mapping"] = {"Name": "name", "Phone": ["phone"], "Ref": "id"}
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    return world


@pytest.fixture
def synced(world: World) -> World:
    """Three contacts of the source are at the target, and one contact of somebody else."""
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([drift.ANN, drift.BOB, drift.CY])
    world.run()
    return world
