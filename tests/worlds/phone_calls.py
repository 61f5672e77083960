"""What an API says of calls and messages: events and rows in their JSON, and hypothesis strategies of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from syncd.core.activity.observations import Observation, of_call_row, of_event, of_message_row

DAY = "2026-03-10T"
NOON = 1773144000.0
"""2026-03-10, 12:00 in UTC."""


def clock(text: str) -> str:
    """Return a time of the day, such as ``14:30:05``, as the API writes it."""
    return f"{DAY}{text}.000Z"


def event(kind: str, at: str, received: float = NOON, /, **data: Any) -> Observation:
    """Return what an event says; ``at``: its own time of the day."""
    data = {("message_id" if kind.startswith("message") else "call_id"): "c1", **data}
    envelope = {"id": "evt_1", "event_type": kind, "timestamp": clock(at), "company_id": 123, "data": data}
    found = of_event(envelope, received)
    assert found
    return found


def leg(kind: str, at: str, extension: str = "101", /, **data: Any) -> Observation:
    """Return what an event of a leg says; legs begin at 14:30:00."""
    said = {"direction": "incoming", "extension": extension, "remote_number": "2125550101"}
    return event(f"call.{kind}", at, **(said | {"start_time": clock("14:30:00")} | data))


def call(**fields: Any) -> dict[str, Any]:
    """Return a row of ``GET /calls``: a call of 70 seconds that extension 101 answered after 20."""
    row = {
        "call_id": "c1",
        "direction": "incoming",
        "status": "answered",
        "extension": "101",
        "extension_name": "Ann Lee",
        "remote_name": "Joe Poe",
        "remote_number": "2125550101",
        "group_number": "2125550199",
        "start_time": clock("14:30:00"),
        "end_time": clock("14:31:10"),
        "duration": 70,
        "journey": [part(0, "HuntGroup", "300", "14:30:00", 20), part(1, "User", "101", "14:30:20", 50, answered=True)],
    }
    return row | fields


def part(order: int, kind: str, extension: str, start: str, duration: int, **fields: Any) -> dict[str, Any]:
    """Return a segment of a journey."""
    known = {"order": order, "type": kind, "name": f"{kind} {extension}", "extension": extension}
    return {
        **known,
        "start_time": clock(start),
        "duration": duration,
        "answered": False,
        "recording_url": None,
    } | fields


def message(**fields: Any) -> dict[str, Any]:
    """Return a row of ``GET /messages``."""
    row = {
        "message_id": "c1",
        "direction": "incoming",
        "channel": "text",
        "remote_number": "2125550101",
        "group_number": "2125550199",
        "body": "Hello",
        "status": "delivered",
        "sent_time": clock("14:30:00"),
        "attachments": [],
    }
    return row | fields


def listed(row: dict[str, Any], at: float = NOON) -> Observation:
    """Return what a row of a list says."""
    found = of_message_row(row, at) if "message_id" in row else of_call_row(row, at)
    assert found
    return found


_TIMES = st.sampled_from(["14:30:00", "14:30:20", "14:31:10", "14:40:00"])
_AT = st.integers(0, 5).map(lambda minutes: NOON + 60.0 * minutes)
_EXTENSIONS = st.sampled_from(["101", "102", None])
_WORDS = st.sampled_from([None, "", "one", "two"])
_RECORDINGS = st.sampled_from(
    [None, "https://api.example.com/v1/media/rec_1", "https://api.example.com/v1/media/rec_2"]
)
_STARTS = st.sampled_from(["14:30:00", "14:30:20"]).map(clock)
_ENDS = st.none() | st.sampled_from(["14:31:10", "14:32:00"]).map(clock)

_said = {
    "direction": st.sampled_from(["incoming", "outgoing"]),
    "extension": _EXTENSIONS,
    "remote_name": _WORDS,
    "remote_number": st.sampled_from(["2125550101", "+12125550101", "anonymous"]),
    "start_time": _STARTS,
}
_texts = {"summary": _WORDS, "transcription": _WORDS}
_segments = st.builds(
    part, st.integers(0, 2), st.sampled_from(["User", "HuntGroup"]), _EXTENSIONS, _TIMES, st.integers(0, 70)
)
_parts = st.builds(
    lambda segment, more: segment | more,
    _segments,
    st.fixed_dictionaries({**_texts, "recording_url": _RECORDINGS, "answered": st.booleans()}),
)
_ended = {"end_time": _ENDS, "duration": st.sampled_from([None, 0, 70])}

leg_events = st.builds(
    lambda kind, at, received, data, more, texts: event(
        f"call.{kind}",
        at,
        received,
        **data,
        **(more if kind in {"ended", "transcription"} else {}),
        **(texts if kind == "transcription" else {}),
    ),
    st.sampled_from(["started", "answered", "ended", "transcription"]),
    _TIMES,
    _AT,
    st.fixed_dictionaries(_said),
    st.fixed_dictionaries(_ended),
    st.fixed_dictionaries(_texts),
)
call_rows = st.fixed_dictionaries(
    {**_said, **_ended, "status": st.sampled_from([None, "answered", "missed"])},
    optional={"journey": st.lists(_parts, max_size=3), **_texts},
).map(lambda fields: {"call_id": "c1"} | fields)
listed_calls = st.builds(listed, call_rows, _AT)

_statuses = st.sampled_from(["sent", "failed", "delivered", "read", "odd"])
_ends_of_message = {"from": st.just("+12125550101"), "to": st.sampled_from(["+12125550199", None])}
_attachments = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["att_1", "att_2"]), "filename": _WORDS, "size": st.sampled_from([None, 10])}
    ),
    max_size=2,
)
message_events = st.builds(
    lambda kind, at, received, data: event(f"message.{kind}", at, received, channel="text", **data),
    st.sampled_from(["sent", "received", "status_updated"]),
    _TIMES,
    _AT,
    st.fixed_dictionaries(
        {"status": _statuses},
        optional={
            **_ends_of_message,
            "body": _WORDS,
            "attachments": _attachments,
            "sent_at": _STARTS,
            "updated_at": _TIMES.map(clock),
        },
    ),
)
message_rows = st.fixed_dictionaries(
    {"status": _statuses, "body": _WORDS, "sent_time": _STARTS, "attachments": _attachments}
).map(lambda fields: {"message_id": "c1", "channel": "text", "direction": "incoming"} | fields)
listed_messages = st.builds(listed, message_rows, _AT)

of_a_call = st.lists(leg_events | listed_calls, max_size=7)
"""Observations of one call: rows with journeys and without, one for the call or one for each leg."""
of_a_message = st.lists(message_events | listed_messages, max_size=7)
of_one = of_a_call | of_a_message


def as_of(observations: Sequence[Observation], identity: str) -> list[Observation]:
    """Return the observations as those of another call or message."""
    return [Observation(each.kind, identity, each.channel, each.by, each.arrived, each.said) for each in observations]
