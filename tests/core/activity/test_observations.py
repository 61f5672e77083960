"""What events and rows say, and what odd JSON says: nothing, or what is usable of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.activity.merging import merge
from syncd.core.activity.observations import identity_of, media_id, of_call_row, of_event, of_message_row
from syncd.core.activity.views import Attachment, view_of_call, view_of_message
from tests.examples import examples
from tests.worlds.phone_calls import NOON, call, clock, event, listed, message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [*call(), *message(), "summary", "transcription", "from", "to", "sent_at", "updated_at"]
PARTS = [
    "order",
    "type",
    "name",
    "extension",
    "start_time",
    "duration",
    "answered",
    "recording_url",
    "id",
    "url",
    "size",
]
TYPES = ["call.started", "call.ended", "call.transcription", "message.sent", "message.status_updated"]
KNOWN = st.sampled_from([clock("14:30:00"), "c1", "incoming", "answered", 70, "2125550101"])


@settings(max_examples=examples(50, 1_500), deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | KNOWN | st.lists(st.dictionaries(st.sampled_from(PARTS), JSON))),
    st.sampled_from(TYPES),
    JSON,
)
def test_no_json_is_too_odd(data: dict[str, Any], kind: str, odd: Any) -> None:
    envelope = {"event_type": kind, "timestamp": odd, "data": data}
    found = [of_event(envelope, NOON), of_event({"event_type": odd, "data": odd}, NOON)]
    found += [of_call_row(data, NOON), of_message_row(data, NOON), of_call_row(odd, NOON), of_message_row(odd, NOON)]
    for each in found:
        if each is not None:
            state = merge(None, each)
            json.dumps(state, allow_nan=False).encode()
            view_of_call(state) if each.kind == "call" else view_of_message(state)


@pytest.mark.parametrize("kind", ["webhook.test", "call.parked", "", None, 7])
def test_an_event_of_another_type_says_nothing(kind: Any) -> None:
    assert of_event({"event_type": kind, "data": {"call_id": "c1"}}, NOON) is None


@pytest.mark.parametrize("identity", [None, "", "  ", [], {}, True, 10**400, "\ud800"])
def test_what_names_no_activity_says_nothing(identity: Any) -> None:
    assert of_call_row({"call_id": identity}, NOON) is None
    assert of_message_row({"message_id": identity}, NOON) is None
    assert of_event({"event_type": "call.ended", "data": {"call_id": identity}}, NOON) is None
    assert identity_of("call", {"call_id": identity}) is None


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["https://api.vocatech.com/v1/media/rec_84729"], "rec_84729"),
        (["/v1/media/att_456"], "att_456"),
        (["att_456", "https://elsewhere.example/media/att_1"], "att_456"),
        ([None, "https://api.vocatech.com/v1/media/att_456?token=secret"], "att_456"),
        (["https://storage.example.com/signed/recording.mp3?sig=abc"], None),
        (["https://api.vocatech.com/v1/media/../../etc/passwd"], None),
        (["https://api.vocatech.com/v1/media/rec_1/../x"], None),
        (["rec_" + "1" * 300], None),
        ([None, 7], None),
    ],
)
def test_of_an_address_only_the_id_is_kept(texts: list[Any], found: str | None) -> None:
    assert media_id(*texts) == found


def test_no_address_is_in_a_state() -> None:
    signed = "https://storage.example.com/rec_1?sig=abc"
    row = call()
    row["journey"][1]["recording_url"] = signed
    parts = [{"id": "att_1", "url": signed, "filename": "roof.jpg", "content_type": "image/jpeg", "size": 10}]
    for each in (listed(row), listed(message(attachments=parts)), event("message.sent", "14:30:00", attachments=parts)):
        assert "http" not in json.dumps(each.said)


def test_the_two_forms_of_a_message_are_one() -> None:
    parts = [{"url": "https://api.vocatech.com/v1/media/att_1", "filename": "roof.jpg", "size": 10}]
    said = {"direction": "incoming", "from": "+12125550101", "to": "+12125550199", "body": "Hello", "channel": "text"}
    announced = event(
        "message.received", "14:30:01", **said, sent_at=clock("14:30:00"), status="delivered", attachments=parts
    )
    row = listed(message(attachments=[{"id": "att_1", "filename": "roof.jpg", "size": 10}]))
    assert announced.key == row.key == "text:c1" == identity_of("message", message())
    one, other = (view_of_message(merge(None, each)) for each in (announced, row))
    for name in ("direction", "remote", "own", "body", "sent", "status", "attachments"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.attachments == (Attachment("att_1", None, "roof.jpg", 10),)


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"channel": "whatsapp"}, "whatsapp"),
        ({"channel": "WhatsApp", "type": "media"}, "whatsapp"),
        ({"type": "whatsapp"}, "whatsapp"),
        ({"channel": "text", "type": "media"}, "text"),
        ({"type": "sms"}, "text"),
        ({"status": "read"}, "whatsapp"),
        ({}, "text"),
    ],
)
def test_the_channel_is_part_of_a_messages_key(fields: dict[str, Any], channel: str) -> None:
    found = of_message_row({"message_id": "m1"} | fields, NOON)
    assert found
    assert found.key == f"{channel}:m1"


def test_a_name_that_a_database_would_cut_is_none() -> None:
    assert of_event({"event_type": "call.ended", "data": {"call_id": "a\0b"}}, NOON) is None
    assert of_call_row(call() | {"call_id": "a\0b"}, NOON) is None
