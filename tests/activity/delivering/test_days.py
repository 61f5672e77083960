"""Sinks that write whole days, such as files: what has changed comes with all that the day has."""

from __future__ import annotations

import pytest

from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts
from tests.worlds.memory_sink import killed, lost


@pytest.fixture
def lake(world: DeliveryWorld) -> DeliveryWorld:
    world.options = {"days": True, "associates": False, "finds": False, "erases": False}
    return world


def test_each_day_of_each_kind_comes_whole_and_in_order_of_time(lake: DeliveryWorld) -> None:
    second, first = lake.call("a", ago=HOUR), lake.call("b", ago=2 * HOUR)
    before, message = lake.call("c", ago=DAY), lake.message("m1")
    assert counts(lake.deliver()) == {"create": 4}
    assert [[item.identity for item in each] for each in lake.place.calls] == [[before], [first, second], [message]]
    lake.place.calls.clear()
    lake.transcribe("a", "About the roof")
    assert counts(lake.deliver()) == {"update": 1, "unchanged": 3}
    assert lake.place.sent() == [("unchanged", first), ("update", second)]
    assert sorted(lake.place.identities()) == sorted([first, second, before, message])


def test_a_late_contact_writes_the_day_again(lake: DeliveryWorld) -> None:
    call = lake.call()
    lake.deliver()
    lake.attribute(call, "7")
    lake.deliver()
    assert lake.place.identities() == [call]


def test_a_lost_day_is_written_again(lake: DeliveryWorld) -> None:
    calls = [lake.call("a", ago=2 * HOUR), lake.call("b")]
    lake.place.faults = [lost]
    lake.deliver()
    lake.place.faults = [killed]
    lake.die()
    assert counts(lake.deliver()) == {"create": 2}
    assert lake.place.identities() == calls


def test_what_is_held_is_not_in_the_day(lake: DeliveryWorld) -> None:
    lake.crm = {"at_most": {"older": "1h"}}
    lake.call("a", ago=2 * HOUR)
    new = lake.call("b", ago=HOUR / 2)
    assert counts(lake.deliver()) == {"create": 1, "held": 1}
    assert lake.place.identities() == [new]


def test_a_call_that_moves_to_another_day_leaves_its_old_one(lake: DeliveryWorld) -> None:
    call, stays = lake.call("a", ago=DAY), lake.call("b", ago=DAY + HOUR)
    lake.deliver()
    lake.later(600)
    lake.again("a", start_time=lake.moment(-HOUR), end_time=lake.moment(-HOUR + 60))
    lake.deliver()
    days = {each.identity: each.fields["day"] for each in lake.place.records.values()}
    assert days == {call: "2026-03-10", stays: "2026-03-09"}


def test_a_day_of_which_something_was_removed_here_is_not_written_again(lake: DeliveryWorld) -> None:
    first, second = lake.call("a", ago=2 * HOUR), lake.call("b")
    lake.transcribe("a", "About the roof")
    lake.deliver()
    with lake.store() as store:
        store.activities.drop_texts("call", lake.now - 1.5 * HOUR)
    lake.again("b", remote_name="Ann Lee")
    report = lake.deliver()
    assert (counts(report), report.exit_code) == ({"rejected": 1, "unchanged": 1}, 3)
    assert lake.place.of(first).fields["day"] == "2026-03-10"
    assert sorted(lake.place.identities()) == [first, second]
    # It is said once, and not tried again and again.
    assert counts(lake.deliver()) == {"rejected": 1, "unchanged": 1}
