"""Deliveries that are planned once more."""

from __future__ import annotations

from functools import partial

from syncd.activity.deliver import deliver
from syncd.activity.delivering.one_sink import deliver_to
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import open_deliveries
from tests.worlds.delivery_world import DAY, DeliveryWorld, counts


def replay(world: DeliveryWorld, first: float, last: float) -> SinkReport:
    reports: list[SinkReport] = []
    settings = world.settings()
    with open_deliveries(settings, clock=lambda: world.now) as session:
        deliver(session, [settings.sinks["crm"]], reports, partial(deliver_to, within=(first, last)))
    return reports[0]


def test_all_of_some_days_is_sent_again_and_nothing_else(world: DeliveryWorld) -> None:
    before, call, message = world.call("a", ago=DAY), world.call("b"), world.message("m1")
    world.deliver()
    for each in (before, call, message):
        world.place.of(each).fields["status"] = "of somebody"
    world.place.sent()
    assert counts(replay(world, world.now - DAY / 2, world.now))["update"] == 2
    assert world.place.sent() == [("update", call), ("update", message)]
    # What a person has changed there stays theirs.
    assert world.place.of(call).fields["status"] == "of somebody"


def test_a_record_that_is_gone_at_the_sink_is_there_again(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.place.records.clear()
    replay(world, world.now - DAY, world.now)
    assert world.place.identities() == [call]


def test_what_has_changed_elsewhere_is_still_seen_by_the_next_run(world: DeliveryWorld) -> None:
    world.call("a", ago=DAY)
    world.deliver()
    world.transcribe("a", "About the roof")
    replay(world, world.now - DAY / 2, world.now)
    assert counts(world.deliver()) == {"update": 1}
