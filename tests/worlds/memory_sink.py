"""A sink in memory: what it holds outlives the process that delivers, and a test arms its faults.

It is registered as ``memory`` by the fixture ``memory_sinks``; ``options: {place: NAME}`` names a place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from syncd.errors import SinkInvalid, SinkUnavailable
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, Wants, compact

Fault = Callable[["MemorySink", Sequence[Item]], list[Outcome]]
"""Takes the place of :meth:`MemorySink.write` for one call."""


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Record:
    """One record of a place. ``made``: when, in Unix seconds."""

    identity: str
    kind: str
    fields: dict[str, Any]
    made: float = 0.0
    contacts: set[str] = field(default_factory=set)


@dataclass
class Place:
    """What a sink writes to. ``faults``: what happens at the next calls, one each; None: nothing.

    ``bad``: identities that it refuses. ``strangers``: contacts that it does not have. ``calls``: the items of each
    call; ``looks``: how often records were looked for. ``hidden``: records that a look does not find yet.
    ``untold``: identities of which a look says nothing. ``lag``: seconds until a look finds a record; ``clock`` gives
    Unix seconds.
    ``people``: the contacts that were made, by id: number and name; ``asked``: each number that was asked for.
    ``trouble``: what happens at the next times that a contact is asked for: ``lost`` · ``down`` · ``refused`` ·
    ``killed``.
    """

    records: dict[str, Record] = field(default_factory=dict)
    faults: list[Fault | None] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    calls: list[list[Item]] = field(default_factory=list)
    looks: int = 0
    hidden: bool = False
    untold: set[str] = field(default_factory=set)
    lag: float = 0.0
    clock: Callable[[], float] = time.time
    number: int = 0
    loses_contacts: bool = False
    people: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def add(self, item: Item) -> str:
        self.number += 1
        name = f"r{self.number}"
        self.records[name] = Record(item.identity, item.kind, dict(item.fields), self.clock())
        return name

    def find(self, identity: str) -> str | None:
        return next((name for name, each in self.records.items() if each.identity == identity), None)

    def shown(self, identity: str) -> str | None:
        """Return what a look finds of an activity."""
        name = None if self.hidden else self.find(identity)
        return name if name and self.records[name].made <= self.clock() - self.lag else None

    def of(self, identity: str) -> Record:
        """Return the one record of an activity."""
        [found] = [each for each in self.records.values() if each.identity == identity]
        return found

    def identities(self) -> list[str]:
        """Return the identities of all records, in the order in which they were made; doubles come twice."""
        return [each.identity for each in self.records.values()]

    def sent(self) -> list[tuple[str, str]]:
        """Return the changes that were sent since the last time."""
        found: list[tuple[str, str]] = [(item.change, item.identity) for call in self.calls for item in call]
        self.calls.clear()
        return found


PLACES: dict[str, Place] = {}


def place(name: str = "office") -> Place:
    return PLACES.setdefault(name, Place())


class MemoryOptions(Options):
    """The options of a sink in memory: its place, and what it wants."""

    place: str = "office"
    batch: int = 100
    updates: bool = True
    idempotent: bool = True
    finds: bool = True
    erases: bool = True
    makes_contacts: bool = False
    associates: bool = True
    days: bool = False


class MemorySink(Sink):
    OPTIONS: ClassVar[type[Options]] = MemoryOptions

    @property
    def place(self) -> Place:
        return place(self._options.place)

    @property
    def _options(self) -> MemoryOptions:
        assert isinstance(self.options, MemoryOptions)
        return self.options

    def wants(self) -> Wants:
        return Wants(**self._options.model_dump(exclude={"place"}))

    def check(self) -> list[Note]:
        return []

    def prepare(self) -> list[Note]:
        return []

    def render(self, row: Row) -> Mapping[str, Any]:
        if row["kind"] == "message":
            return {"title": f"{row['channel']} message", "body": row["body"], "status": row["status"]}
        assert self.rules.calls
        texts = {name: row[name] for name in ("summary", "transcription", "status", "start_time")}
        return {"title": self.rules.calls.title.format_map(row), **texts}

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        self.place.calls.append(list(items))
        fault = self.place.faults.pop(0) if self.place.faults else None
        return fault(self, items) if fault else self.write(items)

    def write(self, items: Sequence[Item]) -> list[Outcome]:
        if self._options.days:
            self._replace(items)
        return [self._one(each) for each in items]

    def _replace(self, items: Sequence[Item]) -> None:
        """Write a day whole: what it had is gone."""
        place, [(kind, day)] = self.place, {(each.kind, each.day) for each in items}
        gone = [name for name, each in place.records.items() if each.kind == kind and each.fields["day"] == day]
        for name in gone:
            del place.records[name]

    def _one(self, item: Item) -> Outcome:
        place = self.place
        if item.identity in place.bad:
            return Outcome(item.identity, "rejected", reason="refused")
        known = item.remote_id if item.remote_id in place.records else None
        known = known or (place.find(item.identity) if self._options.idempotent else None)
        was_there = known is not None and item.change == "create"
        name = known or place.add(item)
        record, kept = place.records[name], []
        if self._options.days:
            record.fields["day"] = item.day
        elif item.change != "associate":
            kept = [key for key in item.fields if known and self._is_edited(item, key, record.fields.get(key))]
            record.fields |= {key: value for key, value in item.fields.items() if key not in kept}
        missing = [each for each in item.contacts if each in place.strangers]
        made = [] if place.loses_contacts else [each for each in item.contacts if each not in missing]
        record.contacts |= {*made}
        return Outcome(item.identity, "accepted", name, tuple(made), tuple(kept), tuple(missing), was_there=was_there)

    @staticmethod
    def _is_edited(item: Item, key: str, now: Any) -> bool:
        known = [fields[key] for fields in (item.sent, item.tried) if key in fields]
        return bool(known) and compact(now) not in known

    def find(self, items: Sequence[Item]) -> Mapping[str, str | None]:
        self.place.looks += 1
        asked = [each.identity for each in items if each.identity not in self.place.untold]
        return {each: self.place.shown(each) for each in asked}

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        return [each for each in remote_ids if self.place.records.pop(each, None) is not None]

    def create_contact(self, number: str, name: str | None) -> str:
        place = self.place
        place.asked.append(number)
        trouble = place.trouble.pop(0) if place.trouble else ""
        if trouble == "down":
            raise SinkUnavailable("the sink cannot be reached", in_doubt=False)
        if trouble == "refused":
            raise SinkInvalid("a contact was refused")
        known = next((each for each, (theirs, _) in place.people.items() if theirs == number), None)
        made = known or f"p{len(place.people) + 1}"
        place.people.setdefault(made, (number, name))
        if trouble == "killed":
            raise Killed
        if trouble == "lost":
            raise SinkUnavailable("the answer was lost")
        return made


def lost(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
    """Carry a call out, and lose its answer."""
    sink.write(items)
    raise SinkUnavailable("the answer was lost")


def down(_sink: MemorySink, _items: Sequence[Item]) -> list[Outcome]:
    """Refuse the connection: nothing is carried out."""
    raise SinkUnavailable("the sink cannot be reached", in_doubt=False)


def silent(_sink: MemorySink, _items: Sequence[Item]) -> list[Outcome]:
    """Lose a call before it is carried out; nobody can tell."""
    raise SinkUnavailable("no answer came")


def killed(_sink: MemorySink, _items: Sequence[Item]) -> list[Outcome]:
    """End the process before the call is carried out."""
    raise Killed


def killed_after(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
    """End the process after the call was carried out, and before its answer came."""
    sink.write(items)
    raise Killed


def half(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
    """Write the records, and lose their associations."""
    sink.place.loses_contacts = True
    try:
        return sink.write(items)
    finally:
        sink.place.loses_contacts = False


def killed_between(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
    """End the process after the records were written, and before their associations were."""
    half(sink, items)
    raise Killed
