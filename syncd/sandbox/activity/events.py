"""The events that deliveries announce: what their ``data`` says, and which there are in every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.model import Call, Message, Segment
from syncd.sandbox.activity.rows import Said, message_data

TYPES = (
    "call.started",
    "call.answered",
    "call.ended",
    "call.transcription",
    "message.sent",
    "message.received",
    "message.status_updated",
)
"""The types of events that an endpoint can ask for."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to announce at a moment: of a leg of a call, of the segments that now have texts, or of a message."""

    at: float
    type: str
    of: Call | Message
    segments: tuple[Segment, ...] = ()
    status: str = ""

    @property
    def call(self) -> Call:
        """What it is of, if that is a call."""
        if isinstance(self.of, Message):
            raise TypeError("a happening of a message has no call")
        return self.of

    @property
    def extensions(self) -> set[str]:
        return {segment.extension for segment in self.segments}


def of_call(call: Call) -> Iterator[Happening]:
    """Yield what there is to announce of a call."""
    for leg in call.legs:
        yield Happening(leg.start, "call.started", call, (leg,))
        if leg.answered is not None:
            yield Happening(leg.answered, "call.answered", call, (leg,))
        if isfinite(leg.end):
            yield Happening(leg.end, "call.ended", call, (leg,))
    yield from of_texts(call)


def of_texts(call: Call) -> Iterator[Happening]:
    """Yield what there is to announce of a call's texts: each time once for all segments that get theirs then."""
    for at in sorted({segment.text_at for segment in call.segments if isfinite(segment.text_at)}):
        yield Happening(at, "call.transcription", call, tuple(each for each in call.segments if each.text_at == at))


def of_message(message: Message) -> Iterator[Happening]:
    """Yield what there is to announce of a message."""
    for number, (status, at) in enumerate(message.statuses):
        if number:
            yield Happening(at, "message.status_updated", message, status=status)
        else:
            kind = "message.received" if message.direction == "incoming" else "message.sent"
            yield Happening(at, kind, message, status=status)


def announced(happening: Happening, dialects: Mapping[str, str], media: str) -> Iterator[dict[str, Any]]:
    """Yield the ``data`` of each event that announces ``happening``; none if a dialect keeps it silent."""
    if isinstance(happening.of, Message):
        data = message_data(happening.of, media, happening.status)
        updated = happening.type == "message.status_updated"
        yield {**data, "updated_at": stamp(happening.at)} if updated else data
    elif happening.of.direction == "outgoing" and dialects["outbound_events"] == "no":
        return
    elif happening.type == "call.transcription":
        size = 1 if dialects["transcripts"] == "segments" else len(happening.segments)
        for at in range(0, len(happening.segments), size):
            yield _transcription(happening.of, happening.segments[at : at + size], Said.by(dialects, media))
    elif dialects["leg_events"] == "each" or _is_last(happening):
        yield _leg(happening, dialects, Said.by(dialects, media))


def _is_last(happening: Happening) -> bool:
    call, leg = happening.call, happening.segments[0]
    if happening.type == "call.started":
        return leg is call.legs[0]
    if happening.type == "call.answered":
        return leg is next(each for each in call.legs if each.answered is not None)
    return leg is max(call.legs, key=lambda each: each.end)


def _leg(happening: Happening, dialects: Mapping[str, str], said: Said) -> dict[str, Any]:
    call, leg = happening.call, happening.segments[0]
    data = _start(call, leg, said, happening.at)
    if happening.type == "call.ended":
        talked = leg.answered is not None or dialects["missed_duration"] == "ring"
        data |= {"end_time": stamp(leg.end), "duration": int(leg.end - leg.start) if talked else 0}
    return data


def _transcription(call: Call, segments: tuple[Segment, ...], said: Said) -> dict[str, Any]:
    leg = segments[0]
    return {
        **_start(call, leg, said, leg.text_at),
        "end_time": stamp(leg.end),
        "duration": int(leg.end - leg.start),
        "summary": "\n".join(each.summary for each in segments if each.summary),
        "transcription": "\n".join(each.transcription for each in segments if each.transcription),
    }


def _start(call: Call, leg: Segment, said: Said, at: float) -> dict[str, Any]:
    return {
        "call_id": call.id,
        "direction": call.direction,
        "extension": leg.extension,
        "extension_name": leg.name,
        **said.remote(call, at),
        "group_number": call.group_number,
        "start_time": stamp(leg.start),
    }
