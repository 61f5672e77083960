"""Invented traffic: the same for the same seed, of every kind, from the past up to now at any speed."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.phones_in_memory import PhoneWorld

DAY = 86_400.0
BEGIN = 1_799_971_200.0 - 3 * DAY


def calls_of(seed: int = 1, asked: tuple[float, ...] = (3 * DAY,)) -> list[dict[str, Any]]:
    """Return the calls of three days, after the clock was moved and asked so often."""
    with closing(PhoneWorld()) as held:
        held.clock.now = BEGIN
        held.phones.traffic(200, seed, since=BEGIN)
        for wait in asked:
            held.clock.now = BEGIN + wait
            held.phones.truth_calls()
        held.clock.now = BEGIN + 4 * DAY
        return [row for row in held.phones.truth_calls() if row["start_time"] < "2027-01-15"]


def test_a_seed_makes_the_same_calls_however_often_the_clock_was_looked_at() -> None:
    once = calls_of()
    assert once == calls_of(asked=(100.0, DAY - 1, DAY, 2.5 * DAY, 3 * DAY))
    assert {row["call_id"] for row in once}.isdisjoint(row["call_id"] for row in calls_of(seed=2))


def test_traffic_is_of_every_kind(world: PhoneWorld) -> None:
    world.phones.traffic(1000, since=world.clock.now - 2 * DAY)
    calls, messages = world.phones.truth_calls(), world.phones.truth_messages()
    assert (1_600 < len(calls) < 2_400, 600 < len(messages) < 1_000) == (True, True)
    for name, kinds in {
        "direction": {"incoming", "outgoing", "internal"},
        "status": {"answered", "missed"} | {row["status"] for row in calls if row["end_time"] is None},
    }.items():
        assert {row[name] for row in calls} == kinds
    segments = [segment for row in calls for segment in row["journey"]]
    assert {each["type"] for each in segments} == {"AutoAttendant", "HuntGroup", "CallCenter", "User"}
    assert any(row["remote_number"] == "" for row in calls)
    assert any(row["summary"] for row in calls)
    assert any(each["recording_url"] for each in segments)
    assert {row["channel"] for row in messages} == {"text", "whatsapp"}
    assert Counter(row["status"] for row in messages).keys() >= {"delivered", "failed", "read"}
    assert any(row["attachments"] for row in messages)


def test_every_number_is_one_of_fiction(world: PhoneWorld) -> None:
    world.phones.traffic(500, since=world.clock.now - DAY)
    rows = [*world.phones.truth_calls(), *world.phones.truth_messages()]
    numbers = {row["remote_number"] for row in rows if row.get("direction") != "internal"} - {""}
    assert numbers
    # An internal message's other side is an extension.
    assert all(number[3:6] == "555" for number in numbers)


def test_contacts_of_the_sandbox_call() -> None:
    with Sandbox(limits=None, seed=5) as sandbox:
        known = {number for each in sandbox.store.contacts() for number in each["fields"]["Phone"].split(";")}
        sandbox.phones.traffic(200, since=time.time() - DAY)
        calling = {row["remote_number"] for row in sandbox.phones.truth_calls()}
    assert known <= calling


def test_a_transcript_comes_5_to_30_minutes_after_the_call(world: PhoneWorld) -> None:
    world.phones.traffic(300, since=world.clock.now - DAY)
    late = [segment.text_at - call.end for call in world.phones.calls for segment in call.segments if segment.summary]
    assert late
    assert all(300 <= each <= 1800 for each in late)


def test_what_is_past_is_there_and_only_what_follows_is_announced(world: PhoneWorld) -> None:
    world.endpoint("call.started")
    world.phones.traffic(2000, since=world.clock.now - DAY)
    assert len(world.phones.truth_calls()) > 1000
    assert world.send() == []
    before = len(world.phones.truth_calls())
    world.clock.now += 12 * 3600
    started = {event["data"]["call_id"] for event in world.send()}
    # A call may be in the menu still, without a leg, at the beginning and at the end of this time.
    assert len(world.phones.truth_calls()) - before == pytest.approx(len(started), abs=5)
    assert len(started) > 500


def test_a_fast_clock_runs_from_the_past_up_to_now() -> None:
    with closing(PhoneWorld(speed=600, since=1_800_000_000.0 - DAY)) as held:
        held.endpoint("call.started")
        held.phones.traffic(2000)
        assert held.phones.truth_calls() == []
        seen = []
        for wait in (36, 36, 36, 36, 3600):
            held.clock.now += wait
            seen.append(held.phones.clock.now() - (1_800_000_000.0 - DAY))
        # A quarter of a day each, until it has caught up.
        assert seen == [21_600, 43_200, 64_800, 86_400, pytest.approx(DAY + 144 + 3600, abs=200)]
        sent = held.send()
        assert 1_500 < len({event["data"]["call_id"] for event in sent}) < 2_500
        # The dates run fast, the signature is of now.
        assert sent[0]["timestamp"] < "2027-01-14T10"
        assert held.desk.sender.attempts[0].signed_at == int(held.clock.now)


@pytest.mark.parametrize("rows", ["call", "legs"])
def test_a_complete_list_says_what_is_true(rows: str) -> None:
    with closing(PhoneWorld(journey="with_text", call_rows=rows, call_listed="start", list_cap="100")) as held:
        held.phones.traffic(300, since=held.clock.now - 3 * DAY)
        pages = [held.page("/calls", page=page, limit=100) for page in range(1, 60)]
        listed = [row for page in pages for row in page["calls"]]
        truth = {row["call_id"]: row for row in held.phones.truth_calls()}
        assert {row["call_id"] for row in listed} == set(truth)
        assert len(listed) == pages[0]["meta"]["total_calls"]
        if rows == "call":
            texts = ("summary", "transcription")
            bare = [{name: value for name, value in row.items() if name not in texts} for row in truth.values()]
            assert sorted(map(json.dumps, listed)) == sorted(map(json.dumps, bare))
        assert held.messages(limit=500)
