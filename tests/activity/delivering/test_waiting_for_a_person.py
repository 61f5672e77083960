"""What gates hold of deliveries, and what an approval lets go on."""

from __future__ import annotations

from tests.worlds.delivery_world import DAY, DeliveryWorld, counts, held
from tests.worlds.memory_sink import down, silent


def test_what_is_old_waits_and_the_rest_goes_on(world: DeliveryWorld) -> None:
    old, new = world.call("old", ago=31 * DAY), world.call("new")
    report = world.deliver()
    assert (counts(report), held(report)) == ({"create": 1, "held": 1}, [("activity.old", 1)])
    assert "older than 30 days" in report.held[0]["detail"]
    world.approve("activity.old")
    assert counts(world.deliver()) == {"create": 1, "unchanged": 1}
    assert world.place.identities() == [new, old]


def test_an_update_of_what_is_old_does_not_wait(world: DeliveryWorld) -> None:
    world.call(ago=29 * DAY)
    world.deliver()
    world.later(5 * DAY)
    world.transcribe("c1", "About the roof")
    assert counts(world.deliver()) == {"update": 1}


def test_an_approval_is_of_exactly_one_list(world: DeliveryWorld) -> None:
    world.call("old", ago=31 * DAY)
    world.deliver()
    world.approve("activity.old")
    world.call("older", ago=32 * DAY)
    # What was approved goes; what came since has a list of its own.
    report = world.deliver()
    assert (counts(report), world.place.identities()) == ({"create": 1, "held": 1}, ["call:old"])
    assert held(world.deliver()) == [("activity.old", 1)]


def test_a_held_call_that_is_wanted_no_more_is_let_go(world: DeliveryWorld) -> None:
    world.call("old", ago=31 * DAY)
    world.deliver()
    world.crm = {"where": "duration > 1000"}
    assert counts(world.deliver()) == {}
    with world.state() as state:
        assert state.holds.lists("crm") == []


def test_another_wording_of_many_records_waits(world: DeliveryWorld) -> None:
    world.calls(30)
    world.deliver()
    world.crm = {"calls": {"title": "{remote_name}"}}
    report = world.deliver()
    assert (held(report), world.place.sent()[30:]) == ([("activity.mapping", 30)], [])
    assert "30 records of 30 (100 %)" in report.held[0]["detail"]
    # A new call is worded anew, and what was there before waits.
    new = world.call("new")
    report = world.deliver()
    assert (counts(report), held(report)) == ({"create": 1, "held": 30}, [("activity.mapping", 30)])
    assert world.place.of(new).fields["title"] == "Joe Poe"
    world.approve("activity.mapping")
    assert counts(world.deliver()) == {"update": 30, "unchanged": 1}
    assert {each.fields["title"] for each in world.place.records.values()} == {"Joe Poe"}


def test_a_wording_that_is_taken_back_holds_nothing_any_more(world: DeliveryWorld) -> None:
    world.calls(5)
    world.deliver()
    world.crm = {"calls": {"title": "{remote_name}"}}
    assert held(world.deliver()) == [("activity.mapping", 5)]
    world.crm = {}
    report = world.deliver()
    assert (counts(report), held(report)) == ({"unchanged": 5}, [])


def test_another_wording_of_few_records_goes_on(world: DeliveryWorld) -> None:
    world.crm = {"at_most": {"share": "50%"}, "calls": {"title": "{direction}"}}
    world.calls(3)
    world.message("m1")
    for number in range(4):
        world.message(f"m{number}")
    world.deliver()
    world.crm |= {"calls": {"title": "{remote_name}"}}
    assert counts(world.deliver()) == {"update": 3, "unchanged": 4}


def test_what_may_have_been_made_and_is_not_found_waits(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False}
    call = world.call()
    world.place.faults = [silent]
    assert world.deliver().unknown == 1
    asked = []
    for minutes in (0.5, 1, 4, 5, 9, 10):
        world.later(minutes * 60)
        report = world.deliver()
        asked.append(world.place.looks)
    # The first run looked too, since the sink was new: then 1, 5 and 15 minutes after the call.
    assert [each - asked[0] for each in asked] == [0, 1, 2, 2, 3, 3]
    assert (held(report), world.status(call)) == ([("activity.doubt", 1)], "held")
    world.approve("activity.doubt")
    assert counts(world.deliver()) == {"create": 1}
    assert world.place.identities() == [call]


def test_a_sink_that_finds_nothing_asks_a_person_at_once(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False, "finds": False}
    call = world.call()
    world.place.faults = [silent]
    assert held(world.deliver()) == [("activity.doubt", 1)]
    world.approve("activity.doubt")
    world.deliver()
    assert world.place.identities() == [call]


def test_a_refused_connection_leaves_no_doubt(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False, "finds": False}
    call = world.call()
    world.place.faults = [down]
    assert held(world.deliver()) == []
    assert counts(world.deliver()) == {"create": 1}
    assert world.place.identities() == [call]


def test_many_unknown_numbers_at_once_keep_associations_back(world: DeliveryWorld) -> None:
    world.crm = {"contacts": "people"}
    for number, each in enumerate(world.calls(40, ago=3 * DAY, prefix="a")):
        world.attribute(each, "7", outcome="unknown" if number < 8 else "matched")
    world.deliver()
    some = world.calls(40, ago=DAY, prefix="b")
    for number, each in enumerate(some):
        world.attribute(each, *([] if number < 30 else ["9"]), outcome="unknown" if number < 30 else "matched")
    report = world.deliver()
    # The records are made, and nothing is associated with them.
    assert (report.counts["create"], held(report)) == (40, [("activity.unknown", 10)])
    assert all(not world.place.of(each).contacts for each in some)
    assert "75 % of the numbers are unknown" in report.held[0]["detail"]
    # A few calls more say nothing of the numbers, and the list that a person is to approve stays as it is.
    world.attribute(more := world.call("c"), "9")
    again = world.deliver()
    assert (again.counts["create"], again.held[0]["digest"]) == (1, report.held[0]["digest"])
    assert world.place.of(more).contacts == {"9"}
    world.approve("activity.unknown")
    assert counts(world.deliver()) == {"associate": 10, "unchanged": 71}
    assert world.place.of(some[-1]).contacts == {"9"}


def test_associations_go_on_once_enough_numbers_are_known_again(world: DeliveryWorld) -> None:
    world.crm = {"contacts": "people"}
    for number, each in enumerate(world.calls(40, ago=3 * DAY, prefix="a")):
        world.attribute(each, "7", outcome="unknown" if number < 8 else "matched")
    world.deliver()
    some = world.calls(40, ago=DAY, prefix="b")
    for number, each in enumerate(some):
        world.attribute(each, *([] if number < 30 else ["9"]), outcome="unknown" if number < 30 else "matched")
    assert held(world.deliver()) == [("activity.unknown", 10)]
    for each in some[:30]:
        world.attribute(each, "8")
    report = world.deliver()
    assert (report.counts["associate"], held(report)) == (40, [])
