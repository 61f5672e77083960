"""Reconcile compares the target with the ledger: each contact gets one class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.worlds.drift import ANN, BOB, CY, compare, counts, drift, edit, number, overwriting
from tests.worlds.world import World


def test_a_target_that_is_as_it_was_left_has_no_drift(synced: World) -> None:
    found = compare(synced)
    assert counts(found.sources[0]) == {"same": 3}
    assert (found.there, len(found.foreign), found.sources[0].exit_code) == (4, 1, 0)


def test_comparing_writes_nothing_and_reads_one_page_and_the_fields(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    before = synced.writes()
    assert compare(synced).sent == 3  # the fields, the page, and a search for the missing contact
    assert synced.writes() == before


def test_a_contact_that_was_deleted_there_is_missing_and_sent_again(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    found = drift(synced)
    assert counts(found) == {"same": 2, "missing": 1}
    assert [each["key"] for each in found.missing] == ["1"]
    assert found.exit_code == 3
    repaired = drift(synced, repair=True)
    assert repaired.pushed is not None
    assert repaired.pushed.counts == {"create": 1}
    assert repaired.exit_code == 0
    assert set(synced.there()) == {"1", "2", "3", "99"}
    assert counts(drift(synced)) == {"same": 3}


def test_after_a_repair_the_next_run_has_nothing_to_do(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    drift(synced, repair=True)
    before = synced.writes()
    assert synced.run().counts["unchanged"] == 3
    assert synced.writes() == before
    synced.write([BOB, CY])
    synced.run()
    assert set(synced.there()) == {"2", "3", "99"}


def test_an_edit_is_shown_field_by_field_and_left_alone(synced: World) -> None:
    edit(synced, "2", Name="Bobby", Phone="2125550102;2125550199")
    found = drift(synced, repair=True)
    assert counts(found) == {"same": 2, "edited": 1}
    [each] = found.edited
    assert each["fields"] == {
        "Name": {"old": "Bob Jones", "new": "Bobby"},
        "Phone": {"old": "2125550102", "new": "2125550102;2125550199"},
    }
    assert each["left"] == "on_edit: report"
    assert found.exit_code == 3
    assert synced.there()["2"]["Name"] == "Bobby"


def test_an_edit_is_overwritten_where_that_is_wanted(synced: World) -> None:
    edit(overwriting(synced), "2", Name="Bobby", Note="mind the dog")
    assert drift(synced, repair=True).exit_code == 0
    assert synced.there()["2"] == {
        "External ID": "2",
        "Name": "Bob Jones",
        "Phone": "2125550102",
        "Note": "mind the dog",
    }
    assert counts(drift(synced)) == {"same": 3}


def test_an_edit_is_kept_where_that_is_wanted_until_the_row_changes(synced: World) -> None:
    synced.sources["tenants"]["reconcile"] = {"on_edit": "keep"}
    edit(synced, "2", Name="Bobby")
    assert drift(synced).exit_code == 0
    kept = drift(synced, repair=True)
    assert (kept.exit_code, kept.noted) == (0, 1)
    assert counts(drift(synced)) == {"same": 3}
    synced.run()
    assert synced.there()["2"]["Name"] == "Bobby"
    synced.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    synced.run()
    assert synced.there()["2"]["Name"] == "Robert Jones"


@pytest.mark.parametrize("update", ["merge", "replace"])
def test_a_field_that_is_not_mapped_is_no_drift_and_is_learned(synced: World, update: str) -> None:
    synced.sandbox.dialect("update", update)
    edit(synced, "2", Note="mind the dog")
    found = drift(synced, repair=True)
    assert (counts(found), found.noted, found.exit_code) == ({"same": 3}, 1, 0)
    assert drift(synced, repair=True).noted == 0
    synced.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    synced.run()
    assert synced.there()["2"]["Note"] == "mind the dog"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phone_us", "11"),
        ("phone_order", "sorted"),
        ("empty_fields", "absent"),
        ("clear", "ignored"),
        ("list_order", "newest"),
    ],
)
def test_the_targets_own_way_of_writing_is_no_drift(world: World, name: str, value: str) -> None:
    world.sandbox.dialect(name, value)
    world.write([("1", "Ann", "2125550199;2125550101"), ("2", "", "")])
    world.run()
    world.write([("1", "Ann", ""), ("2", "Bob", "")])
    world.run()
    assert counts(drift(world)) == {"same": 2}


def test_numbers_in_another_order_and_form_are_no_drift(synced: World) -> None:
    synced.write([("1", "Ann Smith", "2125550101;2125550102")])
    synced.run()
    edit(synced, "1", Phone="+1 (212) 555-0102; 12125550101")
    assert counts(drift(synced))["same"] == 1


def test_a_contact_that_a_person_made_anew_is_an_edit_and_no_twin(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "2"))
    synced.sandbox.store.add({"External ID": "2", "Name": "Bobby", "Phone": "2125550102"})
    found = drift(synced, repair=True)
    assert counts(found) == {"same": 2, "edited": 1}
    assert found.edited[0]["now"] == number(synced, "2")
    assert found.edited[0]["fields"] == {"Name": {"old": "Bob Jones", "new": "Bobby"}}
    assert synced.there()["2"]["Name"] == "Bobby"
    assert drift(overwriting(synced), repair=True).exit_code == 0
    assert synced.there()["2"]["Name"] == "Bob Jones"
    assert counts(drift(synced)) == {"same": 3}


def test_a_contact_that_only_got_another_id_is_adopted(synced: World) -> None:
    before = number(synced, "2")
    synced.sandbox.store.delete(before)
    synced.sandbox.store.add({"External ID": "2", "Name": "Bob Jones", "Phone": "2125550102"})
    assert drift(synced, repair=True).exit_code == 0
    assert number(synced, "2") != before
    assert counts(drift(synced)) == {"same": 3}


def test_a_changed_match_value_is_put_right_without_a_twin_and_without_losing_a_note(synced: World) -> None:
    edit(overwriting(synced), "2", **{"External ID": "2x", "Note": "mind the dog"})
    found = drift(synced, repair=True)
    assert found.pushed is not None
    assert found.pushed.counts == {"move": 1}
    assert set(synced.there()) == {"1", "2", "3", "99"}
    assert synced.there()["2"]["Note"] == "mind the dog"


def test_where_several_have_its_match_values_a_person_must_choose(synced: World) -> None:
    edit(overwriting(synced), "2", Name="Bobby")
    synced.sandbox.store.add({"External ID": "2", "Name": "Twin"})
    found = drift(synced, repair=True)
    assert found.edited[0]["left"] == "2 contacts at the target have its match values: delete all but one there"
    assert found.exit_code == 3


def test_a_contact_whose_call_has_no_answer_is_pending_and_not_judged(synced: World) -> None:
    synced.write([("1", "Ann Brown", "2125550101"), BOB, CY])
    synced.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    synced.run()
    synced.sandbox.disarm()
    found = drift(synced, repair=True)
    assert counts(found) == {"same": 2, "pending": 1}
    assert found.exit_code == 0


def test_a_list_that_shifts_while_it_is_read_misses_nobody(world: World) -> None:
    world.sandbox.dialect("list_order", "unstable")
    world.write([(str(n), f"T {n}", f"212555{n % 10000:04}") for n in range(1, 1202)])
    world.run()
    assert counts(drift(world)) == {"same": 1201}


def test_a_contact_that_the_list_lacks_once_is_looked_for_again(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.target.contacts import Target

    whole: Callable[..., Any] = Target.contacts

    def shifted(self: Target, *told: Any) -> Any:
        return [remote for remote in whole(self, *told) if remote.fields.get("External ID") != "2"]

    monkeypatch.setattr(Target, "contacts", shifted)
    assert counts(drift(synced)) == {"same": 3}


def test_two_sources_have_each_their_own(synced: World) -> None:
    synced.sources["staff"] = {**synced.sources["tenants"], "options": {"path": "staff.csv", "settle": 0}}
    synced.write([("51", "Ida Park", "2125550151")], "staff.csv")
    synced.run()
    synced.sandbox.store.delete(number(synced, "51"))
    synced.sandbox.store.delete(number(synced, "1"))
    found = compare(synced)
    assert [[each["key"] for each in source.missing] for source in found.sources] == [["1"], ["51"]]
    assert len(found.foreign) == 1


def test_a_run_that_reads_the_list_anyway_says_what_is_not_there(synced: World) -> None:
    synced.sources["tenants"]["mode"] = "update_only"  # this mode looks up every new row at the target
    synced.sandbox.store.delete(number(synced, "1"))
    synced.write([ANN, BOB, CY, ("4", "Dee Diaz", "2125550104")])
    [warning] = synced.run().warnings
    assert warning.startswith("1 contact of this source is not in the target's list: syncd reconcile tenants")


def test_a_repair_sends_what_the_row_says_although_a_person_had_made_the_same_change(world: World) -> None:
    world.sources["tenants"]["reconcile"] = {"on_edit": "keep"}
    world.write([ANN])
    world.run()
    edit(world, "1", Name="Anna Smith")
    compare(world, repair=True)  # the edit is the contact's own now
    world.write([("1", "Anna Smith", ANN[2])])
    assert world.run().counts["unchanged"] == 1
    edit(world, "1", Name="Somebody")
    drift(overwriting(world), repair=True)
    world.run()
    assert [each["fields"]["Name"] for each in world.sandbox.store.contacts()] == ["Anna Smith"]
