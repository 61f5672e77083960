"""What may happen to a delivery, by name: the sink ends with what the rules say, and nothing twice."""

from __future__ import annotations

import pytest

from syncd.errors import SinkUnavailable
from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts, held
from tests.worlds.memory_sink import down, half, killed, killed_after, killed_between, lost, silent

MINUTE = 60.0


@pytest.fixture(params=["idempotent", "not idempotent"])
def either(world: DeliveryWorld, request: pytest.FixtureRequest) -> DeliveryWorld:
    """A sink that makes one record of an item that comes twice, and one that makes two."""
    world.options = {"idempotent": request.param == "idempotent"}
    return world


def test_a_call_is_delivered_once(either: DeliveryWorld) -> None:
    call = either.call()
    assert counts(either.deliver()) == {"create": 1}
    assert either.place.of(call).fields["title"] == "incoming call Joe Poe"
    assert either.place.sent() == [("create", call)]
    assert counts(either.deliver()) == {"unchanged": 1}
    assert either.place.sent() == []


def test_create_answer_lost(either: DeliveryWorld) -> None:
    call = either.call()
    either.deliver()
    second = either.call("c2")
    either.place.faults = [lost]
    assert isinstance(either.deliver().error, SinkUnavailable)
    assert either.status(second) == "pending"
    either.later(MINUTE)
    assert either.deliver().error is None
    assert either.place.identities() == [call, second]
    assert counts(either.deliver()) == {"unchanged": 2}


def test_create_stored_association_lost(either: DeliveryWorld) -> None:
    either.crm = {"contacts": "people"}
    call = either.call()
    either.attribute(call, "7")
    either.place.faults = [half]
    assert either.deliver().unknown == 1
    assert (either.status(call), either.place.of(call).contacts) == ("pending", set())
    either.place.sent()
    assert counts(either.deliver()) == {"associate": 1}
    assert either.place.sent() == [("associate", call)]
    assert (either.place.identities(), either.place.of(call).contacts) == ([call], {"7"})
    assert counts(either.deliver()) == {"unchanged": 1}


@pytest.mark.parametrize("fault", [killed, killed_after, killed_between])
def test_killed_between_upsert_and_association(either: DeliveryWorld, fault: object) -> None:
    either.crm = {"contacts": "people"}
    call = either.call()
    either.attribute(call, "7")
    either.place.faults = [fault]  # type: ignore[list-item]
    either.die()
    assert either.status(call) == "pending"
    # A sink whose creates are not idempotent is asked for the record first, three times if it does not show it.
    for _ in range(3):
        either.later(15 * MINUTE)
        either.deliver()
    if either.place.identities() == []:
        assert held(either.deliver()) == [("activity.doubt", 1)]
        either.approve("activity.doubt")
        either.deliver()
    assert (either.place.identities(), either.place.of(call).contacts) == ([call], {"7"})


def test_transcript_arrives_while_the_create_is_pending(either: DeliveryWorld) -> None:
    call = either.call()
    either.place.faults = [lost]
    either.deliver()
    either.transcribe("c1", "About the roof")
    either.later(MINUTE)
    either.deliver()
    assert either.place.identities() == [call]
    assert either.place.of(call).fields["summary"] == "About the roof"


def test_an_update_whose_answer_was_lost_is_no_edit_of_a_person(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.call("c1", status="missed", remote_name="Jo Poe")
    world.place.faults = [lost]
    world.deliver()
    world.call("c1", remote_name="Joseph Poe")
    assert counts(world.deliver()) == {"update": 1}
    assert world.place.of(call).fields["title"] == "incoming call Joseph Poe"


def test_person_edited_the_body_kept(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.place.of(call).fields["title"] = "Roof of the Poes"
    for name in ("Jo Poe", "Joseph Poe"):
        world.call("c1", remote_name=name, status="missed")
        report = world.deliver()
        assert (counts(report), report.kept) == ({"update": 1}, 1)
        assert world.place.of(call).fields["title"] == "Roof of the Poes"
    assert world.place.of(call).fields["status"] == "missed"


def test_state_lost_sink_has_everything_no_doubles(either: DeliveryWorld) -> None:
    calls = either.calls(30)
    either.deliver()
    with either.store() as store:
        store.execute("DELETE FROM delivery")
    either.place.sent()
    either.place.looks = 0
    report = either.deliver()
    if report.held:
        assert (held(report), either.place.sent()) == ([("activity.lost_state", 30)], [])
        assert held(either.deliver()) == [("activity.lost_state", 30)]
        either.approve("activity.lost_state")
        assert either.place.looks == 1
        # Whatever the records hold by now: the sink decides what of it is a person's.
        assert counts(either.deliver()) == {"update": 30}
    assert either.place.identities() == calls
    assert counts(either.deliver()) == {"unchanged": 30}


def test_a_store_that_was_restored_from_a_copy_does_not_make_doubles(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False}
    world.call("c1")
    world.deliver()
    copy = (world.folder / "activity.db").read_bytes()
    second = world.call("c2")
    world.later(MINUTE)
    world.deliver()
    for each in world.folder.glob("activity.db*"):
        each.unlink()
    (world.folder / "activity.db").write_bytes(copy)
    world.call("c2")
    assert held(world.deliver()) == [("activity.lost_state", 1)]
    assert world.place.identities().count(second) == 1


def test_one_bad_item_in_a_hundred(either: DeliveryWorld) -> None:
    calls = either.calls(100)
    either.place.bad = {calls[41]}
    report = either.deliver()
    assert (counts(report), report.exit_code) == ({"create": 99, "rejected": 1}, 3)
    assert sorted(either.place.identities()) == sorted({*calls} - {calls[41]})
    assert counts(either.deliver()) == {"unchanged": 99, "rejected": 1}
    # What was refused is sent again once it is another thing.
    either.place.bad = set()
    either.again_as(calls[41], remote_name="Ann Lee")
    assert counts(either.deliver()) == {"create": 1, "unchanged": 99}


def test_sink_down_for_a_day_backlog_in_order_within_its_limits(either: DeliveryWorld) -> None:
    either.options |= {"batch": 5}
    calls = []
    for hour in range(24):
        either.later(HOUR)
        calls.append(either.call(f"c{hour:02}", ago=120.0))
        either.place.faults = [down]
        assert isinstance(either.deliver().error, SinkUnavailable)
    assert either.place.identities() == []
    either.place.calls.clear()
    assert counts(either.deliver()) == {"create": 24}
    assert either.place.identities() == calls
    assert [len(each) for each in either.place.calls] == [5, 5, 5, 5, 4]


def test_a_sink_that_is_down_stops_only_itself(world: DeliveryWorld) -> None:
    world.more = {"lake": {"sink": "memory", "options": {"place": "lake"}}}
    call = world.call()
    world.place.faults = [silent]
    first, second = world.deliver_all()
    assert (type(first.error), first.exit_code, counts(second)) == (SinkUnavailable, 4, {"create": 1})
    assert world.status(call, "lake") == "accepted"


def test_backfill_waits_at_the_gate(either: DeliveryWorld) -> None:
    either.crm = {"at_most": {"creates": 50}}
    calls = either.calls(120, ago=3 * DAY)
    report = either.deliver()
    assert (held(report), report.exit_code, either.place.sent()) == ([("activity.flood", 120)], 3, [])
    digest = report.held[0]["digest"]
    # The calls of now go on, and the list that a person looks at stays the same.
    now = either.call("now")
    report = either.deliver()
    assert (counts(report), report.held[0]["digest"]) == ({"create": 1, "held": 120}, digest)
    either.approve("activity.flood")
    assert counts(either.deliver()) == {"create": 120, "unchanged": 1}
    assert either.place.identities() == [now, *calls]
    assert held(either.deliver()) == []


def test_an_approved_backfill_that_breaks_off_goes_on_without_another_approval(world: DeliveryWorld) -> None:
    world.crm, world.options = {"at_most": {"creates": 50}}, {"batch": 30}
    calls = world.calls(120)
    world.deliver()
    world.approve("activity.flood")
    world.place.faults = [None, down]
    world.deliver()
    assert len(world.place.records) == 30
    assert (held(world.deliver()), world.place.identities()) == ([], calls)


def test_limits_that_were_raised_let_a_backfill_go_on(world: DeliveryWorld) -> None:
    world.crm = {"at_most": {"creates": 50}}
    world.calls(60)
    world.deliver()
    world.crm = {"at_most": {"creates": 100}}
    assert counts(world.deliver()) == {"create": 60}


def test_what_a_look_says_nothing_of_is_not_made_by_an_approval(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False}
    calls = world.calls(3)
    world.deliver()
    with world.store() as store:
        store.execute("DELETE FROM delivery")
    assert held(world.deliver()) == [("activity.lost_state", 3)]
    world.place.untold = {calls[0]}
    world.approve("activity.lost_state")
    assert held(world.deliver()) == [("activity.doubt", 1)]
    assert world.place.identities() == calls


def test_a_sink_that_cannot_be_asked_is_not_delivered_to_twice_after_a_lost_state(world: DeliveryWorld) -> None:
    world.options = {"idempotent": False, "finds": False}
    calls = world.calls(3)
    world.deliver()
    with world.store() as store:
        store.execute("DELETE FROM delivery")
    report = world.deliver()
    assert held(report) == [("activity.lost_state", 3)]
    assert "an approval makes them once more" in report.held[0]["detail"]
    assert world.place.identities() == calls
    world.approve("activity.lost_state")
    world.deliver()
    assert world.place.identities() == [*calls, *calls]
