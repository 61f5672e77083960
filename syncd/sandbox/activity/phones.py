"""The company's phones: what tests and people make happen on them, and what is true of it."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from random import Random
from typing import Any
from uuid import UUID

from syncd.sandbox.activity.clock import PhoneClock
from syncd.sandbox.activity.directory import OWN_NUMBERS, PEOPLE
from syncd.sandbox.activity.events import Happening, of_call, of_message, of_texts
from syncd.sandbox.activity.lists import Timeline
from syncd.sandbox.activity.model import Attachment, Call, Message, Segment
from syncd.sandbox.activity.rows import Said, message_data
from syncd.sandbox.activity.traffic import Contacts, Traffic

BYTES = 4_000
"""Bytes of a second of a recording (32 kbit/s)."""

ANOTHER_TRY = 300.0
"""Seconds between the status failed and what follows it (dialect ``after_failed``)."""


class Phones:
    """The phone traffic of one company. Every public method may be called from any thread.

    ``clock`` is the phones' time; every moment here is in it, in Unix seconds. ``zone`` is the company's time zone, for
    the dialect ``calendar=company``. ``media`` is the address before the id of a recording or an attachment.
    """

    def __init__(
        self, clock: PhoneClock, dialects: Mapping[str, str], *, contacts: Contacts = lambda _: None, seed: int = 1
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.dialects = dialects
        self.zone = "America/Chicago"
        self.media = ""
        self.calls: Timeline[Call] = Timeline()
        self.messages: Timeline[Message] = Timeline()
        self._by_id: dict[str, Call] = {}
        self._messages: dict[tuple[str, str], Message] = {}
        self._segments: dict[int, Call] = {}
        self._attachments: dict[int, Attachment] = {}
        self._random = Random(seed)  # noqa: S311  invented traffic needs to be repeatable, not secret
        self._contacts = contacts
        self._traffic: list[Traffic] = []
        self._agenda: list[tuple[float, int, Happening]] = []
        self._count = 0
        self._number = 0
        self._per_channel: dict[str, int] = {}

    # What happens.

    def call(
        self,
        *,
        call_id: str | None = None,
        direction: str = "incoming",
        remote_number: str = "2125550142",
        remote_name: str = "Jane Smith",
        group_number: str = OWN_NUMBERS[0],
        segments: Sequence[Mapping[str, Any]] | None = None,
        start: float | None = None,
        announce: bool = True,
        **leg: Any,
    ) -> str:
        """Let a call happen and return its id.

        ``segments`` have ``type``, ``name``, ``extension``, ``after`` (seconds from the call's start), ``ring``,
        ``talk`` and ``size`` (of the recording in bytes; None: by its length); without ``segments`` the call is one of
        these, from the other arguments. ``talk`` 0 is a missed one, None one that still goes on; ``answered`` False
        makes a segment with talk one that nobody answered. Without ``start`` the call has ended just now.
        ``announce``: its events are sent, those of the past at once.
        """
        with self.lock:
            plans = [dict(plan) for plan in segments or [leg]]
            if start is None:
                start = self.clock.now() - max(_length(plan) for plan in plans)
            made = [self._segment(start, **plan) for plan in plans]
            name = call_id or str(UUID(int=self._random.getrandbits(128), version=4))
            self.put([Call(name, direction, remote_name, remote_number, group_number, made)], announce=announce)
            return name

    def hang_up(self, call_id: str) -> None:
        """End a call that still goes on."""
        with self.lock:
            call = self._by_id[call_id]
            running = [segment for segment in call.segments if segment.end == inf]
            now = self.clock.now()
            for segment in running:
                segment.end = now
            self._announce(each for each in of_call(call) if each.type == "call.ended" and each.segments[0] in running)
            self._changed(call)

    def transcribe(
        self, call_id: str, summary: str, transcription: str, *, segment: int | None = None, announce: bool = True
    ) -> None:
        """Give a call its texts; ``segment`` is the place in the journey (None: the last that was answered)."""
        with self.lock:
            call = self._by_id[call_id]
            answered = [each for each in call.segments if each.answered is not None] or call.segments
            chosen = answered[-1] if segment is None else call.segments[segment]
            chosen.summary, chosen.transcription, chosen.text_at = summary, transcription, self.clock.now()
            if announce:
                self._announce(each for each in of_texts(call) if chosen in each.segments)
            self._changed(call)

    def message(  # noqa: PLR0913 (a test says what matters to it)
        self,
        *,
        message_id: str | None = None,
        channel: str = "text",
        direction: str = "incoming",
        remote_number: str = "2125550142",
        group_number: str = OWN_NUMBERS[0],
        body: str = "Hello",
        attachments: Sequence[Mapping[str, Any]] = (),
        sent: float | None = None,
        statuses: Sequence[tuple[str, float]] = (),
        announce: bool = True,
    ) -> str:
        """Let a message be sent or received and return its id.

        ``statuses`` are later ones with the seconds after which they hold. ``attachments`` have ``content_type``,
        ``filename`` and ``size``. Without ``sent`` it is sent now.
        """
        with self.lock:
            sent = self.clock.now() if sent is None else sent
            files = [Attachment(self.number(), **{**PHOTO, **given}) for given in attachments]
            first = "delivered" if direction == "incoming" else "sent"
            times = [(first, sent), *((status, sent + after) for status, after in statuses)]
            name = message_id or self.message_id(channel)
            made = Message(name, channel, direction, remote_number, group_number, body, times, files)
            self.put([made], announce=announce)
            return name

    def status(self, message_id: str, status: str, *, channel: str = "text") -> None:
        """Give a message another status, now."""
        with self.lock:
            message = self._messages[channel, message_id]
            # Two changes at one moment would have no order.
            at = max(self.clock.now(), message.statuses[-1][1] + 0.001)
            known = len(message.statuses)
            message.statuses = self._followed([*message.statuses, (status, at)])
            self._announce(list(of_message(message))[known:])
            self._changed(message)

    def forget(self, activity_id: str, *, channel: str = "text") -> None:
        """Take a call or a message out of all lists."""
        with self.lock:
            item = self._by_id.get(activity_id) or self._messages[channel, activity_id]
            item.gone = self.clock.now()
            self._changed(item)

    def rename(self, call_id: str, remote_name: str) -> None:
        """Give the other side of a call another name, as a correction does."""
        with self.lock:
            self._by_id[call_id].remote_name = remote_name
            self._changed(self._by_id[call_id])

    def lose_recording(self, call_id: str) -> None:
        """Delete a call's recordings."""
        with self.lock:
            for segment in self._by_id[call_id].segments:
                segment.size = 0
            self._changed(self._by_id[call_id])

    def traffic(self, per_day: int, seed: int = 1, *, since: float | None = None, messages: int | None = None) -> None:
        """Let ``per_day`` invented calls and ``messages`` (None: two for five calls) happen on each day from ``since``.

        What has happened by now is there without being announced; what follows is announced.
        """
        with self.lock:
            now = self.clock.now()
            more = per_day * 2 // 5 if messages is None else messages
            traffic = Traffic(self, per_day, more, seed, now if since is None else since, self._contacts)
            self._traffic.append(traffic)
            for day in traffic.until(now):
                self.put(day, announce=True, since=now)

    def put(self, items: Iterable[Call | Message], *, announce: bool, since: float = -inf) -> None:
        """Take in activities as they are; with ``announce``, what happens after ``since`` is announced."""
        with self.lock:
            calls = [item for item in items if isinstance(item, Call)]
            messages = [item for item in items if isinstance(item, Message)]
            for call in calls:
                self._by_id[call.id] = call
                self._segments.update((segment.id, call) for segment in call.segments)
                if announce and not call.is_over(since):
                    self._announce(each for each in of_call(call) if each.at > since)
            for message in messages:
                message.statuses = self._followed(message.statuses)
                self._messages[message.channel, message.id] = message
                self._attachments.update((each.id, each) for each in message.attachments)
                if announce:
                    self._announce(each for each in of_message(message) if each.at > since)
            self.calls.add(calls)
            self.messages.add(messages)

    # What is true.

    def truth_calls(self) -> list[dict[str, Any]]:
        """Return what a complete list says of each call that has begun and is not gone: one row per call, with texts.

        Beside the segments' texts, ``summary`` and ``transcription`` hold those of the call.
        """
        with self.lock:
            now = self.now()
            rows = []
            for call in self.calls:
                if call.start <= now < call.gone:
                    row = Said(self.media).call_row(call, now)
                    texts = {what: _joined(row["journey"], what) for what in ("summary", "transcription")}
                    rows.append({**row, **texts})
            return rows

    def truth_messages(self) -> list[dict[str, Any]]:
        """Return what a complete list says of each message: the fields of a listed and of a delivered one."""
        with self.lock:
            now = self.now()
            found = [each for each in self.messages if each.start <= now < each.gone]
            said = Said(self.media)
            return [
                {**message_data(each, self.media, each.status(now)[0]), **said.message_row(each, now)} for each in found
            ]

    # For the other parts.

    def now(self) -> float:
        """Return the phones' time, after laying out the traffic up to it."""
        with self.lock:
            now = self.clock.now()
            for traffic in self._traffic:
                for day in traffic.until(now):
                    self.put(day, announce=True)
            return now

    def happened(self) -> Iterator[Happening]:
        """Yield what there is to announce by now, each once, in order."""
        with self.lock:
            now = self.now()
            while self._agenda and self._agenda[0][0] <= now:
                yield heapq.heappop(self._agenda)[2]

    def has_happened(self) -> bool:
        """Return whether :meth:`happened` would yield something."""
        with self.lock:
            now = self.now()
            return bool(self._agenda) and self._agenda[0][0] <= now

    def recording(self, number: int) -> tuple[Call, Segment] | None:
        """Return the call and the segment of a recording."""
        call = self._segments.get(number)
        return (call, next(each for each in call.segments if each.id == number)) if call else None

    def attachment(self, number: int) -> Attachment | None:
        """Return an attachment."""
        return self._attachments.get(number)

    def number(self) -> int:
        """Return a number that nothing has yet."""
        self._number += 1
        return 84_000 + self._number

    def message_id(self, channel: str) -> str:
        """Return an id for a message; by a dialect, messages of two channels have the same ones."""
        if self.dialects["message_ids"] == "apart":
            return f"{'sms' if channel == 'text' else 'wa'}_{self.number()}"
        self._per_channel[channel] = self._per_channel.get(channel, 0) + 1
        return f"msg_{self._per_channel[channel]}"

    def _segment(  # noqa: PLR0913 (each is a part of a plan)
        self,
        begin: float,
        *,
        type: str = "User",  # noqa: A002
        extension: str = "101",
        name: str | None = None,
        after: float = 0.0,
        ring: float = 5.0,
        talk: float | None = 60.0,
        answered: bool = True,
        size: int | None = None,
    ) -> Segment:
        start = begin + after
        end = inf if talk is None else start + ring + talk
        spoken = answered and talk != 0 and type == "User"
        length = int((talk or 0) * BYTES) if size is None else size
        called = PEOPLE.get(extension, f"Extension {extension}") if name is None else name
        picked_up = start + ring if spoken else None
        return Segment(self.number(), type, called, extension, start, end, picked_up, length if spoken else 0)

    def _followed(self, statuses: list[tuple[str, float]]) -> list[tuple[str, float]]:
        """Return the statuses of a message with what follows a failure, if a dialect lets something follow."""
        rule, (status, at) = self.dialects["after_failed"], statuses[-1]
        return statuses if rule == "nothing" or status != "failed" else [*statuses, (rule, at + ANOTHER_TRY)]

    def _announce(self, happenings: Iterable[Happening]) -> None:
        for each in happenings:
            self._count += 1
            heapq.heappush(self._agenda, (each.at, self._count, each))

    def _changed(self, item: Call | Message) -> None:
        item.said = None
        if isinstance(item, Call):
            item.last = -1.0
        timeline = self.calls if isinstance(item, Call) else self.messages
        timeline.version += 1


PHOTO: Mapping[str, Any] = {"content_type": "image/jpeg", "filename": "photo1.jpg", "size": 24_576}
"""An attachment, where nothing else is said."""


def _length(plan: Mapping[str, Any]) -> float:
    talk = plan.get("talk", 60.0)
    return float(plan.get("after", 0.0)) + float(plan.get("ring", 5.0)) + float(talk or 0)


def _joined(journey: Sequence[Mapping[str, Any]], what: str) -> str | None:
    return "\n".join(segment[what] for segment in journey if segment[what]) or None
