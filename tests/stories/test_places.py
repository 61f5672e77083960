"""The history tells which row of which file made a change."""

from __future__ import annotations

from typing import Any

from syncd.state import State
from tests.worlds.commands import Command
from tests.worlds.tenants import ANN, BOB, CY
from tests.worlds.world import World


def places(world: World) -> list[tuple[Any, ...]]:
    with State(world.folder / "syncd.db", read_only=True) as state:
        return state.rows("SELECT key, kind, place FROM change ORDER BY id")


def test_each_change_has_the_place_of_its_row(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([CY, ("2", "Robert Jones", BOB[2]), ANN])
    world.run()
    assert places(world) == [
        ("1", "create", "tenants.csv:2"),
        ("2", "create", "tenants.csv:3"),
        ("3", "create", "tenants.csv:2"),
        ("2", "update", "tenants.csv:3"),
    ]


def test_a_row_of_several_files_has_the_place_in_its_file(world: World) -> None:
    world.sources["tenants"]["options"]["path"] = "part-*.csv"
    world.write([ANN], "part-1.csv")
    world.write([BOB, CY], "part-2.csv")
    world.run()
    assert [place for _, _, place in places(world)] == ["part-1.csv:2", "part-2.csv:2", "part-2.csv:3"]


def test_a_delete_and_an_undo_are_made_by_no_row(world: World, syncd: Command) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db", read_only=True) as state:
        newest = next(iter(state.history.runs()))["run"]
    assert syncd("undo", newest, "--config", str(world.folder / "syncd.yaml"))[0] == 0
    assert places(world)[2:] == [("2", "delete", None), ("2", "create", None)]


def test_a_call_that_is_sent_again_has_the_place_of_the_row_that_asks_for_it_now(world: World) -> None:
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([ANN])
    world.run()
    world.sandbox.disarm()
    world.write([BOB, ANN])
    world.run()
    assert [place for key, _, place in places(world) if key == "1"] == ["tenants.csv:2", "tenants.csv:3"]
