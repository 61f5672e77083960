"""Fields that survive an update: unmapped fields, fields of a person's contact, and renamed fields."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.state import State
from tests.worlds.world import FIELDS, World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
ROWS = "row,id,name,phone"


def two_sources(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}


@pytest.mark.parametrize(("after", "done"), [(0, True), (1, False), (1, True)])
def test_a_run_that_ends_between_the_first_update_and_what_it_restores_loses_no_field(
    world: World, after: int, done: bool
) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.sandbox.arm({"kind": "drop", "method": "POST", "after": after, "times": None, "done": done})
    world.run()
    world.sandbox.disarm()
    assert world.run().exit_code == 0
    assert world.there()["1"] == {"External ID": "1", "Name": "Ann", "Phone": "2125550101", "Note": "VIP"}
    assert world.run().counts["update"] == 0


def test_a_contact_that_one_source_released_keeps_its_other_fields_when_another_takes_it(world: World) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    two_sources(world)
    world.write([ANN, BOB])
    world.write([("3", "Cy", "2125550103")], "owners.csv")
    world.run_all()
    world.write([BOB])
    world.run_all()
    world.write([("3", "Cy", "2125550103"), ANN], "owners.csv")
    world.run_all()
    assert world.there()["1"]["Note"] == "VIP"


def test_a_persons_contact_keeps_its_other_fields_when_a_row_comes_to_speak_of_it(world: World) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "Robert", "Note": "the plumber"})
    world.write([ANN, BOB])
    assert world.run().counts["adopt"] == 1
    assert world.there()["2"] == {"External ID": "2", "Name": "Bob", "Phone": "2125550102", "Note": "the plumber"}


@pytest.mark.parametrize("bad", [("b", "7", "Ann", "x12"), ("b", "", "Ann", "2125550102")])
def test_a_merged_contact_keeps_the_numbers_of_a_row_that_becomes_unusable(
    world: World, bad: tuple[str, str, str, str]
) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row", "phones": {"invalid": "reject"}}
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=ROWS)
    world.run()
    world.write([("a", "7", "Ann B", "2125550101"), bad], header=ROWS)
    report = world.run()
    assert {each["key"] for each in report.invalid} == {"a", "b"}
    assert world.there()["7"]["Phone"] == "2125550101;2125550102"
    world.write([("a", "7", "Ann B", "2125550101")], header=ROWS)
    assert world.run().exit_code == 0
    assert world.there()["7"] == {"External ID": "7", "Name": "Ann B", "Phone": "2125550101"}


RENAMED: list[dict[str, Any]] = [
    {"id": 1, "name": "External ID", "is_match": True},
    {"id": 2, "name": "Full name"},
    {"id": 3, "name": "Phone", "is_phone": True},
    {"id": 4, "name": "Remark"},
]


@pytest.mark.parametrize("kind", ["update", "move"])
def test_fields_that_are_renamed_at_the_target_keep_their_values(world: World, kind: str) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.dialect("unknown_field", "error")
    world.sources["tenants"] |= {"key": "row", "deletes": {"adopted": True}}
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.store.set_fields(RENAMED)
    assert "'Name'" in str(world.run().error)
    world.sources["tenants"]["mapping"] = {"External ID": "id", "Full name": "name", "Phone": ["phone"]}
    world.write([("a", "1" if kind == "update" else "9", "Ann B", "2125550101")], header=ROWS)
    report = world.run()
    assert (report.exit_code, report.counts[kind]) == (0, 1)
    assert [(fields["Full name"], fields["Remark"]) for fields in world.there().values()] == [("Ann B", "VIP")]
    world.write([("a", "1", "Ann C", "2125550101")], header=ROWS)
    world.run()
    assert [(fields["Full name"], fields["Remark"]) for fields in world.there().values()] == [("Ann C", "VIP")]


def test_a_field_that_becomes_a_match_field_moves_no_contact_whose_row_is_as_it_was(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.store.edit(1, {"Note": "very important"})
    world.sandbox.store.set_fields(
        [{**field, "is_match": field["name"] in ("External ID", "Name")} for field in FIELDS]
    )
    world.write([("a", "1", "Ann", "2125550109")], header=ROWS)
    [held] = world.run().held
    with State(world.folder / "syncd.db") as state:
        state.holds.approve("tenants", held.digest)
    report = world.run()
    assert (report.counts["update"], report.counts["move"]) == (1, 0)
    assert world.there()["1"] == {
        "External ID": "1",
        "Name": "Ann",
        "Phone": "2125550109",
        "Note": "very important",
    }
    world.write([("a", "1", "Ann", "2125550108")], header=ROWS)
    assert world.run().counts["update"] == 1
    assert world.there()["1"]["Note"] == "very important"


def test_until_it_is_known_what_an_update_does_a_persons_contact_is_looked_at_before_a_new_row_covers_it(
    world: World,
) -> None:
    world.sandbox.dialect("update", "replace")
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "Robert", "Note": "the plumber"})
    world.write([ANN, BOB])
    before = len(world.sandbox.requests)
    assert world.run().counts["adopt"] == 1
    assert world.there()["2"] == {"External ID": "2", "Name": "Bob", "Phone": "2125550102", "Note": "the plumber"}
    assert len(world.sandbox.requests) - before == 4  # the fields, a search, the update, and the restored note


def test_once_an_update_is_known_to_keep_fields_nobody_is_looked_for(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.run()
    world.write([ANN, BOB])
    before = len(world.sandbox.requests)
    assert world.run().counts["create"] == 1
    assert len(world.sandbox.requests) - before == 2


def test_looking_for_new_rows_takes_no_more_requests_than_listing_would_or_than_there_are_rows(world: World) -> None:
    world.write([ANN])
    world.run()
    many = [(str(number), "Cy", f"21255501{number:02}") for number in range(2, 40)]
    world.sandbox.store.add({"External ID": "30", "Name": "Robert", "Note": "the plumber"})
    world.sandbox.dialect("update", "replace")
    world.write([ANN, *many])
    before = len(world.sandbox.requests)
    assert world.run().counts["adopt"] == 1
    assert world.there()["30"]["Note"] == "the plumber"
    assert len(world.sandbox.requests) - before == 5  # the fields, the list, the update, the restored note, the creates
