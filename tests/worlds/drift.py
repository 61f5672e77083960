"""Reconcile for tests: edit contacts at the target, compare, and count the classes."""

from __future__ import annotations

from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled, SourceDrift
from syncd.run.session import open_session
from tests.worlds.world import World

ANN = ("1", "Ann Smith", "2125550101")
BOB = ("2", "Bob Jones", "2125550102")
CY = ("3", "Cy Lee", "2125550103")
MANY = [(str(n), f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


def compare(world: World, *, repair: bool = False) -> Reconciled:
    found, settings = Reconciled(repair=repair), world.settings()
    with open_session(settings, sleep=lambda _: None) as session:
        reconcile(session, list(settings.sources.values()), found)
    return found


def drift(world: World, *, repair: bool = False) -> SourceDrift:
    return compare(world, repair=repair).sources[-1]


def counts(found: SourceDrift) -> dict[str, int]:
    return {name: count for name, count in found.counts.items() if count}


def number(world: World, key: str) -> int:
    """Return the id at the target of the contact with this External ID."""
    [found] = [each["id"] for each in world.sandbox.store.contacts() if each["fields"].get("External ID") == key]
    return int(found)


def edit(world: World, key: str, **fields: str) -> None:
    world.sandbox.store.edit(number(world, key), fields)


def overwriting(world: World) -> World:
    world.sources["tenants"]["reconcile"] = {"on_edit": "overwrite"}
    return world
