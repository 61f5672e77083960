"""Contacts and deletes that the target refuses: when they are sent again, and what they never cost."""

from __future__ import annotations

from tests.worlds.tenants import ANN, BOB, POISON
from tests.worlds.world import FIELDS, World


def test_one_bad_row_does_not_cost_the_others(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166"), BOB])
    report = world.run()
    assert report.exit_code == 3
    assert [each["key"] for each in report.rejected] == ["66"]
    assert set(world.there()) == {"1", "2"}
    posts = world.posts()
    report = world.run()
    assert (report.counts["rejected"], report.exit_code, world.posts()) == (1, 3, posts)
    world.sandbox.disarm()
    world.write([ANN, ("66", "Cured", "2125550166"), BOB])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2", "66"}


def test_a_foreign_contact_with_the_match_value_of_a_rejected_one_is_never_deleted(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sandbox.store.add({"External ID": "66", "Name": "By hand"})
    world.write([ANN])
    assert world.run().exit_code == 0
    assert world.there()["66"]["Name"] == "By hand"


def test_a_refused_delete_is_tried_again(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.arm({"kind": "status", "method": "DELETE", "status": 400, "times": None})
    world.write([ANN])
    assert world.run().exit_code == 3
    world.sandbox.disarm()
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"1"}


def test_rejected_contacts_are_sent_again_when_the_schema_changes(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sandbox.disarm()
    assert world.run(full=True).counts["rejected"] == 1
    world.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "More"}])
    assert world.run(dry_run=True).counts["create"] == 1
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "66"}


def test_a_rejected_update_that_is_taken_back_is_no_longer_rejected(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(POISON)
    world.write([("1", "Poison", "2125550101")])
    assert world.run().exit_code == 3
    world.write([ANN])
    for dry_run in (True, False):
        report = world.run(dry_run=dry_run)
        assert (report.exit_code, report.counts["rejected"], report.counts["unchanged"]) == (0, 0, 1)


def test_a_dry_run_does_not_call_rejected_what_it_would_send_again(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([("1", "Poison", ""), ("2", "Poison", "")])
    assert world.run().counts["rejected"] == 2
    world.write([ANN, ("2", "Poison", "")])
    for dry_run in (True, False):
        report = world.run(dry_run=dry_run)
        assert (report.counts["create"], [each["key"] for each in report.rejected]) == (1, ["2"])
