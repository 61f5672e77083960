"""A sink may have what nothing is noted of here: its notes were lost, and it shows late what it was sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from syncd.core.activity.delivering.settled import LOOKS
from syncd.sink import Item, Outcome
from syncd.state.runs import Runs
from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts, held
from tests.worlds.memory_sink import Killed, MemorySink, down, killed, killed_after, silent

MINUTE = 60.0
LATE = LOOKS[-1]

FINDS = {"idempotent": False, "finds": True}
NEITHER = {"idempotent": False, "finds": False}


@pytest.fixture
def finds(world: DeliveryWorld) -> DeliveryWorld:
    """A sink that makes doubles, and that finds its records after ten minutes."""
    world.options, world.place.lag = dict(FINDS), 600.0
    return world


@pytest.fixture
def neither(world: DeliveryWorld) -> DeliveryWorld:
    """A sink that makes doubles, and that nobody can ask."""
    world.options = dict(NEITHER)
    return world


def delivered_and_killed(world: DeliveryWorld, name: str) -> str:
    call = world.call(name, ago=10 * MINUTE)
    world.place.faults = [killed_after]
    world.die()
    with world.state() as state:
        state.execute("DELETE FROM lease")
    return call


def test_what_a_killed_run_sent_is_found_although_its_note_is_lost(finds: DeliveryWorld) -> None:
    finds.deliver()
    call = delivered_and_killed(finds, "c1")
    finds.lose_deliveries()
    report = finds.deliver()
    assert (report.error, report.exit_code, finds.status(call)) == (None, 0, "waiting")
    assert finds.place.identities() == [call]
    finds.later(LATE)
    finds.deliver()
    assert (finds.status(call), finds.place.identities()) == ("accepted", [call])


def test_an_older_store_waits_until_the_sink_shows_what_the_newer_one_sent(finds: DeliveryWorld) -> None:
    finds.deliver()
    copy = finds.copy()
    call = delivered_and_killed(finds, "c1")
    finds.restore(copy)
    # The list shows it again only after a run that has sent nothing.
    finds.deliver()
    finds.again("c1")
    finds.deliver()
    new = finds.call("c2", ago=5 * MINUTE)
    finds.deliver()
    assert (finds.place.identities(), finds.status(new)) == ([call], "waiting")
    finds.later(LATE)
    finds.deliver()
    assert (finds.place.identities(), finds.status(call)) == ([call, new], "accepted")


def test_what_comes_after_the_loss_does_not_wait(finds: DeliveryWorld) -> None:
    finds.deliver()
    delivered_and_killed(finds, "c1")
    finds.lose_deliveries()
    finds.deliver()
    finds.later(5 * MINUTE)
    call = finds.call("c2", ago=3 * MINUTE)
    finds.place.looks = 0
    assert counts(finds.deliver())["create"] == 1
    assert (finds.status(call), finds.place.looks) == ("accepted", 0)


def test_an_approval_that_an_older_store_knows_does_not_make_doubles(finds: DeliveryWorld) -> None:
    finds.crm, finds.options["batch"] = {"at_most": {"creates": 2}}, 1
    calls = finds.calls(4)
    finds.deliver()
    finds.approve("activity.flood")
    finds.place.faults = [None, down]
    finds.deliver()
    copy = finds.copy()
    finds.deliver()
    assert finds.place.identities() == calls
    finds.restore(copy)
    finds.later(HOUR)
    finds.deliver()
    for hold in finds.holds():
        finds.approve(hold)
    finds.deliver()
    assert finds.place.identities() == calls
    assert counts(finds.deliver()) == {"unchanged": 4}


def test_a_copy_that_was_made_within_a_run_does_not_make_doubles(finds: DeliveryWorld) -> None:
    finds.options["batch"] = 1
    calls = finds.calls(3)
    copies = []

    def copy(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
        with closing(sqlite3.connect(finds.folder / "activity.db")) as store:
            copies.append(store.serialize())
        return sink.write(items)

    finds.place.faults = [None, copy]
    finds.deliver()
    finds.restore(copies[0])
    for _ in range(3):
        finds.deliver()
        finds.later(LATE)
    for hold in finds.holds():
        finds.approve(hold)
    finds.deliver()
    assert finds.place.identities() == calls
    assert counts(finds.deliver()) == {"unchanged": 3}


def test_a_backfill_that_is_approved_after_the_loss_is_looked_for(finds: DeliveryWorld) -> None:
    finds.crm = {"at_most": {"creates": 2}}
    finds.deliver()
    call = delivered_and_killed(finds, "c1")
    finds.lose_deliveries()
    others = finds.calls(3, prefix="d")
    assert held(finds.deliver()) == [("activity.flood", 4)]
    finds.later(LATE)
    finds.approve("activity.flood")
    finds.deliver()
    assert sorted(finds.place.identities()) == sorted([call, *others])


def test_what_the_sink_cannot_tell_is_made_once_a_person_approves_it(finds: DeliveryWorld) -> None:
    finds.deliver()
    copy = finds.copy()
    delivered_and_killed(finds, "c1")
    finds.restore(copy)
    call = finds.call("c2")
    finds.place.untold = {call}
    assert held(finds.deliver()) == [("activity.doubt", 1)]
    finds.approve("activity.doubt")
    finds.deliver()
    assert finds.status(call) == "accepted"


@pytest.mark.parametrize("options", [FINDS, NEITHER])
def test_a_run_that_ends_before_it_is_noted_is_no_loss(
    world: DeliveryWorld, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    world.options = dict(options)
    world.call("c1")
    world.deliver()
    call = world.call("c2")
    with monkeypatch.context() as patch:
        patch.setattr(Runs, "begin", die)
        world.die()
    report = world.deliver()
    assert (held(report), world.status(call)) == ([], "accepted")


def test_what_may_be_there_and_is_forgotten_meanwhile_is_named(finds: DeliveryWorld) -> None:
    finds.deliver()
    call = delivered_and_killed(finds, "c1")
    finds.lose_deliveries()
    finds.deliver()
    with finds.store() as store:
        store.erasing.erase("2125550101", store.erasing.traces("2125550101"))
        assert [each.identity for each in store.erasing.left_at("crm")] == [call]


def test_a_clock_that_was_set_back_does_not_let_a_call_wait_for_its_time(finds: DeliveryWorld) -> None:
    finds.deliver()
    finds.later(30 * DAY)
    delivered_and_killed(finds, "c1")
    finds.lose_deliveries()
    finds.deliver()
    finds.later(-29 * DAY)
    call = finds.call("c2", ago=5 * MINUTE)
    finds.deliver()
    finds.later(LATE)
    finds.deliver()
    assert finds.status(call) == "accepted"


@pytest.mark.parametrize("options", [FINDS, NEITHER])
@pytest.mark.parametrize("fault", [down, killed])
def test_a_first_run_that_sent_nothing_is_no_loss(
    world: DeliveryWorld, options: dict[str, bool], fault: object
) -> None:
    world.options = dict(options)
    first = world.call("c1")
    world.place.faults = [fault]  # type: ignore[list-item]
    if fault is down:
        world.deliver()
    else:
        world.die()
        with world.state() as state:
            state.execute("DELETE FROM lease")
    second = world.call("c2", ago=5 * MINUTE)
    report = world.deliver()
    assert world.status(second) == "accepted"
    assert (world.status(first) == "accepted", held(report)) == (fault is down, [])


def test_what_a_killed_run_may_have_sent_is_asked_for_if_its_note_is_lost(neither: DeliveryWorld) -> None:
    neither.deliver()
    call = delivered_and_killed(neither, "c1")
    neither.lose_deliveries()
    assert held(neither.deliver()) == [("activity.lost_state", 1)]
    # What comes later goes on by itself.
    neither.later(HOUR)
    later = neither.call("c2", ago=5 * MINUTE)
    neither.deliver()
    assert neither.place.identities() == [call, later]


def test_an_older_store_asks_also_for_what_lists_bring_back_later(neither: DeliveryWorld) -> None:
    neither.deliver()
    copy = neither.copy()
    call = neither.call("c1")
    neither.deliver()
    neither.restore(copy)
    neither.later(MINUTE)
    neither.deliver()
    neither.again("c1")
    assert held(neither.deliver()) == [("activity.lost_state", 1)]
    assert neither.place.identities() == [call]


@pytest.mark.parametrize("options", [{"idempotent": True}, FINDS, NEITHER])
def test_a_sink_that_was_renamed_gets_no_doubles(world: DeliveryWorld, options: dict[str, bool]) -> None:
    world.options, world.place.lag = dict(options), 600.0
    call = world.call("c1")
    world.deliver()
    world.gone = {"crm"}
    world.more = {"desk": {"sink": "memory", "options": {"place": str(world.folder), **options}}}
    report = world.deliver()
    assert held(report) == ([("activity.lost_state", 1)] if options == NEITHER else [])
    world.later(LATE)
    world.deliver()
    assert world.place.identities() == [call]


@pytest.mark.parametrize("options", [FINDS, NEITHER])
def test_another_sink_beside_one_that_is_still_there_waits_for_nobody(
    world: DeliveryWorld, options: dict[str, bool]
) -> None:
    call = world.call("c1")
    world.deliver()
    world.more = {"desk": {"sink": "memory", "options": {"place": "desk", **options}}}
    assert held(world.deliver("desk")) == []
    assert world.status(call, "desk") == "accepted"


def test_a_record_of_before_the_loss_is_no_persons_edit_when_a_try_was_lost(world: DeliveryWorld) -> None:
    call = world.call("c1", remote_name="Jane Smith")
    world.deliver()
    world.lose_deliveries()
    world.again("c1", remote_name="Bob Stone")
    world.place.faults = [silent]
    world.deliver()
    assert world.place.of(call).fields["title"] == "incoming call Jane Smith"
    world.later(HOUR)
    world.deliver()
    assert world.place.of(call).fields["title"] == "incoming call Bob Stone"
    # A person's edit since then stays.
    world.place.of(call).fields["title"] = "Bob, about the lease"
    world.again("c1", remote_name="Cy Fox")
    world.deliver()
    assert world.place.of(call).fields["title"] == "Bob, about the lease"
