"""``reconcile --repair``: what it sends, deletes, holds and leaves alone."""

from __future__ import annotations

import pytest

import syncd.reconcile
from syncd.run.session import open_session
from syncd.state.glance import repairs_of
from tests.worlds.drift import ANN, BOB, CY, MANY, compare, counts, drift, edit, number, overwriting
from tests.worlds.world import World


def lost_delete(world: World) -> None:
    """Remove the row of contact 3; the target reports its delete as done, but keeps the contact."""
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


def test_a_missing_contact_that_the_target_brings_back_is_created(synced: World) -> None:
    synced.sandbox.dialect("revive", "updated")
    synced.sandbox.store.delete(number(synced, "3"))
    found = drift(synced, repair=True)
    assert found.pushed is not None
    assert (found.pushed.counts, set(synced.there())) == ({"create": 1}, {"1", "2", "3", "99"})


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
    with world.state() as state:
        assert state.holds.approve(repairs_of("tenants"), found.held[0].digest) == 1
    assert drift(world, repair=True).exit_code == 0
    assert len(world.there()) == 30
    with world.state() as state:
        assert state.holds.of(repairs_of("tenants")) == []


def test_overwriting_most_contacts_is_held_and_a_run_leaves_that_standing(world: World) -> None:
    world.write(MANY)
    world.run()
    for n in range(1, 21):
        edit(overwriting(world), str(n), Name="Edited")
    found = drift(world, repair=True)
    assert [held.gate for held in found.held] == ["updates.share"]
    world.run(full=True)
    with world.state() as state:
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


def test_a_run_that_has_the_source_keeps_a_repair_from_it(synced: World) -> None:
    settings = synced.settings()
    with open_session(settings) as other, other.leased("tenants"):
        found = drift(synced, repair=True)
        assert found.exit_code == 5
        assert drift(synced).exit_code == 0


def test_a_changed_match_field_holds_the_whole_repair(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    fields = [dict(each) for each in synced.sandbox.store.fields.items]
    fields[1]["is_match"] = True
    synced.sandbox.store.set_fields(fields)
    assert [held.gate for held in drift(synced, repair=True).held] == ["schema.match"]
    assert "1" not in synced.there()


def test_a_missing_contact_that_the_target_would_not_take_back_is_sent_when_that_is_tried_again(synced: World) -> None:
    synced.sandbox.store.delete(number(synced, "2"))
    synced.sandbox.arm({"kind": "poison", "value": "Bob Jones"})
    assert len(drift(synced, repair=True).to_json()["rejected"]) == 1
    synced.sandbox.disarm()
    with synced.state() as state:
        assert state.ledger.retry_rejected("tenants") == 1
    synced.run()
    assert synced.there()["2"]["Name"] == "Bob Jones"


def test_a_repair_of_an_adopted_contact_that_a_person_renamed_leaves_it(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "By hand"})
    world.write([ANN])
    world.run()
    theirs = number(world, "1")
    edit(world, "1", **{"External ID": "P1"})
    found = drift(overwriting(world), repair=True)
    assert [(each["key"], each["id"]) for each in found.left] == [("1", theirs)]
    assert set(world.there()) == {"1", "P1"}


def test_a_repair_that_a_defect_ends_is_not_recorded_as_running(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    synced.sandbox.store.delete(number(synced, "1"))
    monkeypatch.setattr(syncd.reconcile, "push_plan", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drift(synced, repair=True)
    with synced.state() as state:
        newest = next(state.history.runs())
    assert (newest["kind"], newest["outcome"], newest["exit"]) == ("repair", "failed", 1)
