"""``syncd activity explain``: from what was said of a call or a message to what the next run does with it, and why."""

from __future__ import annotations

import pytest

from tests.worlds.commands import errors
from tests.worlds.phone_day import DAY, PhoneDay


def test_a_call_is_explained_by_its_lists_texts_files_and_day(phone_day: PhoneDay) -> None:
    found = phone_day.explained(phone_day.recorded)
    assert (found["names"], found["kind"], found["left_out"]) == ("call", "call", False)
    [row] = phone_day.listed("--number", "2125550103")
    assert found["activity"] == row
    assert found["events"] == []
    assert len(found["lists"]["rows"]) == 1
    assert {(text["what"], text["by"], text["shown"]) for text in found["texts"]} == {
        ("summary", "list", True),
        ("transcription", "list", True),
    }
    assert [item["state"] for item in found["media"]] == ["wanted"]
    assert [(day["day"], day["state"]) for day in found["days"]] == [(DAY, "read")]
    assert [each["do"] for each in found["next"]] == ["attribute", "read", "nothing"]
    assert "a second reading that is equal proves it" in found["next"][1]["why"]
    assert "activity.recordings is not configured" in found["next"][2]["why"]


def test_a_file_and_an_event_lead_to_their_call(phone_day: PhoneDay) -> None:
    phone_day.receive("call.ended", "09:01:00", identity=phone_day.recorded)
    media = phone_day.explained(phone_day.recorded)["media"][0]["media_id"]
    for identity in (media, "evt_call.ended_09:01:00"):
        found = phone_day.explained(identity)
        assert (found["id"], found["kind"], found["key"]) == (identity, "call", phone_day.recorded)
        assert [event["id"] for event in found["events"]] == ["evt_call.ended_09:01:00"]
        assert found["next"][0] == {"do": "merge", "why": "1 event is not merged yet", "at": None}


def test_a_message_is_explained_by_its_id_and_its_files(phone_day: PhoneDay) -> None:
    found = phone_day.explained(phone_day.photo)
    assert (found["kind"], found["key"]) == ("message", f"text:{phone_day.photo}")
    assert found["activity"]["body"] == "The door"
    [item] = found["media"]
    assert (item["kind"], item["filename"]) == ("attachment", "door.jpg")
    assert phone_day.explained(item["media_id"])["key"] == phone_day.explained(f"text:{phone_day.photo}")["key"]


def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one(phone_day: PhoneDay) -> None:
    assert phone_day.explained(phone_day.answered[:12])["id"] == phone_day.answered
    code, _, err = phone_day.syncd("activity", "explain", "sms_")
    assert code == 2
    assert f"message text:{phone_day.sms}, message text:{phone_day.photo}: write the whole id" in errors(err)[0]


def test_a_whole_id_counts_more_than_the_beginning_of_another(phone_day: PhoneDay) -> None:
    values = {"type": "webhook.test", "received": 1.0, "origin": "webhook", "outcome": "new", "processed": 2.0}
    with phone_day.store() as store:
        for identity in ("evt_1", "evt_12"):
            store.put("event", id=identity, content=identity, **values)
    assert phone_day.explained("evt_1")["id"] == "evt_1"


@pytest.mark.parametrize("identity", ["nobody", "%", "", "text:", "evt_"])
def test_an_unknown_id_is_an_error_that_says_where_ids_are(phone_day: PhoneDay, identity: str) -> None:
    code, _, err = phone_day.syncd("activity", "explain", identity)
    assert code == 2
    if identity != "text:":
        assert "no call, message, file or event has this id" in errors(err)[0]


def test_one_id_in_two_channels_is_asked_for_with_its_channel(phone_day: PhoneDay) -> None:
    phone_day.receive("message.received", "12:01:00", identity=phone_day.sms, channel="whatsapp", body="Hi")
    assert phone_day.syncd("activity", "replay")[0] == 0
    code, _, err = phone_day.syncd("activity", "explain", phone_day.sms)
    assert code == 2
    assert f"message text:{phone_day.sms}, message whatsapp:{phone_day.sms}" in errors(err)[0]
    found = phone_day.explained(f"whatsapp:{phone_day.sms}")
    assert found["activity"]["body"] == "Hi"
    assert len(found["events"]) == 1
    assert phone_day.explained(f"text:{phone_day.sms}")["events"] == []


def test_an_event_of_a_call_that_no_list_has_shown(phone_day: PhoneDay) -> None:
    leg = {"direction": "incoming", "extension": "101", "start_time": f"{DAY}T15:00:00Z"}
    phone_day.receive("call.started", "15:00:00", identity="c_new", **leg)
    found = phone_day.explained("evt_call.started_15:00:00")
    assert (found["key"], found["activity"]) == ("c_new", None)
    assert phone_day.syncd("activity", "replay")[0] == 0
    found = phone_day.explained("c_new")
    assert found["activity"]["status"] == "open"
    assert "the call is open: no event and no list has told its end" in [each["why"] for each in found["next"]]
    assert found["lists"]["listed_at"] is None


def test_a_stale_event_is_named_and_not_merged(phone_day: PhoneDay) -> None:
    phone_day.receive("call.ended", "09:01:00", identity=phone_day.answered, outcome="stale")
    whys = [each["why"] for each in phone_day.explained(phone_day.answered)["next"]]
    assert "1 event is signed too long ago to be merged; the lists say what is true" in whys


def test_a_test_event_says_nothing_of_a_call(phone_day: PhoneDay) -> None:
    with phone_day.store() as store:
        values = {"received": 1.0, "origin": "webhook", "content": "x", "outcome": "new", "processed": 2.0}
        store.put("event", id="evt_t", type="webhook.test", **values)
    found = phone_day.explained("evt_t")
    assert (found["kind"], [event["type"] for event in found["events"]]) == (None, ["webhook.test"])
    assert found["next"][0]["why"] == "the event says nothing of a call or a message"


def test_what_is_left_out_is_said_to_be(phone_day: PhoneDay) -> None:
    phone_day.world.activity = {"store": "activity.db", "only": "status <> 'missed'"}
    phone_day.world.settings()
    assert phone_day.syncd("activity", "replay", "--rebuild")[0] == 0
    assert phone_day.missed not in phone_day.ids()
    found = phone_day.explained(phone_day.missed)
    assert (found["left_out"], found["activity"]) == (True, None)
    assert "activity.only keeps nothing of it" in found["next"][0]["why"]


def test_the_text_form_tells_the_same(phone_day: PhoneDay) -> None:
    phone_day.receive("call.ended", "09:01:00", identity=phone_day.recorded)
    code, out, _ = phone_day.syncd("activity", "explain", phone_day.recorded)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"call {phone_day.recorded}"
    names = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert names == ["call", "segments", "events", "lists", "texts", "media", "day", "next"]
    code, out, _ = phone_day.syncd("activity", "explain", phone_day.photo)
    assert "The door" in out
    assert out.splitlines()[0] == f"message text:{phone_day.photo}"
