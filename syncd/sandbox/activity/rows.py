"""What a list says of a call and of a message, in every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import orjson

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.directory import PEOPLE
from syncd.sandbox.activity.model import LONG, USER, Attachment, Call, Message, Segment

DAY = 86_400.0

WITHHELD: Mapping[str, Mapping[str, str]] = {
    "empty": {"remote_name": "", "remote_number": ""},
    "anonymous": {"remote_name": "Anonymous", "remote_number": "anonymous"},
    "restricted": {"remote_name": "Restricted", "remote_number": "Restricted"},
    "absent": {},
}
"""What is said of a caller who withholds the number, by the dialect ``withheld``."""


@dataclass(frozen=True, slots=True)
class Said:
    """How lists speak: the dialects that change a row, and the address of media. Equal ones make equal rows."""

    media: str
    with_text: bool = True
    withheld: str = "empty"
    later: str = "same"
    recording_after: float = 0.0
    recording_for: float = inf
    message_fields: str = "list"
    long_recordings: str = "same"

    @classmethod
    def by(cls, dialects: Mapping[str, str], media: str) -> Said:
        """Return how lists speak now."""
        return cls(
            media,
            dialects["journey"] == "with_text",
            dialects["withheld"],
            dialects["later_rows"],
            float(dialects["recording_after"]),
            seconds_or_ever(dialects["recording_for"]),
            dialects["message_fields"],
            dialects["long_recordings"],
        )

    def row(self, item: Call | Message, now: float, leg: Segment | None = None) -> bytes:
        """Return the row of an activity as JSON. A call's row is remembered until it changes by itself."""
        if leg is not None and isinstance(item, Call):
            return orjson.dumps(self.leg_row(item, leg, now))
        if item.said and item.said[0] == self and now < item.said[1]:
            return item.said[2]
        row = self.call_row(item, now) if isinstance(item, Call) else self.message_row(item, now)
        # Copied: orjson's own bytes take several times their length.
        text = bytes(memoryview(orjson.dumps(row)))
        item.said = (self, min((at for at in self._moments(item) if at > now), default=inf), text)
        return text

    def _moments(self, item: Call | Message) -> list[float]:
        shifts = (self.recording_after, self.recording_for, DAY) if isinstance(item, Call) else ()
        return [*item.moments(), *(item.end + shift for shift in shifts)]

    def call_row(self, call: Call, now: float) -> dict[str, Any]:
        """Return what is said of a call that has begun."""
        segments = [segment for segment in call.segments if segment.start <= now]
        answered = [each for each in segments if each.answered is not None and each.answered <= now]
        users = [each for each in segments if each.type == USER]
        who = (answered or users or segments)[-1]
        return {
            **self._head(call, now, who, answered=bool(answered), over=call.end <= now),
            **_times(call.start, call.end, now),
            "journey": [self._segment(call, at, each, now) for at, each in enumerate(segments)],
        }

    def leg_row(self, call: Call, leg: Segment, now: float) -> dict[str, Any]:
        """Return the row of one phone that rang."""
        answered = leg.answered is not None and leg.answered <= now
        return {
            **self._head(call, now, leg, answered=answered, over=leg.end <= now),
            **_times(leg.start, leg.end, now),
            "journey": [self._segment(call, call.segments.index(leg), leg, now)],
        }

    def _head(self, call: Call, now: float, who: Segment, *, answered: bool, over: bool) -> dict[str, Any]:
        return {
            "call_id": call.id,
            "direction": call.direction,
            "status": "answered" if answered else ("missed" if over else None),
            "extension": who.extension,
            "extension_name": who.name,
            **self.remote(call, now),
            "group_number": call.group_number,
        }

    def remote(self, call: Call, now: float) -> Mapping[str, str]:
        """Return the other side's name and number."""
        if not call.remote_number:
            return WITHHELD[self.withheld]
        # A name that the network's directory has corrected since.
        renamed = self.later == "renamed" and call.end + DAY <= now
        name = f"{call.remote_name or 'Caller'} (corrected)" if renamed else call.remote_name
        return {"remote_name": name, "remote_number": call.remote_number}

    def _segment(self, call: Call, order: int, segment: Segment, now: float) -> dict[str, Any]:
        row = {
            "order": order,
            "type": segment.type,
            "name": segment.name,
            "extension": segment.extension,
            "extension_name": PEOPLE.get(segment.extension, segment.name),
            **_times(segment.start, segment.end, now),
            "answered": segment.answered is not None and segment.answered <= now,
            "recording_url": f"{self.media}rec_{segment.id}" if self.recorded(call, segment, now) else None,
        }
        if self.with_text:
            there = segment.text_at <= now and not (self.later == "textless" and call.end + DAY <= now)
            row["summary"] = segment.summary if there and segment.summary else None
            row["transcription"] = segment.transcription if there and segment.transcription else None
        return row

    def recorded(self, call: Call, segment: Segment, now: float) -> bool:
        """Return whether the segment's recording is there."""
        if self.long_recordings == "absent" and segment.talk > LONG:
            return False
        return segment.size > 0 and call.end + self.recording_after <= now < call.end + self.recording_for

    def message_row(self, message: Message, now: float) -> dict[str, Any]:
        """Return what is said of a message."""
        if self.message_fields == "webhook":
            return message_data(message, self.media, *message.status(now))
        return {
            "message_id": message.id,
            "direction": message.direction,
            "channel": message.channel,
            "type": "media" if message.attachments else "text",
            "remote_number": message.remote_number,
            "group_number": message.group_number,
            "body": message.body,
            "status": message.status(now)[0],
            "sent_time": stamp(message.start),
            "attachments": [{"id": f"att_{each.id}", **_file(each)} for each in message.attachments],
        }


def message_data(message: Message, media: str, status: str, _: float = 0.0) -> dict[str, Any]:
    """Return a message as the ``data`` of an event."""
    sides = e164(message.remote_number), e164(message.group_number)
    sender, receiver = sides if message.direction == "incoming" else sides[::-1]
    return {
        "message_id": message.id,
        "direction": message.direction,
        "channel": message.channel,
        "from": sender,
        "to": receiver,
        "body": message.body,
        "status": status,
        "sent_at": stamp(message.start),
        "attachments": [{"url": f"{media}att_{each.id}", **_file(each)} for each in message.attachments],
    }


def _file(attachment: Attachment) -> dict[str, Any]:
    names = ("content_type", "filename", "size")
    return {name: getattr(attachment, name) for name in names}


def _times(start: float, end: float, now: float) -> dict[str, Any]:
    over = end <= now
    return {
        "start_time": stamp(start),
        "end_time": stamp(end) if over else None,
        "duration": int(end - start) if over else None,
    }


def e164(number: str) -> str:
    """Return a number of ten digits with its country."""
    return f"+1{number}" if len(number) == 10 else number


def seconds_or_ever(value: str) -> float:
    """Return a dialect's value as seconds; ``ever`` is endless."""
    return inf if value == "ever" else float(value)
