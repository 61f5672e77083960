"""Messages that are delivered together: one record for a conversation in an hour or a day."""

from __future__ import annotations

import pytest

from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts
from tests.worlds.memory_sink import lost

MORNING = 6 * HOUR
"""Seconds before the world's now: 09:00 in UTC."""


@pytest.fixture
def daily(world: DeliveryWorld) -> DeliveryWorld:
    world.crm = {"messages": {"group": "day"}}
    return world


def bodies(world: DeliveryWorld) -> list[str]:
    return sorted(each.fields["body"] for each in world.place.records.values())


def test_the_messages_of_a_day_with_one_number_are_one_record(daily: DeliveryWorld) -> None:
    daily.message("m1", ago=MORNING, body="Is it ready?")
    daily.message("m2", ago=HOUR, body="Yes", direction="outgoing")
    daily.message("m3", ago=HOUR, body="Hello", remote_number="2125550102")
    daily.message("m4", ago=HOUR, body="Hi", channel="whatsapp")
    daily.message("m5", ago=MORNING + DAY, body="Before")
    assert counts(daily.deliver()) == {"create": 4}
    assert bodies(daily) == [
        "09:00 received: Before",
        "09:00 received: Is it ready?\n14:00 sent: Yes",
        "14:00 received: Hello",
        "14:00 received: Hi",
    ]


def test_its_name_tells_the_conversation_and_the_day_and_no_number(daily: DeliveryWorld) -> None:
    daily.message("m1")
    daily.message("m2", remote_number="2125550102")
    daily.deliver()
    names = sorted(daily.place.identities())
    assert all(each.startswith("message:text:") and each.endswith("-2026-03-10") for each in names)
    assert len(set(names)) == 2
    assert "2125550" not in "".join(names)


def test_a_further_message_is_an_update_of_the_conversation(daily: DeliveryWorld) -> None:
    daily.message("m1", ago=MORNING)
    daily.deliver()
    daily.message("m2", ago=1)
    assert counts(daily.deliver()) == {"update": 1}
    assert bodies(daily) == ["09:00 received: Text of m1\n14:59 received: Text of m2"]
    assert counts(daily.deliver()) == {"unchanged": 1}


def test_the_messages_of_an_hour(world: DeliveryWorld) -> None:
    world.crm = {"messages": {"group": "hour"}}
    for name, ago in (("m1", MORNING), ("m2", MORNING - 60), ("m3", MORNING - HOUR)):
        world.message(name, ago=ago)
    assert counts(world.deliver()) == {"create": 2}
    assert {each[-13:] for each in world.place.identities()} == {"2026-03-10T09", "2026-03-10T10"}


def test_a_sink_that_cannot_update_gets_a_conversation_once_its_time_is_over(daily: DeliveryWorld) -> None:
    daily.options = {"updates": False}
    daily.message("m1", ago=MORNING)
    report = daily.deliver()
    assert (counts(report), report.next_due) == ({"waiting": 1}, daily.now + 9 * HOUR + 120)
    daily.message("m2", ago=1)
    daily.later(9 * HOUR + 121)
    assert counts(daily.deliver()) == {"create": 1}
    assert bodies(daily) == ["09:00 received: Text of m1\n14:59 received: Text of m2"]
    assert counts(daily.deliver()) == {"unchanged": 1}


def test_contacts_of_all_its_messages_are_associated(daily: DeliveryWorld) -> None:
    daily.crm["contacts"] = "people"
    first, second = daily.message("m1", ago=MORNING), daily.message("m2")
    daily.attribute(first, "7")
    daily.deliver()
    daily.attribute(second, "7", "8")
    assert counts(daily.deliver()) == {"associate": 1}
    [record] = daily.place.records.values()
    assert record.contacts == {"7", "8"}


def test_a_message_that_has_a_record_of_its_own_does_not_come_again_in_a_conversation(world: DeliveryWorld) -> None:
    world.message("m1", ago=MORNING)
    world.deliver()
    world.crm = {"messages": {"group": "day"}}
    world.message("m2", ago=HOUR)
    assert counts(world.deliver()) == {"create": 1, "unchanged": 1}
    assert bodies(world) == ["14:00 received: Text of m2", "Text of m1"]
    world.crm = {}
    world.message("m1", ago=MORNING, status="read")
    world.message("m2", ago=HOUR, status="read")
    world.later(60)
    world.message("m3", ago=HOUR)
    world.deliver()
    assert bodies(world) == ["14:00 received: Text of m2", "Text of m1", "Text of m3"]


def test_only_messages_that_the_condition_is_true_for_are_in_it(daily: DeliveryWorld) -> None:
    daily.crm["where"] = "body <> 'Secret'"
    daily.message("m1", ago=MORNING, body="Hello")
    daily.message("m2", ago=HOUR, body="Secret")
    daily.message("m3", ago=HOUR, body="Secret", remote_number="2125550102")
    assert counts(daily.deliver()) == {"create": 1}
    assert bodies(daily) == ["09:00 received: Hello"]


def test_a_conversation_of_which_a_text_was_removed_here_stays_as_it_is(daily: DeliveryWorld) -> None:
    daily.message("m1", ago=MORNING)
    daily.message("m2", ago=HOUR)
    daily.deliver()
    with daily.store() as store:
        store.activities.drop_texts("message", daily.now - 2 * HOUR)
    daily.message("m3", ago=60)
    assert counts(daily.deliver()) == {"unchanged": 1}
    assert bodies(daily) == ["09:00 received: Text of m1\n14:00 received: Text of m2"]


def test_a_conversation_of_unknown_outcome_is_settled_also_in_another_grouping(world: DeliveryWorld) -> None:
    world.crm = {"messages": {"group": "day"}}
    world.message("m1", ago=2 * HOUR), world.message("m2")
    world.place.faults = [lost]
    world.deliver()
    world.crm = {}
    report = world.deliver()
    [conversation] = world.place.identities()
    assert (counts(report), world.status(conversation)) == ({"create": 1}, "accepted")
    world.later(60)
    new = world.message("m3", ago=60)
    world.deliver()
    assert world.place.identities() == [conversation, new]
