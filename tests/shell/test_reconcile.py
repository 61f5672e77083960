"""What the target holds, held against what it last answered: every contact has a class, and a repair is a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled, SourceDrift
from syncd.run.session import open_session
from syncd.state import State
from syncd.state.glance import repairs_of
from tests.shell.world import World

ANN = ("1", "Ann Smith", "2125550101")
BOB = ("2", "Bob Jones", "2125550102")
CY = ("3", "Cy Lee", "2125550103")
MANY = [(str(n), f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


@pytest.fixture
def synced(world: World) -> World:
    """A company whose three contacts are at the target, beside one of somebody else."""
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([ANN, BOB, CY])
    world.run()
    return world


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
    """The id at the target of the contact with this External ID."""
    [found] = [each["id"] for each in world.sandbox.store.contacts() if each["fields"].get("External ID") == key]
    return int(found)


def edit(world: World, key: str, **fields: str) -> None:
    world.sandbox.store.edit(number(world, key), fields)


def overwriting(world: World) -> World:
    world.sources["tenants"]["reconcile"] = {"on_edit": "overwrite"}
    return world


def state_of(world: World) -> State:
    return State(world.folder / "syncd.db")


def test_a_target_that_is_as_it_was_left_has_no_drift(synced: World) -> None:
    found = compare(synced)
    assert counts(found.sources[0]) == {"same": 3}
    assert (found.there, len(found.foreign), found.sources[0].exit_code) == (4, 1, 0)


def test_comparing_writes_nothing_and_reads_one_page_and_the_fields(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    before = synced.writes()
    assert compare(synced).sent == 3  # the fields, the page, and a search for the one that it lacks
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


def lost_delete(world: World) -> None:
    """The row of 3 vanishes, but its delete has no effect, though the target says that it had."""
    gone = next(each for each in world.sandbox.store.contacts() if each["fields"].get("External ID") == "3")
    world.write([ANN, BOB])
    world.run()
    with world.sandbox.store.lock:
        world.sandbox.store.write({gone["id"]: world.sandbox.store.fields.row(gone["fields"])})


def test_a_delete_without_effect_is_an_extra_of_ours_and_deleted_again(synced: World) -> None:
    lost_delete(synced)
    found = compare(synced)
    assert counts(found.sources[0]) == {"same": 2, "extra_ours": 1}
    assert len(found.foreign) == 1
    assert found.sources[0].exit_code == 3
    assert drift(synced, repair=True).exit_code == 0
    assert set(synced.there()) == {"1", "2", "99"}


def test_an_extra_that_somebody_has_changed_is_not_ours_any_more(synced: World) -> None:
    lost_delete(synced)
    edit(synced, "3", Name="My own")
    found = compare(synced, repair=True)
    assert counts(found.sources[0]) == {"same": 2}
    assert len(found.foreign) == 2
    assert "3" in synced.there()


def test_deleting_an_extra_leaves_the_contact_alone_that_has_its_key_now(synced: World) -> None:
    lost_delete(synced)
    edit(synced, "3", **{"External ID": "3-old"})
    synced.write([ANN, BOB, CY])
    synced.run()
    edit(synced, "3-old", **{"External ID": "3"})
    found = drift(synced, repair=True)
    assert found.pushed is not None
    assert found.pushed.counts == {"delete": 1}
    assert set(synced.there()) == {"1", "2", "3", "99"}
    assert counts(drift(synced)) == {"same": 3}
    synced.write([ANN, BOB])
    synced.run()
    assert set(synced.there()) == {"1", "2", "99"}


def test_foreign_contacts_are_never_touched(synced: World) -> None:
    for n in range(40):
        synced.sandbox.store.add({"External ID": f"f{n}", "Name": "Foreign"})
    found = compare(overwriting(synced), repair=True)
    assert len(found.foreign) == 41
    assert len(synced.there()) == 44


def test_most_contacts_missing_is_held_until_it_is_approved(world: World) -> None:
    world.write(MANY)
    world.run()
    for n in range(1, 21):
        world.sandbox.store.delete(number(world, str(n)))
    found = drift(world, repair=True)
    assert [held.gate for held in found.held] == ["missing.share"]
    assert found.exit_code == 3
    assert len(world.there()) == 10
    with state_of(world) as state:
        assert state.holds.approve(repairs_of("tenants"), found.held[0].digest) == 1
    assert drift(world, repair=True).exit_code == 0
    assert len(world.there()) == 30
    with state_of(world) as state:
        assert state.holds.of(repairs_of("tenants")) == []


def test_overwriting_most_contacts_is_held_and_a_run_leaves_that_standing(world: World) -> None:
    world.write(MANY)
    world.run()
    for n in range(1, 21):
        edit(overwriting(world), str(n), Name="Edited")
    found = drift(world, repair=True)
    assert [held.gate for held in found.held] == ["updates.share"]
    world.run(full=True)
    with state_of(world) as state:
        state.holds.approve(repairs_of("tenants"), found.held[0].digest)
    assert drift(world, repair=True).exit_code == 0
    assert world.there()["1"]["Name"] == "Tenant 1"


def test_what_a_gate_holds_is_not_repaired(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    world.run()
    world.sandbox.store.delete(number(world, "1"))
    found = drift(world, repair=True)
    assert (found.counts["missing"], found.counts["held"]) == (1, 30)
    assert found.missing[0]["left"] == "a gate holds its changes"
    assert found.exit_code == 3
    assert "1" not in world.there()


def test_a_contact_whose_call_has_no_answer_is_pending_and_not_judged(synced: World) -> None:
    synced.write([("1", "Ann Brown", "2125550101"), BOB, CY])
    synced.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    synced.run()
    synced.sandbox.disarm()
    found = drift(synced, repair=True)
    assert counts(found) == {"same": 2, "pending": 1}
    assert found.exit_code == 0


def test_a_rejected_contact_is_said_and_not_repaired(synced: World) -> None:
    synced.sandbox.arm({"kind": "poison", "field": "Name", "value": "Poison"})
    synced.write([("1", "Poison", "2125550101"), BOB, CY])
    synced.run()
    found = drift(synced, repair=True)
    assert counts(found) == {"same": 2, "rejected": 1}
    assert found.exit_code == 3


@pytest.mark.parametrize(
    ("mode", "left"),
    [("create_only", "mode: create_only changes none"), ("update_only", None), ("upsert", None), ("mirror", None)],
)
def test_a_mode_holds_for_a_repair_too(synced: World, mode: str, left: str | None) -> None:
    overwriting(synced).sources["tenants"]["mode"] = mode
    edit(synced, "2", Name="Bobby")
    found = drift(synced, repair=True)
    assert found.edited[0]["left"] == left
    assert found.exit_code == 0
    assert (synced.there()["2"]["Name"] == "Bobby") is (mode == "create_only")


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


def test_a_run_that_has_the_source_keeps_a_repair_from_it(synced: World) -> None:
    settings = synced.settings()
    with open_session(settings) as other, other.leased("tenants"):
        found = drift(synced, repair=True)
        assert found.exit_code == 5
        assert drift(synced).exit_code == 0


def test_two_sources_have_each_their_own(synced: World) -> None:
    synced.sources["staff"] = {**synced.sources["tenants"], "options": {"path": "staff.csv", "settle": 0}}
    synced.write([("51", "Ida Park", "2125550151")], "staff.csv")
    synced.run()
    synced.sandbox.store.delete(number(synced, "51"))
    synced.sandbox.store.delete(number(synced, "1"))
    found = compare(synced)
    assert [[each["key"] for each in source.missing] for source in found.sources] == [["1"], ["51"]]
    assert len(found.foreign) == 1


def test_a_changed_match_field_holds_the_whole_repair(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    fields = [dict(each) for each in synced.sandbox.store.fields.items]
    fields[1]["is_match"] = True
    synced.sandbox.store.set_fields(fields)
    assert [held.gate for held in drift(synced, repair=True).held] == ["schema.match"]
    assert "1" not in synced.there()


def test_a_run_that_reads_the_list_anyway_says_what_is_not_there(synced: World) -> None:
    synced.sources["tenants"]["mode"] = "update_only"  # looks at the target for whoever is new
    synced.sandbox.store.delete(number(synced, "1"))
    synced.write([ANN, BOB, CY, ("4", "Dee Diaz", "2125550104")])
    [warning] = synced.run().warnings
    assert warning.startswith("1 contact of this source is not in the target's list: syncd reconcile tenants")


def test_a_missing_contact_that_the_target_would_not_take_back_is_sent_when_that_is_tried_again(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "2"))
    synced.sandbox.arm({"kind": "poison", "value": "Bob Jones"})
    assert len(drift(synced, repair=True).to_json()["rejected"]) == 1
    synced.sandbox.disarm()
    with synced.state() as state:
        assert state.ledger.retry_rejected("tenants") == 1
    synced.run()
    assert synced.there()["2"]["Name"] == "Bob Jones"
