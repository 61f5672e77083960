"""What ``only`` leaves out: nothing of its content stays, and its id does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.store.events import Event
from syncd.activity.store.filter import Only
from syncd.activity.store.store import ActivityStore
from syncd.activity.store.taking import Counts
from syncd.core.activity.observations import Observation
from syncd.errors import ConfigError
from tests.worlds.phone_calls import NOON, call, clock, leg, listed, message

LATER = NOON + 4 * 3600
NOT_INTERNAL = "direction <> 'internal'"


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., ActivityStore]:
    return lambda only=NOT_INTERNAL: ActivityStore(tmp_path / "activity.db", clock=lambda: LATER, only=only)


def take(store: ActivityStore, *observations: Observation) -> Counts:
    digests = {each.key: 7 for each in observations}
    return store.activities.take(observations, by=observations[0].by, arrived=LATER, digests=digests)


def internal(**fields: object) -> Observation:
    return listed(call(direction="internal", remote_number="102", remote_name="Max Roe") | fields, LATER)


def shown(store: ActivityStore) -> list[str]:
    return [row["id"] for row in store.activities.select()]


def delivered(store: ActivityStore, kind: str, **fields: object) -> None:
    """Store an event and merge it, as a run does."""
    observed = leg(kind, "14:31:10", **fields)
    raw = json.dumps({"name": "Max Roe"}).encode()
    event = Event(f"evt_{kind}", f"call.{kind}", NOON, NOON, NOON, "webhook", raw, kind, "c1", "new")
    with store.write():
        assert store.events.add(event)
        take(store, observed)
        store.events.processed([event.id], "new")


def test_of_a_call_that_is_left_out_the_id_the_day_and_the_digest_stay(opened: Callable[..., ActivityStore]) -> None:
    with opened() as store:
        row = call(direction="internal", remote_name="Max Roe")
        row["journey"][1] |= {"recording_url": "/v1/media/rec_1", "summary": "About Max"}
        assert take(store, listed(row, LATER), listed(call(call_id="c2"), LATER)) == Counts(new=2)
        store.activities.seen_in_day("call", "2026-03-10", ["c1", "c2"])
        assert shown(store) == ["c2"]
        assert store.activities.digests("call", ["c1", "c2"]) == {"c1": 7, "c2": 7}
        kept = store.record("SELECT * FROM call WHERE call_id = 'c1'")
        assert kept
        assert {name for name, value in kept.items() if value not in {None, 0}} == {
            *(
                "call_id",
                "row",
                "listed_rows",
                "listed_at",
                "day",
                "first_seen",
                "first_by",
                "changed",
                "revision",
                "left_out",
            )
        }
        assert (store.column("SELECT id FROM text"), store.media.counts()) == ([], {})
        assert take(store, listed(row, LATER + 60)) == Counts(unchanged=1)


def test_events_of_a_call_that_is_left_out_lose_their_bytes(opened: Callable[..., ActivityStore]) -> None:
    with opened() as store:
        delivered(store, "started", direction="internal")
        assert shown(store) == ["c1"]  # it runs: how it ends is not known
        assert store.events.of("c1")[0].raw
        delivered(store, "ended", direction="internal", end_time=clock("14:31:10"), duration=70)
        assert shown(store) == []
        # Late news of it is not kept either.
        delivered(store, "transcription", summary="About Max")
        assert [event.raw for event in store.events.of("c1")] == [b"", b"", b""]
        assert store.column("SELECT id FROM text") == []
        assert {event.content for event in store.events.of("c1")} == {"started", "ended", "transcription"}


def test_what_an_event_does_not_say_for_sure_waits_for_the_list(opened: Callable[..., ActivityStore]) -> None:
    ended = leg("ended", "14:31:10", end_time=clock("14:31:10"), duration=0)
    with opened("talk >= 10 AND status = 'answered'") as store:
        take(store, ended)
        assert shown(store) == ["c1"]
        take(store, listed(call(status="missed", journey=[]), LATER))
        assert shown(store) == []


def test_a_call_comes_back_by_a_list_that_says_otherwise_and_not_by_an_event(
    opened: Callable[..., ActivityStore],
) -> None:
    with opened() as store:
        take(store, internal())
        assert take(store, leg("ended", "14:31:10", end_time=clock("14:31:10"))) == Counts(unchanged=1)
        assert take(store, internal(direction="incoming", end_time=None)) == Counts(unchanged=1)
        assert shown(store) == []
        assert take(store, internal(direction="incoming")) == Counts(new=1)
        assert shown(store) == ["c1"]


def test_another_condition_lets_the_lists_decide_anew(opened: Callable[..., ActivityStore]) -> None:
    with opened() as store:
        take(store, internal(), listed(call(call_id="c2")))
    with opened(None) as store:
        take(store, listed(call(call_id="c3")))
        assert store.activities.digests("call", ["c1", "c2"]) == {"c2": 7}
        take(store, internal())
        assert set(shown(store)) == {"c1", "c2", "c3"}


def test_messages_are_left_out_too(opened: Callable[..., ActivityStore]) -> None:
    with opened("channel <> 'whatsapp'") as store:
        take(store, listed(message()), listed(message(channel="whatsapp")))
        assert [row["channel"] for row in store.activities.select()] == ["text"]


ROWS: dict[str, dict[str, Any]] = {
    "call": {"kind": "call", "direction": "internal", "duration": 3, "summary": None},
    "message": {"kind": "message", "direction": "internal", "channel": "text", "body": None},
}


@pytest.mark.parametrize(
    ("sql", "kind", "kept"),
    [
        ("direction <> 'internal'", "call", False),
        ("direction <> 'internal'", "message", False),
        ("duration >= 5", "call", False),
        ("duration >= 5", "message", True),
        ("duration < 5", "message", True),
        ("coalesce(duration, 0) >= 5", "message", True),
        ("duration IS NOT NULL", "message", True),
        ("duration >= 5 AND direction <> 'internal'", "message", False),
        ("duration >= 5 OR direction <> 'internal'", "message", True),
        ("channel = 'whatsapp'", "call", True),
        ("channel = 'whatsapp'", "message", False),
        ("kind = 'call'", "message", False),
        ("summary IS NOT NULL", "call", True),  # it may come
        ("remote_number = '1'", "call", True),  # unknown is not false
        ("json_array_length(segments) > 0 -- a comment", "message", True),
        (None, "call", True),
    ],
)
def test_only_a_false_condition_leaves_out(sql: str | None, kind: str, kept: bool) -> None:
    blank = dict.fromkeys(listed_columns(kind))
    assert Only(sql).keeps(blank | ROWS[kind]) is kept


def listed_columns(kind: str) -> list[str]:
    from syncd.activity.store.filter import _COLUMNS

    return list(_COLUMNS[kind])


@pytest.mark.parametrize("sql", ["colour = 'red'", "direction =", "1; DROP TABLE call", "no_function(direction)", ""])
def test_a_condition_that_cannot_be_evaluated_is_named(sql: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"activity\.only: SQLite cannot evaluate it"):
        ActivityStore(tmp_path / "activity.db", only=sql)
    assert not list(tmp_path.iterdir())


def test_an_unmerged_event_of_the_other_channel_keeps_its_bytes(opened: Callable[..., ActivityStore]) -> None:
    other = Event("evt_1", "message.received", NOON, NOON, NOON, "webhook", b"{}", "content", "c1", "new")
    with opened("channel <> 'whatsapp'") as store:
        store.events.add(other)
        take(store, listed(message(channel="whatsapp")))
        assert store.events.unprocessed(10) == [other]
        take(store, listed(message()))
        store.events.processed(["evt_1"], "new")
        assert store.events.of("c1") == [replace(other, processed=LATER)]
