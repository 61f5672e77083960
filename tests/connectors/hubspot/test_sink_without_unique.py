"""Deliveries to an account that has no unique property: at most once, and what is in doubt is looked for."""

from __future__ import annotations

import pytest

from syncd.errors import SourceError
from tests.worlds.hubspot_sink import Timeline, call, many, message


def world(**dialects: str) -> Timeline:
    return Timeline(dialects={"unique": "none", "search_lag": "60", **dialects}, prepared=False)


def test_calls_are_made_with_their_contacts() -> None:
    made = world()
    outcomes = made.deliver(*many(made, 100))
    assert {(each.status, each.contacts) for each in outcomes} == {("accepted", ("1",))}
    assert made.written() == {"batch_create": 1}
    assert made.linked() == [{1}] * 100
    assert made.calls_now()[7]["hs_call_external_id"] == "call:c7"


@pytest.mark.parametrize("lost", ["stored", "not"])
def test_a_create_whose_answer_is_lost_is_not_sent_again_and_is_found_after_the_lag(lost: str) -> None:
    made = world(create_lost=lost)
    made.fake.arm({"kind": "drop", "path": "batch_create", "times": 6})
    items = [*many(made, 12), made.item(message(1)), made.item(message(2, body="Other"))]
    with pytest.raises(SourceError) as error:
        made.deliver(*items)
    assert error.value.in_doubt
    assert made.written() == {"batch_create": 1}
    assert set(made.sink.find(items).values()) == {None}
    made.clock.now += 61
    found = made.sink.find(items)
    assert sum(id_ is not None for id_ in found.values()) == (12 if lost == "stored" else 0)
    assert len(made.calls_now()) == (12 if lost == "stored" else 0)


def test_a_message_is_found_by_its_time_and_its_text() -> None:
    made = world()
    items = [made.item(message(1)), made.item(message(2, body="Other")), made.item(message(3, body="Third"))]
    made.deliver(*items[:2])
    made.clock.now += 61
    assert made.sink.find(items) == {
        "message:text:m1": "communications/80001",
        "message:text:m2": "communications/80002",
        "message:text:m3": None,
    }


def test_two_equal_messages_are_not_told_apart() -> None:
    made = world()
    items = [made.item(message(1)), made.item(message(2))]
    made.deliver(items[0])
    made.clock.now += 61
    assert made.sink.find(items) == {}


@pytest.mark.parametrize("shown", ["sent", "defaults"])
def test_each_record_is_told_whatever_the_answer_shows(shown: str) -> None:
    made = world(write_answer=shown)
    items = [made.item(message(number, body=f"Text {number}")) for number in range(3)]
    items += [made.item(call(number), 1) for number in range(3)]
    outcomes = made.deliver(*items)
    for item, outcome in zip(items, outcomes, strict=True):
        kind, _, number = str(outcome.remote_id).partition("/")
        table = made.fake.portal.table(kind)
        assert table
        values = table.records[int(number)].values
        assert item.identity == values.get("hs_call_external_id") or (
            item.fields["hs_communication_body"] == values["hs_communication_body"]
        )


def test_a_contact_that_is_gone_does_not_cost_the_call() -> None:
    made = world()
    outcomes = made.deliver(made.item(call(1), 1, 99), made.item(call(2), 2))
    assert [(each.status, each.contacts, each.missing) for each in outcomes] == [
        ("accepted", ("1",), ("99",)),
        ("accepted", ("2",), ()),
    ]
    assert len(made.calls_now()) == 2


def test_a_record_is_updated_by_its_id() -> None:
    made = world()
    made.deliver(made.item(call(), 1))
    made.calls.edit(70_001, {"hs_call_title": "Mine"})
    [outcome] = made.deliver(made.item(call(summary="Late.", remote_name="Bea")))
    assert outcome.kept == ("hs_call_title",)
    [record] = made.calls_now()
    assert (record["hs_call_title"], record["hs_call_body"]) == ("Mine", "Late.")


def test_nothing_of_a_delivery_is_sent_twice() -> None:
    made = world()
    made.fake.arm({"kind": "status", "status": 500, "path": "batch_create", "times": 3, "done": True})
    with pytest.raises(SourceError):
        made.deliver(made.item(call()))
    assert len(made.calls_now()) == 1
