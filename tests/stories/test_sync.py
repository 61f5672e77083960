"""Whole runs against the sandbox: after a run the target holds the contacts of the source."""

from __future__ import annotations

import pytest

from tests.worlds.runs import changes_of
from tests.worlds.tenants import ANN, BOB, CY, DEE, holds
from tests.worlds.world import World


def test_a_first_run_creates_every_contact(world: World) -> None:
    world.write([ANN, BOB])
    report = world.run()
    assert report.exit_code == 0
    assert report.counts["create"] == 2
    assert holds(world) == {"1": ("Ann Smith", "2125550101"), "2": ("Bob Jones", "2125550102")}


def test_a_run_with_nothing_to_do_writes_nothing_and_costs_one_request(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    before = len(world.sandbox.requests)
    report = world.run()
    assert report.same_as_before
    assert report.counts["unchanged"] == 2
    assert len(world.sandbox.requests) - before == 1


def test_a_file_that_was_only_touched_up_costs_one_request_too(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([BOB, ANN])
    before = len(world.sandbox.requests)
    report = world.run()
    assert not report.same_as_before
    assert report.counts["unchanged"] == 2
    assert len(world.sandbox.requests) - before == 1


def test_only_what_differs_is_sent(world: World) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([ANN, ("2", "Bob Jones", "2125550102; 2125550199"), CY, DEE])
    report = world.run()
    assert (report.counts["create"], report.counts["update"], report.counts["unchanged"]) == (1, 1, 2)
    assert changes_of(report)[1] == {
        "kind": "update",
        "key": "2",
        "id": 2,
        "fields": {"Phone": {"old": "2125550102", "new": "2125550102;2125550199"}},
    }
    assert world.there()["2"]["Phone"] == "2125550102;2125550199"


def test_the_order_of_numbers_does_not_matter(world: World) -> None:
    world.write([("1", "Ann", "2125550101;2125550102")])
    world.run()
    world.write([("1", "Ann", "2125550102;2125550101")])
    assert world.run().counts["unchanged"] == 1


def test_a_vanished_contact_is_deleted(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN])
    report = world.run()
    assert report.counts["delete"] == 1
    assert set(world.there()) == {"1"}


def test_a_dry_run_sends_only_gets_and_leaves_the_state_alone(world: World) -> None:
    world.write([ANN, BOB])
    report = world.run(dry_run=True)
    assert report.counts["create"] == 2
    assert world.writes() == 0
    assert not (world.folder / "syncd.db").exists()
    world.run()
    before = (world.folder / "syncd.db").read_bytes()
    world.write([ANN])
    assert world.run(dry_run=True).counts["delete"] == 1
    assert (world.folder / "syncd.db").read_bytes() == before
    assert set(world.there()) == {"1", "2"}


def test_a_dry_run_says_what_the_run_then_does(world: World) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([("1", "Ann Smith-Lee", "2125550101"), BOB, DEE])
    planned = changes_of(world.run(dry_run=True))
    report = world.run()
    assert changes_of(report) == planned
    assert [change["kind"] for change in planned] == ["create", "update", "delete"]


def test_creates_and_deletes_go_in_batches_of_500(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"at_most": {"count": 5000, "share": "100%"}}
    world.write([(str(n), f"T {n}", f"212555{n % 10000:04}") for n in range(1, 1202)])
    world.run()
    assert world.posts() == 3
    world.write([(str(n), f"T {n}", f"212555{n % 10000:04}") for n in range(601, 1202)])
    world.run()
    assert world.deletes() == 2
    assert len(world.there()) == 601


def test_contacts_that_were_there_are_adopted_and_shown_with_their_old_values(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "ANN", "Phone": "2125550101", "Note": "VIP"})
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([ANN, BOB])
    plan = world.run(dry_run=True)
    assert (plan.counts["adopt"], plan.counts["create"]) == (1, 1)
    adopt = next(change for change in changes_of(plan) if change["kind"] == "adopt")
    assert adopt["fields"] == {"Name": {"old": "ANN", "new": "Ann Smith"}}
    world.run()
    assert set(world.there()) == {"1", "2", "99"}
    assert world.there()["1"]["Note"] == "VIP"


def test_foreign_and_adopted_contacts_are_never_deleted(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann"})
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    report = world.run()
    assert report.counts["delete"] == 0
    assert any("adopted" in warning for warning in report.news)
    assert set(world.there()) == {"1", "2", "99"}


def test_adopted_contacts_are_deleted_where_that_is_wanted(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann"})
    world.sources["tenants"]["deletes"] = {"adopted": True}
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    world.run()
    assert set(world.there()) == {"2"}


@pytest.mark.parametrize("update", ["merge", "replace"])
def test_fields_that_are_not_mapped_survive_under_either_reading(world: World, update: str) -> None:
    world.sandbox.dialect("update", update)
    for n in range(1, 5):
        world.sandbox.store.add({"External ID": str(n), "Name": "Old", "Note": f"note {n}"})
    world.write([ANN, BOB, CY, DEE])
    assert world.run().exit_code == 0
    world.write([("1", "Ann Brown", "2125550101"), BOB, CY, DEE])
    assert world.run().exit_code == 0
    assert [fields["Note"] for _, fields in sorted(world.there().items())] == ["note 1", "note 2", "note 3", "note 4"]
    assert world.there()["1"]["Name"] == "Ann Brown"


def test_a_lost_state_file_adopts_and_deletes_nothing(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    (world.folder / "syncd.db").unlink()
    world.write([ANN])
    report = world.run()
    assert (report.counts["adopt"], report.counts["delete"]) == (1, 0)
    assert set(world.there()) == {"1", "2"}


def test_a_plan_without_changes_has_one_digest_whether_the_source_was_parsed_or_not(world: World) -> None:
    world.write([ANN])
    world.run()
    assert world.run(full=True).digest == world.run().digest
