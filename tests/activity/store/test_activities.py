"""Calls and messages in the store: taken in, shown, and asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.activity.store.store import ActivityStore
from syncd.activity.store.taking import Counts
from syncd.core.activity.instants import seconds
from syncd.core.activity.observations import Kind, Observation
from tests.worlds.phone_calls import NOON, call, clock, event, leg, listed, message, part

LATER = NOON + 4 * 3600
"""16:00, after all calls."""

ENDED = leg("ended", "14:31:10", end_time=clock("14:31:10"), duration=70)
TEXT = leg("transcription", "14:40:00", summary="About the roof", transcription="Hello.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ActivityStore]:
    with ActivityStore(tmp_path / "activity.db", clock=lambda: LATER) as opened:
        yield opened


def by_list(store: ActivityStore, *observations: Observation, digest: int = 7) -> Counts:
    digests = {each.key: digest for each in observations}
    return store.activities.take(observations, by="list", arrived=LATER, digests=digests)


def by_event(store: ActivityStore, *observations: Observation) -> Counts:
    return store.activities.take(observations, by="webhook", arrived=LATER)


def test_a_call_is_shown_as_the_contract_says(store: ActivityStore) -> None:
    row = call()
    row["journey"][1]["recording_url"] = "https://api.vocatech.com/v1/media/rec_84729"
    by_event(store, TEXT)
    by_list(store, listed(row, LATER))
    [found] = store.activities.select()
    assert found == {
        "kind": "call",
        "id": "c1",
        "direction": "incoming",
        "status": "answered",
        "outcome": "answered",
        "remote_number": "2125550101",
        "remote_name": "Joe Poe",
        "own_number": "2125550199",
        "extension": "101",
        "extension_name": "Ann Lee",
        "start_time": "2026-03-10T14:30:00Z",
        "answer_time": "2026-03-10T14:30:20Z",
        "end_time": "2026-03-10T14:31:10Z",
        "duration": 70,
        "talk": 50,
        "summary": "About the roof",
        "transcription": "Hello.",
        "segments": [
            {
                "n": 1,
                "type": "HuntGroup",
                "name": "HuntGroup 300",
                "extension": "300",
                "start_time": "2026-03-10T14:30:00Z",
                "duration": 20,
                "answered": False,
                "media_id": None,
            },
            {
                "n": 2,
                "type": "User",
                "name": "User 101",
                "extension": "101",
                "start_time": "2026-03-10T14:30:20Z",
                "duration": 50,
                "answered": True,
                "media_id": "rec_84729",
            },
        ],
        "first_by": "webhook",
        "settled": True,
        "missing_since": None,
        "attribution": None,
        "contacts": [],
    }
    record = store.activities.call("c1")
    assert record
    assert (record.row, record.columns["listed_rows"], record.columns["row"]) == (found, 1, 7)


def test_a_message_is_shown_as_the_contract_says(store: ActivityStore) -> None:
    files = [{"id": "att_1", "content_type": "image/jpeg", "filename": "roof.jpg", "size": 10}]
    by_list(store, listed(message(attachments=files), LATER))
    [found] = store.activities.select()
    assert found == {
        "kind": "message",
        "id": "c1",
        "channel": "text",
        "direction": "incoming",
        "status": "delivered",
        "remote_number": "2125550101",
        "own_number": "2125550199",
        "body": "Hello",
        "sent_at": "2026-03-10T14:30:00Z",
        "attachments": [{"media_id": "att_1", **{k: v for k, v in files[0].items() if k != "id"}, "path": None}],
        "first_by": "list",
        "missing_since": None,
        "attribution": None,
        "contacts": [],
    }


def test_new_changed_and_unchanged_are_counted_by_activity(store: ActivityStore) -> None:
    others = [listed(call(call_id=f"c{number}")) for number in (2, 3)]
    assert by_event(store, ENDED, TEXT) == Counts(new=1)
    assert by_list(store, listed(call(), LATER), *others) == Counts(new=2, changed=1)
    assert by_list(store, listed(call(), LATER + 60), *others) == Counts(unchanged=3)
    assert by_event(store, ENDED, TEXT) == Counts(unchanged=1)
    assert by_list(store, listed(message())) == Counts(new=1)


def test_rows_are_known_by_their_digests(store: ActivityStore) -> None:
    by_event(store, ENDED)
    assert store.activities.digests("call", ["c1", "c2"]) == {}
    by_list(store, listed(call()), listed(message(channel="whatsapp")), digest=-5)
    assert store.activities.digests("call", ["c1", "c2"]) == {"c1": -5}
    assert store.activities.digests("message", ["text:c1", "whatsapp:c1"]) == {"whatsapp:c1": -5}


def test_rows_of_one_call_are_counted(store: ActivityStore) -> None:
    by_list(store, *(listed(call(extension=each, journey=[])) for each in ("101", "102", "103")))
    record = store.activities.call("c1")
    assert record
    assert record.columns["listed_rows"] == 3


def test_a_text_and_a_whatsapp_message_may_have_one_id(store: ActivityStore) -> None:
    by_list(store, listed(message()), listed(message(channel="whatsapp", body="Other")))
    found = [store.activities.message(channel, "c1") for channel in ("text", "whatsapp")]
    assert [each and each.row["body"] for each in found] == ["Hello", "Other"]
    assert [each and store.activities.find(each.key) == each for each in found] == [True, True]


def test_what_a_days_reading_lacks_is_missing_until_it_is_seen_again(store: ActivityStore) -> None:
    by_list(store, *(listed(call(call_id=each)) for each in ("a", "b", "c")))
    store.activities.seen_in_day("call", "2026-03-10", ["a", "b"])
    assert {row["id"]: row["missing_since"] for row in store.activities.select()} == {"a": None, "b": None, "c": None}
    store.activities.seen_in_day("call", "2026-03-10", ["a"])
    missing = {row["id"]: row["missing_since"] for row in store.activities.select()}
    assert missing == {"a": None, "b": "2026-03-10T16:00:00Z", "c": None}
    by_list(store, listed(call(call_id="b")))
    assert not any(row["missing_since"] for row in store.activities.select())


def test_rows_are_chosen_by_kind_day_and_number_the_oldest_first(store: ActivityStore) -> None:
    days = [f"2026-03-{day:02}T23:59:59.000Z" for day in (9, 10, 11)]
    by_list(store, *(listed(call(call_id=f"c{n}", start_time=day)) for n, day in enumerate(days)))
    by_list(store, listed(message(sent_time="2026-03-10T00:00:00Z", remote_number="+442079460018")))
    by_event(store, event("call.transcription", "14:40:00", call_id="timeless", summary="x"))

    def ids(**how: str) -> list[str]:
        return [row["id"] for row in store.activities.select(**how)]  # type: ignore[arg-type]

    assert ids() == ["timeless", "c0", "c1", "c1", "c2"]
    assert ids(kind="call", first_day="2026-03-10") == ["c1", "c2"]
    assert ids(first_day="2026-03-10", last_day="2026-03-10") == ["c1", "c1"]
    assert ids(kind="message", last_day="2026-03-09") == []
    assert ids(number="+44 20 7946 0018") == ["c1"]
    assert ids(number="(212) 555-0199", first_day="2026-03-11") == ["c2"]


def test_all_of_many_rows_come_once(store: ActivityStore) -> None:
    # More than two pages, of equal times.
    by_list(store, *(listed(call(call_id=f"c{number}")) for number in range(1_234)))
    found = [row["id"] for row in store.activities.select(kind="call")]
    assert len(found) == len(set(found)) == 1_234


def test_open_calls_and_overdue_texts_are_found(store: ActivityStore) -> None:
    by_event(store, leg("started", "14:30:00"))
    assert store.activities.open_calls(LATER) == ["c1"]
    assert store.activities.open_calls(NOON) == []
    by_list(store, listed(call(), LATER))
    assert store.activities.open_calls(LATER) == []
    began = seconds(clock("14:30:00"))
    assert store.activities.overdue_texts(NOON, LATER) == [("c1", began)]
    assert store.activities.overdue_texts(NOON, NOON) == store.activities.overdue_texts(LATER, LATER) == []
    by_event(store, TEXT)
    assert store.activities.overdue_texts(NOON, LATER) == []


def test_a_text_is_not_overdue_once_the_day_was_read(store: ActivityStore) -> None:
    by_list(store, listed(call(), LATER))
    store.activities.seen_in_day("call", "2026-03-10", ["c1"])
    assert store.activities.overdue_texts(NOON, LATER) == []


def test_a_dropped_text_does_not_come_back(store: ActivityStore) -> None:
    by_event(store, TEXT)
    by_list(store, listed(call(), LATER), listed(message()))
    assert store.activities.drop_texts("call", LATER) == store.activities.drop_texts("message", LATER) == 1
    worded = [part(0, "User", "101", "14:30:20", 50, answered=True, summary="About the door")]
    by_event(store, TEXT, ENDED)
    by_list(store, listed(call(journey=worded), LATER + 86_400), listed(message(body="Bye")))
    called, texted = store.activities.select()
    assert (called["summary"], called["transcription"], texted["body"]) == (None, None, None)
    # Statistics stay, and the call is not taken for one whose text is overdue.
    assert (called["talk"], called["settled"]) == (50, True)
    assert store.activities.overdue_texts(NOON, LATER) == []
    assert store.scalar("SELECT count(*) FROM text") == 0
    assert store.activities.drop_texts("call", LATER) == 0


def test_no_text_is_in_a_state(store: ActivityStore) -> None:
    from syncd.activity.store.packing import unpack

    by_event(store, TEXT)
    assert "roof" not in str(unpack(store.scalar("SELECT state FROM call")))


def test_media_are_wanted_once_by_their_ids(store: ActivityStore) -> None:
    row = call()
    row["journey"][1]["recording_url"] = "https://api.vocatech.com/v1/media/rec_1?sig=secret"
    bare, full = {"id": "att_1"}, {"id": "att_1", "filename": "roof.jpg", "size": 10, "content_type": "image/jpeg"}
    by_list(store, listed(row, LATER), listed(message(attachments=[bare]), LATER))
    recording, attachment = sorted(store.media.due(LATER, 10), key=lambda item: item.kind, reverse=True)
    assert (recording.media_id, recording.kind, recording.owner, recording.n) == ("rec_1", "recording", "call:c1", 2)
    assert (attachment.owner, attachment.state, attachment.filename) == ("message:text:c1", "wanted", None)
    by_list(store, listed(row, LATER + 60), listed(message(attachments=[full]), LATER + 60))
    assert [(item.filename, item.size) for item in store.media.of("message:text:c1")] == [("roof.jpg", 10)]
    assert store.media.counts() == {"wanted": 2}


def test_old_activities_go_with_their_parts(store: ActivityStore) -> None:
    row = call(summary="About the roof")
    row["journey"][1]["recording_url"] = "/v1/media/rec_1"
    young = call(call_id="c2", start_time="2026-03-10T15:00:00Z")
    by_list(store, listed(row), listed(young), listed(message(attachments=[{"id": "att_1"}])))
    old: tuple[tuple[Kind, float], ...] = (("call", LATER - 3600), ("message", LATER))
    for kind, before in old:
        [keys] = store.activities.old(kind, before)
        store.activities.remove(kind, keys)
    assert [shown["id"] for shown in store.activities.select()] == ["c2"]
    assert store.column("SELECT id FROM text") == []
    assert store.media.counts() == {}
