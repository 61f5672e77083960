"""A delivery that is taken back: what it made is removed at the sink, and not made again by itself."""

from __future__ import annotations

from functools import partial

from syncd.activity.deliver import deliver
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import open_deliveries
from syncd.activity.delivering.undoing import undo_delivery
from tests.worlds.delivery_world import DAY, DeliveryWorld, counts, held


def undo(world: DeliveryWorld, run: str, *, dry_run: bool = False) -> SinkReport:
    reports: list[SinkReport] = []
    settings = world.settings()
    with open_deliveries(settings, dry_run=dry_run, clock=lambda: world.now) as session:
        deliver(session, [settings.sinks["crm"]], reports, partial(undo_delivery, run=run))
    return reports[0]


def run_of(world: DeliveryWorld, identity: str) -> str:
    """Return the run that made a record."""
    kind, _, key = identity.partition(":")
    with world.store() as store:
        return store.deliveries.of("crm", kind, [key])[key].created or ""


def test_only_what_the_run_made_is_removed(world: DeliveryWorld) -> None:
    first = world.call("c1")
    world.deliver()
    second = world.call("c2")
    world.transcribe("c1", "About the roof")
    world.deliver()
    run = run_of(world, second)
    assert counts(undo(world, run, dry_run=True)) == {"erase": 1}
    assert world.place.identities() == [first, second]
    report = undo(world, run)
    assert (report.counts["erase"], world.place.identities(), world.status(second)) == (1, [first], "undone")
    assert world.place.of(first).fields["summary"] == "About the roof"


def test_what_was_undone_is_made_again_only_after_an_approval(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    undo(world, run_of(world, call))
    world.transcribe("c1", "About the roof")
    report = world.deliver()
    assert (held(report), report.exit_code, world.place.identities()) == ([("undone", 1)], 3, [])
    world.approve("undone")
    assert counts(world.deliver()) == {"create": 1}
    assert world.place.identities() == [call]


def test_what_was_undone_and_is_not_wanted_any_more_does_not_wait(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    undo(world, run_of(world, call))
    world.crm = {"where": "duration > 1000"}
    assert held(world.deliver()) == []


def test_a_sink_that_cannot_remove_says_so(world: DeliveryWorld) -> None:
    world.options = {"erases": False}
    call = world.call()
    world.deliver()
    report = undo(world, run_of(world, call))
    assert (report.left, report.exit_code, world.status(call)) == (1, 3, "accepted")


def test_what_the_sink_had_before_its_state_was_lost_is_not_of_the_new_run(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    with world.store() as store:
        store.execute("DELETE FROM delivery")
    world.deliver()
    assert run_of(world, call) == ""


def test_a_backfill_that_was_approved_is_undone_as_one_run(world: DeliveryWorld) -> None:
    world.crm = {"at_most": {"creates": 10}}
    calls = world.calls(20, ago=3 * DAY)
    world.deliver()
    world.approve("activity.flood")
    world.deliver()
    new = world.call("new")
    world.deliver()
    undo(world, run_of(world, calls[0]))
    assert world.place.identities() == [new]


def test_what_comes_after_an_undo_of_all_is_delivered(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False, "finds": False}
    world.call("c1")
    world.deliver()
    undo(world, run_of(world, "call:c1"))
    new = world.call("c2")
    assert held(world.deliver()) == [("undone", 1)]
    assert world.place.identities() == [new]
