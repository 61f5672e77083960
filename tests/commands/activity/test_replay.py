"""``syncd activity replay``: stored events merged again, and rows derived anew into what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import errors
from tests.worlds.phone_day import DAY, PhoneDay

TABLES = ("call", "message", "media", "text", "day", "listed", "event")


def contents(day: PhoneDay) -> dict[str, list[Any]]:
    with day.store() as store:
        tables = {name: store.records(f"SELECT * FROM {name}") for name in TABLES}
    # When a row was last written is its own matter.
    return {
        name: [{**row, "changed": 0, "revision": 0} for row in sorted(rows, key=repr)] for name, rows in tables.items()
    }


def replayed(day: PhoneDay, *options: str) -> dict[str, Any]:
    code, out, err = day.syncd("activity", "replay", "--json", *options)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def counts(new: int, changed: int, unchanged: int) -> dict[str, int]:
    return {"new": new, "changed": changed, "unchanged": unchanged}


@pytest.fixture
def told(phone_day: PhoneDay) -> PhoneDay:
    """The day, with events that were merged: of a listed call, its text, a call that no list has, and a test."""
    leg = {"direction": "incoming", "extension": "101", "start_time": f"{DAY}T15:00:00Z"}
    phone_day.receive("call.started", "15:00:00", identity="c_new", remote_number="2125550109", **leg)
    phone_day.receive("call.ended", "15:01:00", identity="c_new", end_time=f"{DAY}T15:01:00Z", duration=40, **leg)
    phone_day.receive("call.transcription", "09:05:00", identity=phone_day.answered, summary="Ann called.")
    phone_day.receive("message.status_updated", "13:30:00", identity=phone_day.photo, channel="text", status="read")
    assert replayed(phone_day)["events"] == 4
    return phone_day


def unnumbered(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the contents without what says when a row changed last."""
    return {table: [{**row, "revision": 0} for row in rows] for table, rows in found.items() if table != "fact"}


def test_events_that_are_merged_again_change_nothing(told: PhoneDay) -> None:
    before = contents(told)
    found = replayed(told)
    assert (found["calls"], found["messages"]) == (counts(0, 0, 2), counts(0, 0, 1))
    assert contents(told) == before
    [row] = [row for row in told.listed() if row["id"] == "c_new"]
    assert (row["status"], row["duration"]) == ("answered", 40)


def test_a_rebuild_gives_the_same_rows(told: PhoneDay) -> None:
    before, listed = contents(told), told.listed()
    found = replayed(told, "--rebuild")
    assert (found["calls"], found["messages"]) == (counts(0, 0, 4), counts(0, 0, 2))
    assert contents(told) == before
    assert told.listed() == listed


def test_a_rebuild_mends_what_is_derived_and_keeps_what_only_lists_said(told: PhoneDay) -> None:
    before, listed = contents(told), told.listed()
    with told.store() as store:
        store.execute("UPDATE call SET segments = '[]'")
        store.execute("UPDATE call SET status = 'missed', remote = '1', talk = 0, digest = 0, summary = 0")
        store.execute("UPDATE message SET remote = NULL, sent = NULL, digest = 0")
        store.execute("DELETE FROM media WHERE state = 'wanted'")
    assert told.listed() != listed
    assert replayed(told, "--rebuild", "--dry-run")["calls"] == counts(0, 4, 0)
    assert told.listed() != listed
    found = replayed(told, "--rebuild")
    assert (found["calls"], found["messages"]) == (counts(0, 4, 0), counts(0, 2, 0))
    assert unnumbered(contents(told)) == unnumbered(before)


def test_a_rebuild_writes_parts_also_of_what_has_not_changed(told: PhoneDay) -> None:
    before = contents(told)
    with told.store() as store:
        store.execute("UPDATE call SET segments = '[]'")
    assert replayed(told, "--rebuild")["calls"] == counts(0, 0, 4)
    assert contents(told) == before


def test_a_rebuild_leaves_what_is_left_out_alone(told: PhoneDay) -> None:
    told.world.activity = {"store": "activity.db", "only": "status <> 'missed'"}
    told.world.settings()
    assert replayed(told, "--rebuild")["calls"] == counts(0, 1, 3)
    before = contents(told)
    assert replayed(told, "--rebuild")["calls"] == counts(0, 0, 3)
    assert contents(told) == before


def test_a_call_that_was_lost_comes_back_from_its_events(told: PhoneDay) -> None:
    listed = told.listed()
    for rebuild in ((), ("--rebuild",)):
        with told.store() as store:
            store.execute("DELETE FROM call WHERE call_id = 'c_new'")
        assert replayed(told, "--dry-run", *rebuild)["calls"]["new"] == 1
        assert told.listed() != listed
        assert replayed(told, *rebuild)["calls"]["new"] == 1
        assert told.listed() == listed


def test_a_dry_run_stores_nothing(told: PhoneDay) -> None:
    later = {"channel": "text", "status": "failed", "updated_at": "2030-01-01T00:00:00Z"}
    told.receive("message.status_updated", "13:40:00", identity=told.photo, **later)
    before = contents(told)
    found = replayed(told, "--dry-run")
    assert found["messages"] == counts(0, 1, 0)
    assert contents(told) == before
    assert replayed(told)["messages"] == counts(0, 1, 0)


def test_only_the_events_of_some_days(told: PhoneDay) -> None:
    assert replayed(told, "--events", DAY)["events"] == 4
    assert replayed(told, "--events", "..2026-03-09")["events"] == 0
    assert replayed(told, "--events", "2026-03-11..", "--rebuild")["calls"] == counts(0, 0, 4)


def test_stale_events_stay_out_and_emptied_ones_are_counted(told: PhoneDay) -> None:
    told.receive("call.ended", "10:30:00", identity=told.missed, outcome="stale", duration=5)
    with told.store() as store:
        store.execute("UPDATE event SET raw = NULL WHERE subject = 'c_new'")
    before = contents(told)
    found = replayed(told)
    assert (found["events"], found["emptied"]) == (2, 2)
    assert contents(told) == before
    # What the removed events have said stays in a rebuild.
    replayed(told, "--rebuild")
    assert contents(told) == before


def test_an_id_that_two_channels_have_is_merged_once_for_each(told: PhoneDay) -> None:
    told.receive("message.received", "12:01:00", identity=told.sms, channel="whatsapp", body="Hi")
    assert replayed(told)["messages"] == counts(1, 0, 1)
    before = contents(told)
    found = replayed(told, "--rebuild")
    assert (found["events"], found["messages"]) == (5, counts(0, 0, 3))
    assert contents(told) == before


def test_days_that_are_none_are_refused(phone_day: PhoneDay) -> None:
    code, _, err = phone_day.syncd("activity", "replay", "--events", "2026-13-01")
    assert code == 2
    assert "--events '2026-13-01': write days" in errors(err)[0]


def test_the_text_form(told: PhoneDay) -> None:
    code, out, _ = told.syncd("activity", "replay", "--rebuild", "--dry-run")
    assert code == 0
    assert out.splitlines() == [
        "events: 4 events merged again",
        "calls: 0 new, 0 changed, 4 as they were",
        "messages: 0 new, 0 changed, 2 as they were",
        "Dry run: nothing was stored.",
    ]
