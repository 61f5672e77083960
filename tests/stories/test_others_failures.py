"""Failures of other sync tools that no other test here covers."""

from __future__ import annotations

import json

import pytest

from tests.worlds.world import World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")


def test_a_column_that_is_not_mapped_changes_nothing(world: World) -> None:
    header = "id,name,phone,seen"
    world.write([(*ANN, "2026-01-01"), (*BOB, "2026-01-01")], header=header)
    world.run()
    writes = world.writes()
    world.write([(*ANN, "2026-01-02"), (*BOB, "2026-01-02")], header=header)
    assert world.run().counts["unchanged"] == 2
    assert world.writes() == writes


def test_an_update_keeps_the_contacts_id_and_deletes_nothing(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    ids = {each["id"] for each in world.sandbox.store.contacts()}
    world.write([("1", "Ann Smith", "2125550109"), BOB])
    assert world.run().counts["update"] == 1
    assert {each["id"] for each in world.sandbox.store.contacts()} == ids
    assert world.deletes() == 0


def test_a_source_that_is_called_otherwise_deletes_nothing_and_makes_no_twin(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sources = {"residents": world.sources["tenants"]}
    report = world.run()
    assert (report.exit_code, world.deletes(), set(world.there())) == (0, 0, {"1", "2"})
    world.sources = {"owners": {**world.sources["residents"], "options": {"path": "owners.csv", "settle": 0}}}
    world.write([("3", "Cy", "2125550103")], "owners.csv")
    assert world.run().exit_code == 0
    assert (world.deletes(), set(world.there())) == (0, {"1", "2", "3"})


def test_what_is_written_with_quotes_arrives_as_it_was(world: World) -> None:
    names = ["Seán O'Brien", "Zoë ''Z'' Lee", "a\\b", "{name}", "<b>Al</b>", "; DROP TABLE contact", "50 % off"]
    world.write([(str(place), name, "2125550101") for place, name in enumerate(names)])
    world.run()
    assert [world.there()[str(place)]["Name"] for place in range(len(names))] == names
    assert world.run(full=True).counts["unchanged"] == len(names)


@pytest.mark.parametrize("left", [0, 1, 10, 79])
def test_a_guard_does_not_wait_for_zero_rows(world: World, left: int) -> None:
    rows = [(str(place), f"T {place}", "") for place in range(100)]
    world.write(rows)
    world.run()
    world.write(rows[:left])
    report = world.run()
    assert (report.exit_code, report.counts["held"], world.deletes()) == (3, 100 - left, 0)
    assert json.loads(json.dumps(report.to_json()))["counts"]["delete"] == 0
