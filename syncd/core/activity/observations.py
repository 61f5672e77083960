"""What one event, or one row of a list, says of one call or message.

What is said is a :data:`State` of :mod:`syncd.core.activity.merging` that holds only this. JSON of any shape is taken:
what has another type than the API's is left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from syncd.core.activity.instants import seconds

Kind = Literal["call", "message"]
By = Literal["webhook", "list"]
State = dict[str, Any]

EVENT, LIST = 1, 2
"""Authorities: what a list says counts more than what an event says."""

RANKS = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}
"""The statuses of a message; of two with one time, the higher rank counts."""

TEXTS = ("summary", "transcription")
"""The texts of a call."""

OURS = frozenset({"first_by", "settled", "missing_since", "attribution", "contacts"})
"""The fields of a row of ``--json`` of which neither events nor lists say anything."""

_MEDIA = re.compile(r"(?:^|/media/)((?:rec|att)_[A-Za-z0-9_-]{1,200})(?:[?#].*)?$", re.DOTALL)
_LEGS = {"call.started": "started", "call.answered": "answered", "call.ended": "ended", "call.transcription": "text"}
_MESSAGES = {"message.sent": "sent", "message.received": "received", "message.status_updated": "status"}
_MOST = 1e12
"""No duration, size or place is as large."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was said of one activity.

    ``id``: the call's or the message's. ``channel``: ``text`` or ``whatsapp``; "" of a call. ``by``: who said it.
    ``arrived``: when an event arrived, in Unix seconds; None of a row. ``said``: the state that holds only this.
    """

    kind: Kind
    id: str
    channel: str
    by: By
    arrived: float | None
    said: State

    @property
    def key(self) -> str:
        """The id of a call; ``channel:id`` of a message."""
        return key_of(self.channel, self.id)


def key_of(channel: str, identity: str) -> str:
    """Return what names an activity among those of its kind; ``channel`` is "" for a call."""
    return f"{channel}:{identity}" if channel else identity


def identity_of(kind: Kind, row: Any) -> str | None:
    """Return the key of the activity that a row of a list is about; None if it names none."""
    if not isinstance(row, dict):
        return None
    if kind == "call":
        return _identity(row.get("call_id"))
    identity = _identity(row.get("message_id"))
    return None if identity is None else key_of(_channel(row), identity)


def place_of(said: State) -> str:
    """Return what tells the legs of a call apart."""
    return f"{said['start']}|{said['extension']}"


def of_event(envelope: Mapping[str, Any], received: float) -> Observation | None:
    """Return what an event says; None if its type says nothing of an activity, or it names none.

    ``received``: when it arrived, in Unix seconds.
    """
    kind, data = envelope.get("event_type"), envelope.get("data")
    if not isinstance(kind, str) or not isinstance(data, Mapping):
        return None
    at = seconds(envelope.get("timestamp"))
    at = received if at is None else at
    if kind in _LEGS:
        return _of_leg(data, _LEGS[kind], at, received)
    return _of_message_event(data, _MESSAGES[kind], at, received) if kind in _MESSAGES else None


def of_call_row(row: Any, at: float) -> Observation | None:
    """Return what a row of ``GET /calls`` says; None if it names no call. ``at``: the server's time of the page."""
    if not isinstance(row, dict) or (identity := _identity(row.get("call_id"))) is None:
        return None
    said, media = _of_call(row), dict[str, Any]()
    place = place_of(said)
    texts = _texts(row, f"row {place}", LIST, at)
    said["status"] = _word(row.get("status"))
    said["journey"] = _journey(row.get("journey"), at, texts, media)
    # Until a call has ended, its events know more.
    authority = EVENT if said["end"] is None else LIST
    state: State = {"rows": {place: [authority, at, said]}, "listed": at}
    return Observation("call", identity, "", "list", None, _with(state, texts=texts, media=media))


def of_message_row(row: Any, at: float) -> Observation | None:
    """Return what a row of ``GET /messages`` says; None if it names none. ``at``: the server's time of the page."""
    if not isinstance(row, dict) or (identity := _identity(row.get("message_id"))) is None:
        return None
    since = seconds(row.get("updated_at"))
    state = _of_message(row, "list", LIST, at)
    state |= _status(row, at if since is None else since) | {"listed": at}
    return Observation("message", identity, _channel(row), "list", None, state)


def media_id(*texts: Any) -> str | None:
    """Return the id of a recording or an attachment, from the first text that is one or an address that ends with one.

    Nothing else of an address is kept: it may be signed, or another server's.
    """
    for text in texts:
        if isinstance(text, str) and (found := _MEDIA.search(text)):
            return found[1]
    return None


def whole_of(value: Any) -> int | None:
    """Return a count or a size, also one that is written as a text of digits; None if ``value`` is none."""
    found = _number(value)
    return int(found) if found is not None and found == int(found) else None


def _of_leg(data: Mapping[str, Any], phase: str, at: float, received: float) -> Observation | None:
    if (identity := _identity(data.get("call_id"))) is None:
        return None
    said = _of_call(data)
    place = place_of(said)
    state: State = {"legs": {place: {phase: [at, said]}}}
    if phase != "text":
        state["heard"] = at
    return Observation(
        "call", identity, "", "webhook", received, _with(state, texts=_texts(data, f"event {place}", EVENT, at))
    )


def _of_call(data: Mapping[str, Any]) -> State:
    return {
        "direction": _word(data.get("direction")),
        "extension": _text(data.get("extension")),
        "extension_name": _text(data.get("extension_name")),
        "remote": _text(data.get("remote_number")),
        "remote_name": _text(data.get("remote_name")),
        "own": _text(data.get("group_number")),
        "start": seconds(data.get("start_time")),
        "end": seconds(data.get("end_time")),
        "duration": _number(data.get("duration")),
    }


def _journey(journey: Any, at: float, texts: State, media: State) -> list[list[Any]] | None:
    """Return the segments, and put their texts and recordings into ``texts`` and ``media``; None without a journey."""
    if not isinstance(journey, list):
        return None
    found: dict[str, list[Any]] = {}
    for number, segment in enumerate(journey):
        if not isinstance(segment, dict):
            continue
        get = segment.get
        start, kind, extension = seconds(get("start_time")), _text(get("type")), _text(get("extension"))
        key = f"{start}|{kind}|{extension}"
        if start is None or key in found:
            key = f"{key}|{_number(get('order')) or number}"
        name = _text(get("name")) or _text(get("extension_name"))
        end, duration = seconds(get("end_time")), _number(get("duration"))
        found[key] = [key, kind, name, extension, start, end, duration, get("answered") is True]
        # Most segments have neither texts nor a recording.
        if get("summary") or get("transcription"):
            texts |= _texts(segment, key, LIST, at)
        if (address := get("recording_url")) and (recording := media_id(address)):
            media[key] = [at, recording]
    return list(found.values())


def _texts(data: Mapping[str, Any], place: str, authority: int, at: float) -> State:
    found: State = {}
    for what in TEXTS:
        if _filled(text := data.get(what)):
            found[f"{what} {place}"] = _said_text(authority, at, text)
    return found


def _said_text(authority: int, at: float, text: Any) -> list[Any]:
    text = _writable(text)
    # The digest stands for the text where the text itself was dropped.
    return [authority, at, hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), text]


def _of_message_event(data: Mapping[str, Any], phase: str, at: float, received: float) -> Observation | None:
    if (identity := _identity(data.get("message_id"))) is None:
        return None
    since = seconds(data.get("updated_at" if phase == "status" else "sent_at"))
    state = _of_message(data, phase, EVENT, at) | _status(data, at if since is None else since)
    return Observation("message", identity, _channel(data), "webhook", received, state)


def _of_message(data: Mapping[str, Any], source: str, authority: int, at: float) -> State:
    direction = _word(data.get("direction"))
    ends = ("to", "from") if direction == "outgoing" else ("from", "to")
    sent = seconds(data.get("sent_at"))
    said = {
        "direction": direction,
        "remote": _text(data.get("remote_number")) or _text(data.get(ends[0])),
        "own": _text(data.get("group_number")) or _text(data.get(ends[1])),
        "sent": seconds(data.get("sent_time")) if sent is None else sent,
    }
    body = data.get("body")
    texts = {"body": _said_text(authority, at, body)} if _filled(body) else {}
    return _with({"said": {source: [at, said]}}, texts=texts, files=_files(data.get("attachments"), authority, at))


def _files(attachments: Any, authority: int, at: float) -> State:
    found: State = {}
    if isinstance(attachments, list):
        for number, each in enumerate(attachments):
            if isinstance(each, Mapping) and (name := media_id(each.get("id"), each.get("url"))):
                described = [_text(each.get("content_type")), _text(each.get("filename")), whole_of(each.get("size"))]
                found[name] = [authority, at, [number, *described]]
    return found


def _status(data: Mapping[str, Any], at: float) -> State:
    word = _word(data.get("status"))
    return {"status": [at, RANKS.get(word, 0), word]} if word else {}


def _channel(data: Mapping[str, Any]) -> str:
    words = [_word(data.get("channel")), _word(data.get("type"))]
    # Only WhatsApp says that a message was read.
    return "whatsapp" if "whatsapp" in words or (words == [None, None] and data.get("status") == "read") else "text"


def _with(state: State, **maps: State) -> State:
    """Return ``state``, which is new, with those of ``maps`` that hold anything."""
    for name, found in maps.items():
        if found:
            state[name] = found
    return state


def _identity(value: Any) -> str | None:
    text = _text(value)
    # Half of a surrogate pair is text in JSON, but names nothing; and to a database, NUL may be the end of a text.
    return text if not isinstance(value, str) or (text == value.strip() and "\0" not in value) else None


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        value = value.strip()
        return (value if value.isascii() else _writable(value)) or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST else None


def _word(value: Any) -> str | None:
    text = _text(value)
    return text.lower() if text else None


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 <= value < _MOST else None


Reader = Callable[[Any, float], Observation | None]
READERS: Mapping[Kind, Reader] = {"call": of_call_row, "message": of_message_row}
"""What reads a row of each list."""
