"""Invented traffic of a day: the same for the same seed and day, whenever and however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol
from uuid import UUID

from syncd.sandbox.activity.directory import MENU, OWN_NUMBERS, PEOPLE, SALES, SERVICE, TEXTS, TOPICS, texts_about
from syncd.sandbox.activity.model import USER, Attachment, Call, Message, Segment
from syncd.sandbox.company import AREAS, FIRST, LAST

DAY = 86_400
BUSY = (14 * 3600, 24 * 3600)
"""Most calls are made between 8 and 18 o'clock of the company's time, in seconds of a UTC day."""

Contacts = Callable[[Random], tuple[str, str] | None]
"""Draws the name and the number of one of the company's contacts, or None if there is none."""


class Numbers(Protocol):
    """Gives numbers and ids that nothing has yet."""

    def number(self) -> int: ...

    def message_id(self, channel: str) -> str: ...


class Traffic:
    """Lays out one UTC day after the other, beginning with the moment ``since``."""

    def __init__(
        self, numbers: Numbers, calls: int, messages: int, seed: int, since: float, contacts: Contacts
    ) -> None:
        self.numbers = numbers
        self.calls = calls
        self.messages = messages
        self.seed = seed
        self.since = since
        self.contacts = contacts
        self._next = int(since // DAY)

    def until(self, now: float) -> Iterator[list[Call | Message]]:
        """Yield each day that has begun by ``now`` and was not laid out yet."""
        while self._next * DAY <= now:
            day, self._next = self._next, self._next + 1
            yield [item for item in self._day(day) if item.start >= self.since]

    def _day(self, day: int) -> list[Call | Message]:
        random = Random(f"{self.seed}:{day}")  # noqa: S311  invented traffic needs to be repeatable, not secret
        moments = sorted((_moment(random, day), kind) for kind, count in self._counts() for _ in range(count))
        return [self._call(random, at) if kind == "call" else self._message(random, at) for at, kind in moments]

    def _counts(self) -> tuple[tuple[str, int], ...]:
        return ("call", self.calls), ("message", self.messages)

    def _call(self, random: Random, at: float) -> Call:
        direction = random.choices(("incoming", "outgoing", "internal"), (60, 33, 7))[0]
        name, number, group = self._remote(random, direction)
        segments = self._incoming(random, at) if direction == "incoming" else self._single(random, at)
        self._transcribe(random, segments)
        return Call(str(UUID(int=random.getrandbits(128), version=4)), direction, name, number, group, segments)

    def _remote(self, random: Random, direction: str) -> tuple[str, str, str]:
        group = random.choice(OWN_NUMBERS)
        if direction == "internal":
            extension = random.choice(list(PEOPLE))
            return PEOPLE[extension], extension, ""
        if direction == "incoming" and random.random() < 0.05:
            return "", "", group
        known = self.contacts(random) if random.random() < 0.5 else None
        name, number = known or (_name(random) if random.random() < 0.6 else "", _number(random))
        return name, number, group

    def _incoming(self, random: Random, at: float) -> list[Segment]:
        segments = []
        if random.random() < 0.7:
            segments.append(self._segment(MENU, at, random.randint(4, 20)))
            at = segments[-1].end
        way = random.choices((SALES, SERVICE, None), (30, 30, 40))[0]
        # A quarter of the callers give up before a person answers.
        missed = random.random() < 0.25
        if way is None:
            return [*segments, *self._single(random, at, missed=missed)]
        ring = random.randint(5, 25)
        phones = random.sample(list(PEOPLE), random.randint(2, 4))
        segments.append(self._segment(way, at, ring * (1 if way is SALES else len(phones))))
        for place, extension in enumerate(phones):
            # In a group all phones ring at once; in a queue, one after another.
            start = at if way is SALES else at + ring * place
            segments.append(self._segment((USER, PEOPLE[extension], extension), start, ring))
        if not missed:
            self._answer(random, segments[-1], ring)
            self._transfer(random, segments)
        return segments

    def _single(self, random: Random, at: float, *, missed: bool | None = None) -> list[Segment]:
        extension = random.choice(list(PEOPLE))
        ring = random.randint(3, 30)
        segments = [self._segment((USER, PEOPLE[extension], extension), at, ring)]
        if not (random.random() < 0.2 if missed is None else missed):
            self._answer(random, segments[0], ring)
            self._transfer(random, segments)
        return segments

    def _answer(self, random: Random, segment: Segment, ring: int) -> None:
        talk = int(random.expovariate(1 / 150)) + 2
        segment.answered, segment.end = segment.start + ring, segment.start + ring + talk
        segment.size = talk * 4_000 if random.random() < 0.8 else 0

    def _transfer(self, random: Random, segments: list[Segment]) -> None:
        if random.random() < 0.06:
            extension = random.choice(list(PEOPLE))
            ring = random.randint(2, 8)
            segments.append(self._segment((USER, PEOPLE[extension], extension), segments[-1].end, ring))
            self._answer(random, segments[-1], ring)

    def _transcribe(self, random: Random, segments: list[Segment]) -> None:
        if random.random() < 0.3:
            return
        # The processing of a call ends for all its segments at once.
        at = max(segment.end for segment in segments) + random.randint(300, 1800)
        for segment in segments:
            if segment.answered is not None:
                segment.summary, segment.transcription = texts_about(random.choice(TOPICS), segment.name)
                segment.text_at = at

    def _segment(self, what: tuple[str, str, str], at: float, seconds: int) -> Segment:
        kind, name, extension = what
        return Segment(self.numbers.number(), kind, name, extension, at, at + seconds)

    def _message(self, random: Random, at: float) -> Message:
        channel = random.choices(("text", "whatsapp"), (75, 25))[0]
        direction = random.choice(("incoming", "outgoing"))
        _, number, group = self._remote(random, direction)
        statuses = [("delivered" if direction == "incoming" else "sent", at)]
        if direction == "outgoing":
            statuses.append(("failed" if random.random() < 0.05 else "delivered", at + random.randint(1, 20)))
            if channel == "whatsapp" and statuses[-1][0] == "delivered" and random.random() < 0.7:
                statuses.append(("read", statuses[-1][1] + random.randint(10, 7200)))
        files = [self._photo(random)] if random.random() < 0.1 else []
        name = self.numbers.message_id(channel)
        remote, body = number or _number(random), random.choice(TEXTS)
        return Message(name, channel, direction, remote, group, body, statuses, files)

    def _photo(self, random: Random) -> Attachment:
        number = self.numbers.number()
        kind, name = random.choice((("image/jpeg", "photo.jpg"), ("image/png", "scan.png"), ("text/vcard", "card.vcf")))
        return Attachment(number, kind, name, random.randint(2_000, 300_000))


def _moment(random: Random, day: int) -> float:
    begin, end = BUSY if random.random() < 0.85 else (0, DAY)
    return float(day * DAY + random.randrange(begin, end))


def _name(random: Random) -> str:
    return f"{random.choice(FIRST)} {random.choice(LAST)}"


def _number(random: Random) -> str:
    return f"{random.choice(AREAS)}555{random.randrange(10_000):04}"
