"""Renamed, added and removed fields at the target, and changed match fields: what becomes of contacts."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.state import State
from tests.examples import crossed
from tests.worlds.runs import changes_of, undo
from tests.worlds.tenants import ANN, BOB, CY
from tests.worlds.world import FIELDS, World


def fields(names: dict[str, str] | None = None, match: tuple[str, ...] = ("External ID",)) -> list[dict[str, Any]]:
    """Return the company's fields with new ``names``; ``match`` holds the old names of the match fields."""
    new = names or {}
    return [
        {**field, "name": new.get(str(field["name"]), field["name"]), "is_match": field["name"] in match}
        for field in FIELDS
    ]


@pytest.fixture
def known(world: World) -> World:
    """Ann and Bob are at the target."""
    world.write([ANN, BOB])
    world.run()
    return world


def mapped(world: World, **names: str) -> None:
    mapping = world.sources["tenants"]["mapping"]
    world.sources["tenants"]["mapping"] = {
        names.get(name.replace(" ", "_"), name): rule for name, rule in mapping.items()
    }


def approve(world: World, digest: str) -> None:
    with State(world.folder / "syncd.db") as state:
        assert state.holds.approve("tenants", digest)


def test_a_mapped_field_that_was_renamed_is_named_with_its_new_name(known: World) -> None:
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    report = known.run()
    assert report.exit_code == 2
    assert (
        "sources.tenants.mapping.Name: the contact field 'Name' was renamed at the target and is called 'Full name'"
        in (str(report.error))
    )


def test_a_renamed_field_costs_no_request_once_the_mapping_names_it(known: World) -> None:
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    mapped(known, Name="Full name")
    writes = known.writes()
    report = known.run()
    assert (report.exit_code, report.counts["unchanged"], known.writes()) == (0, 2, writes)
    known.write([("1", "Ann Brown", "2125550101"), BOB])
    assert [change["fields"] for change in changes_of(known.run())] == [
        {"Full name": {"old": "Ann Smith", "new": "Ann Brown"}}
    ]


def test_a_renamed_match_field_holds_nothing(known: World) -> None:
    known.sandbox.store.set_fields(fields({"External ID": "Ref"}))
    report = known.run()
    assert str(report.error).count("\n") == 0
    assert "the contact field 'External ID' was renamed at the target and is called 'Ref' now" in str(report.error)
    mapped(known, External_ID="Ref")
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    report = known.run()
    assert (report.exit_code, report.held, report.counts["update"]) == (0, (), 1)
    assert known.there("Ref")["2"]["Name"] == "Robert Jones"


def test_a_removed_match_field_holds_the_source_until_it_is_approved(world: World) -> None:
    world.sandbox.store.set_fields(fields(match=("External ID", "Name")))
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.set_fields(fields())
    world.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    report = world.run()
    [held] = report.held
    assert (held.gate, held.count) == ("schema.match", 2)
    assert "match fields were External ID, Name and are now External ID" in held.detail
    assert world.there()["2"]["Name"] == "Bob Jones"
    approve(world, held.digest)
    assert world.run().exit_code == 0
    assert {key: each["Name"] for key, each in world.there().items()} == {
        "1": "Ann Smith",
        "2": "Robert Jones",
        "3": "Cy Lee",
    }
    assert world.run(full=True).counts["unchanged"] == 3


def test_a_match_field_that_is_not_mapped_refuses_the_push(known: World) -> None:
    known.sandbox.store.set_fields(fields(match=("External ID", "Note")))
    report = known.run()
    assert report.exit_code == 2
    assert "the match field 'Note' is not mapped" in str(report.error)


def test_what_was_done_under_a_fields_former_name_can_be_undone(known: World) -> None:
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    known.run()
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    mapped(known, Name="Full name")
    report = undo(known)
    assert (report.exit_code, report.warnings[:-1]) == (0, [])
    assert known.there()["2"]["Full name"] == "Bob Jones"


def test_an_undo_waits_where_the_match_fields_changed(known: World) -> None:
    known.write([ANN])
    known.run()
    known.sandbox.store.set_fields(fields(match=("External ID", "Name")))
    report = undo(known)
    assert [held.gate for held in report.held] == ["schema.match"]
    assert set(known.there()) == {"1"}


LOST = {"kind": "drop", "method": "POST", "times": None, "done": True}
BECOMES: list[tuple[str, dict[str, str], tuple[str, ...], dict[str, str]]] = [
    ("renamed", {"External ID": "Ref"}, ("External ID",), {"External_ID": "Ref"}),
    ("another field renamed", {"Name": "Full name"}, ("External ID",), {"Name": "Full name"}),
    ("added", {}, ("External ID", "Name"), {}),
    ("renamed and added", {"Name": "Full name"}, ("External ID", "Name"), {"Name": "Full name"}),
    ("added, and mapped for that", {}, ("External ID", "Note"), {}),
    ("replaced", {}, ("Name",), {}),
]


@pytest.mark.parametrize(("becomes", "stays"), crossed(BECOMES, [True, False]))
def test_what_a_lost_create_made_is_found_though_the_match_fields_became_others(
    world: World, becomes: tuple[str, dict[str, str], tuple[str, ...], dict[str, str]], stays: bool
) -> None:
    _, names, match, now = becomes
    world.write([ANN])
    world.run()
    world.sandbox.arm(LOST)
    world.write([ANN, BOB])
    world.run()
    world.sandbox.disarm()
    world.sandbox.store.set_fields(fields(names, match))
    mapped(world, **now)
    if "Note" in match:
        world.sources["tenants"]["mapping"]["Note"] = {"value": "tenant"}
    world.write([ANN, BOB, CY] if stays else [ANN])
    for _ in range(3):
        for held in world.run(full=True).held:
            approve(world, held.digest)
    wanted = {"1", "2", "3"} if stays else {"1"}
    assert set(world.there(names.get("External ID", "External ID"))) == wanted
    with State(world.folder / "syncd.db") as state:
        assert state.journal.open_calls() == []


def swapped() -> list[dict[str, Any]]:
    """Return the fields after ``Name`` and ``Note`` exchanged their names."""
    return fields({"Name": "Note", "Note": "Name"})


@pytest.fixture
def noted(world: World) -> World:
    """Ann and Bob are at the target, and a person has written a note on each."""
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Note": "VIP"})
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.set_fields(swapped())
    return world


def test_fields_that_exchange_their_names_hold_the_source_and_nothing_goes_into_the_wrong_one(noted: World) -> None:
    noted.write([("1", "Ann Brown", "2125550101"), BOB, CY])
    for dry_run in (True, False, False):
        [held] = noted.run(dry_run=dry_run).held
        assert held.gate == "schema.match"
        assert "'Name' is the name of another contact field now, and the one that it was is called 'Note'" in (
            held.detail
        )
    assert noted.there()["1"] == {"External ID": "1", "Note": "Ann Smith", "Phone": "2125550101", "Name": "VIP"}
    assert set(noted.there()) == {"1", "2"}


def test_fields_that_exchanged_their_names_are_known_by_their_numbers_once_the_mapping_follows(noted: World) -> None:
    mapped(noted, Name="Note")
    writes = noted.writes()
    assert noted.run(dry_run=True).counts["unchanged"] == 2
    report = noted.run()
    assert (report.exit_code, report.counts["unchanged"], noted.writes()) == (0, 2, writes)
    noted.write([("1", "Ann Brown", "2125550101"), BOB])
    assert noted.run().counts["update"] == 1
    assert noted.there()["1"] == {"External ID": "1", "Note": "Ann Brown", "Phone": "2125550101", "Name": "VIP"}


def test_whoever_wants_the_names_to_count_approves_it(noted: World) -> None:
    [held] = noted.run().held
    approve(noted, held.digest)
    assert noted.run().counts["update"] == 2
    assert {each["Name"] for each in noted.there().values()} == {"Ann Smith", "Bob Jones"}
    assert noted.run(full=True).counts["unchanged"] == 2


def test_a_name_that_another_field_takes_over_takes_no_value_with_it(noted: World) -> None:
    noted.sandbox.store.set_fields(fields({"Name": "Full name", "Note": "Name"}))
    [held] = noted.run().held
    assert "the one that it was is called 'Full name'" in held.detail
    mapped(noted, Name="Full name")
    assert noted.run().counts["unchanged"] == 2
    noted.write([("1", "Ann Brown", "2125550101"), BOB])
    noted.run()
    assert noted.there()["1"] == {"External ID": "1", "Full name": "Ann Brown", "Phone": "2125550101", "Name": "VIP"}


def test_what_was_done_before_two_fields_exchanged_their_names_is_undone_in_the_right_ones(known: World) -> None:
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    known.run()
    known.sandbox.store.set_fields(swapped())
    mapped(known, Name="Note")
    assert undo(known).exit_code == 0
    assert known.there()["2"]["Note"] == "Bob Jones"
    assert not known.there()["2"].get("Name")


def test_a_source_that_the_exchange_does_not_concern_goes_on(noted: World) -> None:
    noted.sources["phones"] = {
        "connector": "csv",
        "options": {"path": "phones.csv", "settle": 0},
        "key": "id",
        "mapping": {"External ID": "id", "Phone": ["phone"]},
    }
    noted.write([("9", "2125550109")], "phones.csv", header="id,phone")
    for _ in range(2):
        tenants, phones = noted.run_all(full=True)
        assert (len(tenants.held), len(phones.held)) == (1, 0)
    assert "9" in noted.there()


def test_when_the_mapping_follows_an_exchange_what_the_source_changed_meanwhile_goes_on(noted: World) -> None:
    noted.run()
    mapped(noted, Name="Note")
    noted.write([("1", "Ann Brown", "2125550101"), BOB, CY])
    report = noted.run()
    assert (report.held, report.counts["update"], report.counts["create"]) == ((), 1, 1)


def test_a_name_of_a_field_that_is_gone_is_not_given_to_another_unasked(noted: World) -> None:
    noted.sandbox.store.set_fields(
        [{**each, "name": "Name"} if each["id"] == 4 else each for each in FIELDS if each["id"] != 2]
    )
    noted.write([("1", "Ann Brown", "2125550101"), BOB])
    for _ in range(2):
        [held] = noted.run().held
        assert "and the one that it was is gone" in held.detail
    assert noted.there()["1"]["Name"] == "VIP"
