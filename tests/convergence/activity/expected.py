"""What the store must hold of each call and message, by what the phones' lists say in the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from syncd.core.activity.instants import iso, seconds
from syncd.core.activity.numbers import canonical
from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.model import Call, Message
from syncd.sandbox.activity.rows import Said
from tests.worlds.phones_in_memory import PhoneWorld

Row = Mapping[str, Any]


def call_of(world: PhoneWorld, call: Call) -> dict[str, Any]:
    """Return the fields of a call that has ended, without its texts and its recordings."""
    said, now = Said.by(world.dialects, ""), world.phones.now()
    if world.dialects["call_rows"] == "legs":
        rows = [said.leg_row(call, leg, now) for leg in call.legs]
    else:
        rows = [said.call_row(call, now)]
    return _call(_plain(rows))


def message_of(world: PhoneWorld, message: Message) -> dict[str, Any]:
    """Return the fields of a message."""
    status, _ = message.status(world.phones.now())
    return {
        "direction": message.direction,
        "channel": message.channel,
        "status": status,
        "remote_number": canonical(message.remote_number, "US") or None,
        "own_number": canonical(message.group_number, "US") or None,
        "body": message.body,
        "sent_at": _time(message.start),
        "attachments": [
            {"media_id": f"att_{each.id}", "filename": each.filename, "content_type": each.content_type}
            | {"size": each.size}
            for each in message.attachments
        ],
    }


def texts_of(call: Call, what: str) -> list[str]:
    """Return the summaries or the transcriptions of a call's segments, each once."""
    found = [getattr(each, what) for each in call.segments]
    return list(dict.fromkeys(text for text in found if text))


def recordings_of(call: Call) -> set[str]:
    """Return the ids of the recordings that a call has, or has had."""
    return {f"rec_{each.id}" for each in call.segments}


def _plain(rows: Any) -> list[Row]:
    found: list[Row] = json.loads(json.dumps(rows))
    return found


def _call(rows: list[Row]) -> dict[str, Any]:
    answered = [row for row in rows if row["status"] == "answered"]
    who = (answered or rows)[0]
    starts = [seconds(row["start_time"]) or 0.0 for row in rows]
    ends = [seconds(row["end_time"]) or 0.0 for row in rows]
    segments = sorted(
        (each for row in rows for each in row["journey"]), key=lambda each: (seconds(each["start_time"]), each["order"])
    )
    return {
        "direction": who["direction"],
        "status": "answered" if answered else "missed",
        "remote_number": canonical(who.get("remote_number") or "", "US") or None,
        "remote_name": who.get("remote_name") or None,
        "own_number": canonical(who["group_number"] or "", "US") or None,
        "extension": who["extension"],
        "start_time": _time(min(starts)),
        "end_time": _time(max(ends)),
        "duration": rows[0]["duration"] if len(rows) == 1 else int(max(ends) - min(starts)),
        "talk": sum(each["duration"] for each in segments if each["answered"]),
        "segments": sorted(map(_segment, segments), key=str),
    }


def shown(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return the same fields of a stored call, comparable."""
    found = {name: row[name] for name in names}
    if "segments" in found:
        found["segments"] = sorted(map(_segment, row["segments"]), key=str)
    return found


def _segment(each: Row) -> dict[str, Any]:
    moment = seconds(each["start_time"])
    return {
        **{name: each[name] for name in ("type", "name", "extension", "duration", "answered")},
        "start_time": None if moment is None else _time(moment),
    }


def _time(moment: float) -> str:
    # The API's times have milliseconds.
    return iso(seconds(stamp(moment)) or 0.0)
