"""A process that stays delivers each call at the moment when it is due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import open_deliveries
from syncd.activity.delivering.vigil import Vigil
from syncd.run.leases import Leases
from syncd.watch.activity.glance import next_delivery
from tests.worlds.delivery_world import DeliveryWorld
from tests.worlds.memory_sink import down, half

AFTER = 120.0


@contextmanager
def vigil(world: DeliveryWorld) -> Iterator[Vigil]:
    settings = world.settings()
    with open_deliveries(settings, clock=lambda: world.now) as session:
        session.eager = False
        yield Vigil(session, list(settings.sinks.values()))


@pytest.fixture
def known(world: DeliveryWorld) -> DeliveryWorld:
    """A sink that a run has delivered to."""
    world.call("c0")
    world.deliver()
    world.place.sent()
    return world


def looks(world: DeliveryWorld, each: Vigil, seconds: float, step: float = 0.5) -> list[float]:
    """Look every half second; return after how many seconds something was sent."""
    found, begun, done = [], world.now, dict[str, SinkReport]()
    while world.now < begun + seconds:
        world.later(step)
        each.look(done)
        if world.place.sent():
            found.append(world.now - begun)
    return found


def test_a_call_is_a_record_at_the_moment_when_no_leg_has_followed(known: DeliveryWorld) -> None:
    with vigil(known) as each:
        known.ring("c1")
        [moment] = looks(known, each, AFTER + 5)
        assert AFTER <= moment <= AFTER + 0.5
        assert each.next_due() is None


def test_what_a_list_shows_and_what_comes_late_goes_at_once(known: DeliveryWorld) -> None:
    with vigil(known) as each:
        known.call("c1", ago=70, lasts=60)
        assert looks(known, each, 2) == [0.5]
        known.transcribe("c1", "About the roof")
        assert looks(known, each, 2) == [0.5]
        assert looks(known, each, 60) == []


def test_the_first_delivery_is_a_runs(world: DeliveryWorld) -> None:
    with vigil(world) as each:
        world.call("c1")
        assert looks(world, each, 5) == []
    world.deliver()
    with vigil(world) as each:
        world.call("c2")
        assert looks(world, each, 5) == [0.5]


def test_a_sink_that_is_down_is_left_alone_longer_and_longer(known: DeliveryWorld) -> None:
    known.place.faults = [down] * 20
    with vigil(known) as each:
        known.call("c1")
        tries = looks(known, each, 600, step=5)
    assert tries == [5, 65, 185, 425]
    # Another process begins where this one ended; and the daemon is not told to start one before.
    due = next_delivery(str(known.folder / "activity.db"))
    assert due is not None
    assert due > known.now
    with vigil(known) as each:
        assert looks(known, each, due - known.now - 5, step=5) == []
        known.place.faults = []
        assert len(looks(known, each, 15, step=5)) == 1


def test_an_outcome_that_stays_unknown_is_not_asked_for_in_each_round(known: DeliveryWorld) -> None:
    known.crm = {"contacts": "people"}
    known.deliver()
    call = known.call("c1")
    known.attribute(call, "7")
    known.place.faults = [half] * 10
    with vigil(known) as each:
        assert looks(known, each, 130, step=5) == [5, 65]


def test_a_sink_that_another_process_delivers_to_is_waited_for(known: DeliveryWorld) -> None:
    with vigil(known) as each, known.state() as state:
        known.call("c1")

        def refuse(holder: str) -> None:
            raise AssertionError(holder)

        with Leases(state, "elsewhere:1:x", lambda: known.now).held("crm", refuse):
            assert looks(known, each, 5) == []
        assert looks(known, each, 5, step=1) == [1]


def test_each_delivery_that_sent_something_is_a_run_of_its_own(known: DeliveryWorld) -> None:
    with vigil(known) as each:
        for name in ("c1", "c2"):
            known.call(name)
            looks(known, each, 1)
    with known.state() as state:
        runs = [run["run"] for run in state.history.runs(source="crm")]
    assert len(set(runs)) == 3


def test_a_clock_that_is_set_back_after_a_failure_keeps_nothing_waiting(known: DeliveryWorld) -> None:
    known.place.faults = [down]
    with vigil(known) as each:
        known.call("c1")
        assert looks(known, each, 5, step=5) == [5]
        known.now -= 1_800
        assert looks(known, each, 5, step=5) == [5]
    known.later(1)
    known.call("c2")
    known.place.faults = [down]
    with vigil(known) as each:
        assert looks(known, each, 5, step=5) == [5]
    known.now -= 1_800
    # Another process sees as little in a failure that is still to come.
    with vigil(known) as each:
        assert looks(known, each, 5, step=5) == [5]


def test_an_unknown_outcome_waits_no_longer_than_its_pause_after_the_clock_was_set_back(known: DeliveryWorld) -> None:
    known.crm = {"contacts": "people"}
    known.deliver()
    call = known.call("c1")
    known.attribute(call, "7")
    known.place.faults = [half]
    with vigil(known) as each:
        assert looks(known, each, 5, step=5) == [5]
    known.now -= 1_800
    with vigil(known) as each:
        tries = looks(known, each, 120, step=5)
    assert len(tries) == 1
    assert tries[0] <= 65
    assert known.status(call) == "accepted"
