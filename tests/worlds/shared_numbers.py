"""A company in which contacts share numbers: two sources, a policy, and who has which number at the target."""

from __future__ import annotations

import json

from syncd.report.source_report import SourceReport
from tests.worlds.world import World

ONE, TWO, THREE = "2125550101", "2125550102", "2125550103"


def with_policy(world: World, policy: str) -> World:
    """Give the company a second source, ``owners``, and both of them the policy."""
    world.sources["owners"] = json.loads(json.dumps(world.sources["tenants"]))
    world.sources["owners"]["options"]["path"] = "owners.csv"
    set_policy(world, policy)
    world.write([], "owners.csv")
    return world


def set_policy(world: World, policy: str) -> None:
    for source in world.sources.values():
        source["phones"] = {"shared": policy}


def tenants(world: World, *rows: tuple[str, str, str]) -> None:
    world.write(rows)


def owners(world: World, *rows: tuple[str, str, str]) -> None:
    world.write(rows, "owners.csv")


def numbers(world: World) -> dict[str, str]:
    """Return the numbers of the contacts at the target, by their keys."""
    return {key: fields.get("Phone", "") for key, fields in world.there().items()}


def settled(world: World) -> list[SourceReport]:
    """Run all sources twice, and once more, which must change nothing."""
    for _ in range(2):
        world.run_all()
    before = world.writes()
    reports = world.run_all()
    assert world.writes() == before
    assert not any(report.made for report in reports)
    return reports
