"""Events, days, media, endpoints and facts in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.activity.store.days import Day
from syncd.activity.store.events import Event
from syncd.activity.store.media import Item
from syncd.activity.store.messaging import Outgoing
from syncd.activity.store.store import ActivityStore
from syncd.activity.store.webhooks import Endpoint
from syncd.core.activity.media.trying import NEVER
from tests.worlds.phone_calls import NOON


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ActivityStore]:
    with ActivityStore(tmp_path / "activity.db", clock=lambda: NOON) as opened:
        yield opened


def event(identity: str = "evt_1", content: str = "digest", **fields: object) -> Event:
    known = Event(identity, "call.ended", NOON, NOON, NOON, "webhook", b'{"id": 1}', content, "c1", "new")
    return replace(known, **fields)  # type: ignore[arg-type]


def test_an_event_is_stored_once_by_id_and_by_content(store: ActivityStore) -> None:
    assert store.events.add(event())
    assert not store.events.add(event())
    assert not store.events.add(event("evt_2"))
    assert store.events.add(event("evt_2", "other"))
    assert [each.id for each in store.events.unprocessed(10)] == ["evt_1", "evt_2"]
    assert store.events.of("c1")[0] == event()


def test_a_stale_event_gives_way_to_a_fresh_delivery_and_not_the_other_way(store: ActivityStore) -> None:
    assert store.events.add(event(outcome="stale"))
    assert not store.events.add(event(outcome="stale"))
    assert store.events.add(event("evt_2"))
    assert not store.events.add(event("evt_3", outcome="stale"))
    assert [(each.id, each.outcome) for each in store.events.of("c1")] == [("evt_2", "new")]


def test_events_are_merged_once_and_read_by_their_time(store: ActivityStore) -> None:
    with store.write():
        for number in range(1_234):
            store.events.add(event(f"evt_{number}", str(number), received=NOON + number // 10))
    store.events.processed([f"evt_{number}" for number in range(1_230)])
    assert [each.id for each in store.events.unprocessed(2)] == ["evt_1230", "evt_1231"]
    assert [each.id for each in store.events.range(NOON + 1, NOON + 100)] == [f"evt_{n}" for n in range(10, 1_000)]
    assert store.events.drop(NOON + 1e6) == 1_230
    assert len(list(store.events.range(0, NOON + 1e6))) == 4


def test_days_and_what_they_hold(store: ActivityStore) -> None:
    day = Day("call", "2026-03-10", total=2, pages=1, read_at=NOON, state="read", by_webhook=1)
    assert store.days.get("call", day.day) is None
    store.days.put(day)
    store.days.put(replace(day, state="proved", proved_at=NOON))
    store.days.put(Day("message", "2026-03-09"))
    assert store.days.get("call", day.day) == replace(day, state="proved", proved_at=NOON)
    assert [each.day for each in store.days.all()] == ["2026-03-09", "2026-03-10"]
    store.days.set_members("call", day.day, ["a", "b"])
    store.days.add_members("call", "2026-03-11", ["b", "c", "c"])
    store.days.add_members("message", "2026-03-11", ["d"])
    assert store.days.members("call", day.day) == {"a", "b"}
    assert store.days.count("call", "2026-03-10", "2026-03-11") == 3
    store.days.set_members("call", day.day, ["a"])
    store.days.drop_window("call", "2026-03-11")
    assert (store.days.windows("call"), store.days.members("call", day.day)) == ([day.day], {"a"})


def test_a_next_try_of_a_clock_that_was_wrong_is_due(store: ActivityStore) -> None:
    item = Item("rec_1", "recording", "call:c1", 1, next_try=NOON + 8 * 86_400)
    for each in (
        item,
        replace(item, media_id="rec_2", next_try=NOON + 86_400),
        replace(item, media_id="rec_3", next_try=NEVER),
    ):
        store.media.put(each)
    assert [each.media_id for each in store.media.due(NOON, 9)] == ["rec_1"]
    assert store.media.count_due(NOON, "recording") == 1


def test_media_are_due_when_their_next_try_is(store: ActivityStore) -> None:
    item = Item("rec_1", "recording", "call:c1", 1, at=NOON)
    for each in (item, replace(item, media_id="rec_2", next_try=NOON + 60), replace(item, media_id="att_1", kind="x")):
        store.media.put(each)
    assert [each.media_id for each in store.media.due(NOON, 10, "recording")] == ["rec_1"]
    assert len(store.media.due(NOON + 60, 10)) == 3
    store.media.put(replace(item, state="kept", path="a.mp3", fetched=NOON))
    assert [each.path for each in store.media.in_state("kept")] == ["a.mp3"]
    assert store.media.get("rec_1") == replace(item, state="kept", path="a.mp3", fetched=NOON)


def test_endpoints_and_facts(store: ActivityStore) -> None:
    endpoint = Endpoint("syncd-7f3a", "https://hooks.example.com/v", "[]", NOON)
    store.webhooks.put(endpoint)
    store.webhooks.put(replace(endpoint, id="12", state="active"))
    assert store.webhooks.all() == [store.webhooks.get("syncd-7f3a")] == [replace(endpoint, id="12", state="active")]
    store.webhooks.drop("syncd-7f3a")
    assert store.webhooks.all() == []
    store.facts.set("company", "123")
    assert store.facts.get("company") == "123"
    store.facts.set("company", None)
    assert store.facts.get("company") is None


def test_a_part_takes_part_in_the_transaction_around_it(store: ActivityStore) -> None:
    def broken_off() -> None:
        with store.write():
            store.events.add(event())
            store.facts.set("position", "2")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert (store.events.unprocessed(10), store.facts.get("position")) == ([], None)


def test_whatever_an_event_is_called_it_is_merged_once(store: ActivityStore) -> None:
    names = ["a\0b", "\0", 'quoted"', "ünïcode"]
    for name in names:
        store.events.add(event(name, name))
    store.events.processed(names)
    assert store.events.unprocessed(10) == []


def test_a_number_that_is_forgotten_while_it_is_written_to_does_not_come_back(store: ActivityStore) -> None:
    message = Outgoing("1", "2125550199", "2125550111", "digest", store.clock())
    store.outgoing.put(message)
    store.erasing.erase(message.remote, store.erasing.traces(message.remote))
    store.outgoing.settle(replace(message, state="sent"))
    assert store.outgoing.newest(5) == []
    store.outgoing.put(message)
    store.outgoing.settle(replace(message, state="sent", message="text:m1", looks=1))
    assert store.outgoing.newest(5) == [replace(message, state="sent", message="text:m1", looks=1)]
