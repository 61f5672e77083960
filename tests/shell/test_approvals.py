"""An approval is spent for what was done, and only for that."""

from __future__ import annotations

from syncd.state import State
from tests.shell.test_sync import MANY
from tests.shell.world import World

DOWN = {"kind": "status", "method": "DELETE", "status": 503, "times": None}


def approve(world: World, digest: str) -> None:
    with State(world.folder / "syncd.db") as state:
        assert state.approve("tenants", digest)


def emptied_and_approved(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    approve(world, world.run().held[0].digest)


def test_an_approval_outlives_a_target_that_fails_before_any_delete(world: World) -> None:
    emptied_and_approved(world)
    world.sandbox.arm(DOWN)
    assert world.run().exit_code == 4
    assert len(world.there()) == 30
    world.sandbox.disarm()
    report = world.run()
    assert (report.exit_code, report.counts["delete"]) == (0, 30)
    assert world.there() == {}


def test_what_is_left_of_an_approved_list_stays_approved(world: World) -> None:
    """The target takes the first of two lists of deletes, and then fails."""
    rows = [(str(n), f"T {n}", "") for n in range(1, 701)]
    world.write(rows)
    world.run()
    world.write([])
    approve(world, world.run().held[0].digest)
    world.sandbox.arm({**DOWN, "after": 1})
    report = world.run()
    assert (report.exit_code, report.counts["delete"]) == (4, 500)
    with State(world.folder / "syncd.db") as state:
        assert {(hold["count"], hold["approved"] is not None) for hold in state.holds("tenants")} == {(200, True)}
    world.sandbox.disarm()
    assert world.run().counts["delete"] == 200
    with State(world.folder / "syncd.db") as state:
        assert state.holds("tenants") == []


def test_what_is_left_of_an_approved_list_is_not_approved_for_others(world: World) -> None:
    emptied_and_approved(world)
    world.sandbox.arm(DOWN)
    world.run()
    world.sandbox.disarm()
    world.write(MANY[:1])
    assert world.run().counts["held"] == 29
    assert len(world.there()) == 30
