"""Rows in whole runs: invalid, excluded and duplicate rows, and the modes of a source."""

from __future__ import annotations

import pytest

from syncd.core.identity import REPEATED
from tests.worlds.tenants import ANN, BOB, CY, MANY, POISON, holds
from tests.worlds.world import World


def test_an_invalid_row_is_left_alone_and_named(world: World) -> None:
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("2", "", "2125550199")])
    report = world.run()
    assert report.exit_code == 3
    assert [(each["key"], each["at"]) for each in report.invalid] == [("2", "tenants.csv:3")]
    assert holds(world)["2"] == ("Bob Jones", "2125550102")


def test_an_excluded_row_is_deleted(world: World) -> None:
    world.sources["tenants"]["where"] = "name <> 'former'"
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("2", "former", "2125550102")])
    report = world.run()
    assert (report.counts["delete"], report.counts["excluded"], report.exit_code) == (1, 1, 0)
    assert set(world.there()) == {"1"}


def test_the_first_of_two_rows_with_one_key_is_used(world: World) -> None:
    world.write([ANN, ("1", "Another", "2125550199")])
    report = world.run()
    assert report.exit_code == 3
    assert "tenants.csv:2" in report.invalid[0]["reason"]
    assert report.invalid[0]["at"] == "tenants.csv:3"
    assert holds(world) == {"1": ("Ann Smith", "2125550101")}


SAME_ONCE_MAPPED = {
    "equal": ANN,
    "spaces": ("1", " Ann  Smith ", "212-555-0101"),
    "another form of the number": ("1", "Ann Smith", "(212) 555-0101"),
    "a number twice": ("1", "Ann Smith", "212-555-0101; 2125550101"),
    "spaces around the key": (" 1 ", "Ann Smith", "212-555-0101"),
}


@pytest.mark.parametrize("again", SAME_ONCE_MAPPED.values(), ids=SAME_ONCE_MAPPED)
def test_two_rows_that_make_the_same_contact_are_one(world: World, again: tuple[str, str, str]) -> None:
    world.write([ANN, BOB, again])
    for full in (False, True, False):
        report = world.run(full=full)
        assert (report.exit_code, report.rows, report.counts["invalid"]) == (0, 3, 0)
        assert report.excluded == [{"reason": REPEATED, "count": 1}]
    assert set(holds(world)) == {"1", "2"}
    world.write([BOB])
    assert world.run().counts["delete"] == 1


NUMBERS = ("1", "Ann Smith", "2125550101;2125550102")
TURNED = ("1", "Ann Smith", "2125550102;2125550101;2125550102")


@pytest.mark.parametrize("first", [[], [NUMBERS], [TURNED], [NUMBERS, TURNED]])
def test_two_rows_that_differ_in_the_order_of_their_numbers_are_one(
    world: World, first: list[tuple[str, str, str]]
) -> None:
    world.write([*first, BOB])
    world.run()
    world.write([NUMBERS, BOB, TURNED])
    for full in (False, True, False):
        report = world.run(full=full)
        assert (report.exit_code, report.rows, report.counts["invalid"]) == (0, 3, 0)
        assert report.excluded == [{"reason": REPEATED, "count": 1}]
    assert world.posts() == (1 if first else 2)
    assert set(holds(world)["1"][1].split(";")) == {"2125550101", "2125550102"}
    world.write([TURNED])
    report = world.run()
    assert (report.counts["update"], report.counts["delete"]) == (0, 1)


def test_of_rows_in_another_order_those_with_another_name_are_invalid(world: World) -> None:
    world.write([NUMBERS])
    world.run()
    world.write([NUMBERS, TURNED, ("1", "Another", TURNED[2]), ("1", "Ann Smith", "2125550101")])
    for full in (False, True, False):
        report = world.run(full=full)
        assert [each["at"] for each in report.invalid] == ["tenants.csv:4", "tenants.csv:5"]
        assert report.excluded == [{"reason": REPEATED, "count": 1}]


def test_an_export_that_was_appended_to_itself_is_the_export(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([*MANY, *MANY])
    for full in (False, True):
        report = world.run(full=full)
        assert (report.exit_code, report.made, report.rows) == (0, 0, 60)
        assert report.excluded == [{"reason": REPEATED, "count": 30}]
    world.write([("1", "Renamed", "2125550001"), *MANY[1:]] * 2)
    assert world.run().counts["update"] == 1
    assert holds(world)["1"] == ("Renamed", "2125550001")


def test_a_repeated_row_that_is_not_sent_does_not_delete_its_contact(world: World) -> None:
    world.sources["tenants"]["mapping"]["External ID"] = "ref"
    header = "id,name,phone,ref"
    world.write([("1", "Ann", "2125550101", "a"), ("2", "Bob", "2125550102", "b")], header=header)
    world.run()
    bob = ("2", "Bob", "2125550102", "a")
    world.write([("1", "Ann", "2125550101", "a"), bob, bob], header=header)
    report = world.run()
    assert [each["key"] for each in report.invalid] == ["2"]
    assert set(world.there()) == {"a", "b"}


def test_the_parts_of_a_key_are_shown_joined_by_a_plus(world: World) -> None:
    world.sources["tenants"] |= {"key": ["house", "flat"], "canaries": [["1", "1"]]}
    world.sources["tenants"]["mapping"] |= {
        "External ID": "{house}-{flat}",
        "Name": {"from": "name", "empty": "reject"},
    }
    header = "house,flat,name,phone"
    world.sandbox.arm(POISON)
    world.write([("1", "1", *ANN[1:]), ("1", "2", "Poison", ""), ("1", "3", "", "")], header=header)
    found = world.run().to_json()
    assert [each["key"] for each in found["invalid"]] == ["1+3"]
    assert [each["key"] for each in found["rejected"]] == ["1+2"]
    world.write([("1", "2", "Bob", "")], header=header)
    assert [held.gate for held in world.run().held] == ["deletes.canary"]


def test_a_contact_that_several_at_the_target_could_be_waits_until_one_is_left(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann by hand"})
    twin = world.sandbox.store.add({"External ID": "1", "Name": "Ann again"})
    world.write([ANN, BOB])
    assert world.run().counts["invalid"] == 1
    world.write([ANN, BOB, CY])
    assert world.run().counts["invalid"] == 1
    world.sandbox.store.delete(twin)
    assert world.run().counts["adopt"] == 1


@pytest.mark.parametrize(("mode", "name"), [("create_only", "By hand"), ("update_only", "Bob Jones")])
def test_a_mode_keeps_its_word_about_contacts_that_come_to_be_there_later(world: World, mode: str, name: str) -> None:
    world.sources["tenants"]["mode"] = mode
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.write([ANN, BOB])
    world.run()
    assert world.there()["2"]["Name"] == name
    assert ("1" in world.there()) == (mode == "create_only")


def test_the_contact_of_an_invalid_row_is_not_taken_by_its_twin(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    header = "row,id,name,phone"
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Bea", "2125550102")], header=header)
    world.run()
    world.write([("a", "7", "", "2125550101"), ("b", "7", "Bea", "2125550102")], header=header)
    assert world.run().counts["invalid"] == 2
    assert world.there()["7"]["Name"] == "Ann"


def test_what_a_mode_leaves_alone_is_counted_with_its_reason(world: World) -> None:
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.sources["tenants"]["mode"] = "create_only"
    world.write([ANN, BOB])
    report = world.run()
    assert report.excluded == [{"reason": "mode: create_only, and the target has it already", "count": 1}]
    world.write([("1", "Ann Brown", "2125550101"), BOB])
    for dry_run in (True, False):
        assert world.run(dry_run=dry_run).counts["excluded"] == 2
