"""Which calls and messages a sink gets, and when."""

from __future__ import annotations

import pytest

from syncd.errors import ConfigError
from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts, held
from tests.worlds.memory_sink import lost

AFTER, PATIENCE = 120.0, 2_700.0


def test_an_open_call_is_never_delivered(world: DeliveryWorld) -> None:
    call = world.call(lasts=None, ago=5 * DAY)
    assert counts(world.deliver()) == {}
    world.again("c1", end_time=world.sent["c1"]["start_time"], duration=0)
    assert counts(world.deliver()) == {"create": 1}
    assert world.place.identities() == [call]


def test_a_call_whose_end_a_list_shows_is_delivered_at_once(world: DeliveryWorld) -> None:
    world.call(ago=70, lasts=60)
    assert counts(world.deliver()) == {"create": 1}


def test_a_call_that_only_events_told_of_is_delivered_once_no_leg_has_followed(world: DeliveryWorld) -> None:
    call = world.ring("c1")
    report = world.deliver()
    assert (counts(report), report.next_due, world.status(call)) == ({"waiting": 1}, world.now + AFTER, "waiting")
    world.later(60)
    world.ring("c1", start_time=world.moment(-30))
    world.later(AFTER - 61)
    assert counts(world.deliver()) == {"waiting": 1}
    world.later(62)
    assert counts(world.deliver()) == {"create": 1}


def test_what_comes_late_is_an_update(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.transcribe("c1", "About the roof")
    assert counts(world.deliver()) == {"update": 1}
    assert world.place.of(call).fields["transcription"] == "All of About the roof"


@pytest.mark.parametrize("why", ["write: once", "a sink that cannot update"])
def test_a_call_that_is_delivered_once_waits_for_its_summary(world: DeliveryWorld, why: str) -> None:
    if why == "write: once":
        world.crm = {"calls": {"write": "once"}}
    else:
        world.options = {"updates": False}
    call = world.call(ago=60, lasts=60)
    report = world.deliver()
    assert (counts(report), report.next_due) == ({"waiting": 1}, world.now + PATIENCE)
    world.transcribe("c1", "About the roof")
    assert counts(world.deliver()) == {"create": 1}
    world.call("c1", remote_name="Ann Lee")
    assert counts(world.deliver()) == {"unchanged": 1}
    assert world.place.of(call).fields["title"] == "incoming call Joe Poe"
    world.call("c2", ago=60, lasts=60)
    world.later(PATIENCE + 1)
    assert counts(world.deliver()) == {"create": 1, "unchanged": 1}


def test_settle_is_each_sinks_own(world: DeliveryWorld) -> None:
    world.crm = {"settle": {"after": "30s"}}
    world.ring("c1")
    world.later(29)
    assert counts(world.deliver()) == {"waiting": 1}
    world.later(2)
    assert counts(world.deliver()) == {"create": 1}


def test_messages_are_delivered_at_once_and_their_status_later(world: DeliveryWorld) -> None:
    message = world.message(ago=1, status="sent")
    assert counts(world.deliver()) == {"create": 1}
    world.message(ago=2, status="delivered")
    assert counts(world.deliver()) == {"update": 1}
    assert world.place.of(message).fields["status"] == "delivered"


def test_never_means_never(world: DeliveryWorld) -> None:
    world.crm = {"calls": "never"}
    world.call()
    message = world.message()
    world.deliver()
    assert world.place.identities() == [message]


def test_only_what_the_condition_is_true_for(world: DeliveryWorld) -> None:
    world.crm = {"where": "duration >= 5 AND coalesce(remote_name, '') <> 'Joe Poe'"}
    world.call("short", duration=3, remote_name="Ann Lee")
    world.call("joe")
    wanted = world.call("ann", remote_name="Ann Lee")
    # A column that messages lack does not keep them away.
    message = world.message()
    assert counts(world.deliver()) == {"create": 2}
    assert sorted(world.place.identities()) == [wanted, message]
    world.crm = {}
    assert counts(world.deliver()) == {"create": 2, "unchanged": 2}


def test_a_condition_that_is_none_is_named_with_its_place(world: DeliveryWorld) -> None:
    world.crm = {"where": "duration >>> 5"}
    world.call()
    error = world.deliver().error
    assert isinstance(error, ConfigError)
    assert "sinks.crm.where: SQLite cannot evaluate it" in str(error)
    assert "the columns of syncd activity list --json" in str(error)


def test_what_a_sink_has_stays_when_the_condition_excludes_it(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.crm = {"where": "duration > 1000"}
    world.call("c1", remote_name="Ann Lee")
    assert counts(world.deliver()) == {"unchanged": 1}
    assert world.place.of(call).fields["title"] == "incoming call Joe Poe"


def test_a_late_contact_is_an_association_and_never_a_new_record(world: DeliveryWorld) -> None:
    world.crm = {"contacts": "people"}
    call = world.call()
    world.deliver()
    world.attribute(call, "7")
    assert counts(world.deliver()) == {"associate": 1}
    world.attribute(call, "8")
    world.deliver()
    # An association is never removed, whoever has the number now.
    assert (world.place.identities(), world.place.of(call).contacts) == ([call], {"7", "8"})


def test_contacts_of_other_sources_are_not_this_sinks(world: DeliveryWorld) -> None:
    call = world.call()
    world.attribute(call, "7")
    world.deliver()
    assert world.place.of(call).contacts == set()


def test_a_contact_that_the_sink_does_not_have_is_not_asked_for_again_and_again(world: DeliveryWorld) -> None:
    world.crm = {"contacts": "people"}
    world.place.strangers = {"7"}
    call = world.call()
    world.attribute(call, "7", "8")
    report = world.deliver()
    assert (report.missing, world.place.of(call).contacts) == (1, {"8"})
    world.place.sent()
    world.deliver()
    assert world.place.sent() == []


def test_texts_that_were_removed_here_stay_at_the_sink(world: DeliveryWorld) -> None:
    call = world.call()
    world.transcribe("c1", "About the roof")
    world.deliver()
    with world.store() as store:
        store.activities.drop_texts("call", world.now)
    world.call("c1", remote_name="Ann Lee")
    assert counts(world.deliver()) == {"unchanged": 1}
    assert world.place.of(call).fields["summary"] == "About the roof"
    with world.store() as store:
        store.activities.remove("call", ["c1"])
    world.crm = {"calls": {"title": "{direction}"}}
    assert counts(world.deliver()) == {"unchanged": 1}


def test_the_owner_of_what_is_awaited_stays(world: DeliveryWorld) -> None:
    from syncd.activity.delivering.awaiting import awaited

    world.crm = {"messages": {"group": "day"}}
    first, second = world.call("c1"), world.ring("c2")
    messages = [world.message("m1", ago=HOUR), world.message("m2", ago=HOUR / 2)]
    world.place.faults = [lost]
    world.deliver()
    with world.store() as store:
        assert awaited(store, world.settings()) >= {first, second, *messages}
    world.later(PATIENCE)
    world.deliver()
    with world.store() as store:
        assert awaited(store, world.settings()) == frozenset()


def test_a_dry_run_sends_and_writes_nothing(world: DeliveryWorld) -> None:
    world.crm = {"at_most": {"older": "7d"}}
    world.call("c1")
    world.call("old", ago=8 * DAY)
    world.ring("c2")
    report = world.deliver(dry_run=True)
    assert (counts(report), held(report)) == ({"create": 1, "held": 1, "waiting": 1}, [("activity.old", 1)])
    with world.store() as store:
        assert store.rows("SELECT * FROM delivery") == []
    assert world.place.calls == []
    assert counts(world.deliver()) == {"create": 1, "held": 1, "waiting": 1}
    assert counts(world.deliver(dry_run=True)) == {"unchanged": 1, "held": 1, "waiting": 1}


def test_a_recording_that_is_fetched_later_is_part_of_the_call_then(world: DeliveryWorld) -> None:
    part = {"type": "User", "name": "Ann Lee", "extension": "101", "start_time": world.moment(-HOUR), "duration": 60}
    world.call(journey=[{**part, "answered": True, "recording_url": "https://api.example.com/v1/media/rec_1"}])
    with world.store() as store:
        [row] = store.activities.select(kind="call")
        before = store.changes.newest()
        assert row["segments"][0]["media_id"] == "rec_1"
        assert "path" not in row["segments"][0]
        store.media.change("rec_1", state="kept", path="2026-03-10/rec_1.mp3")
        [row] = store.activities.select(kind="call")
        assert row["segments"][0]["path"] == "2026-03-10/rec_1.mp3"
        assert [each.key for page in store.changes.since("call", before) for each in page] == ["c1"]
        # A file that is removed is no news: the record keeps its address.
        before = store.changes.newest()
        store.media.expire(["rec_1"])
        assert list(store.changes.since("call", before)) == []
