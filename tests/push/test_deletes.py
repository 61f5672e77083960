"""The first delete is checked: deletes without an effect stop the run."""

from __future__ import annotations

import pytest

from syncd.errors import TargetUnavailable
from syncd.push import deletes as removing
from tests.worlds.world import World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")


def test_deletes_without_an_effect_are_noticed_and_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "LOOKS", ())
    world.sandbox.dialect("delete_body", "lost")
    world.sandbox.dialect("delete_empty", "noop")
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    for _ in range(2):
        report = world.run()
        assert isinstance(report.error, TargetUnavailable)
        assert "still lists it" in str(report.error)
        assert (report.exit_code, report.counts["delete"]) == (4, 0)
        assert set(world.there()) == {"1", "2"}
    world.sandbox.dialect("delete_body", "read")
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"2"}


def test_that_deletes_have_an_effect_is_looked_at_once(world: World) -> None:
    world.write([ANN, BOB, ("3", "Cy", "2125550103")])
    world.run()
    for rows, requests in (([ANN, BOB], 3), ([ANN], 2)):  # the fields, the delete, and once a check of its effect
        before = len(world.sandbox.requests)
        world.write(rows)
        world.run()
        assert len(world.sandbox.requests) - before == requests
