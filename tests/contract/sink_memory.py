"""A sink over records in memory that can do all that a sink may: for the contract, and for the tests of deliveries."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ConfigDict

from syncd.errors import SinkInvalid, SinkUnavailable
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, SinkRules, Wants, record_of


@dataclass
class Records:
    """A place. ``records``: remote id to identity and fields; ``associated``: remote id to the ids of contacts.

    ``contacts``: number to id. ``made``: how many records there ever were. ``available``: whether it answers at all.
    ``busy``: while it is set, nothing is written; ``waiting``: a delivery waits for that.
    """

    records: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    associated: dict[str, set[str]] = field(default_factory=dict)
    contacts: dict[str, str] = field(default_factory=dict)
    made: int = 0
    available: bool = True
    busy: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def stalled(self) -> Iterator[threading.Event]:
        """Answer nobody while the block lasts."""
        self.busy.set()
        try:
            yield self.waiting
        finally:
            self.busy.clear()


class MemorySinkOptions(Options):
    """``place`` holds the records."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    place: Records
    wants: Wants = Wants(batch=7, finds=True, erases=True, makes_contacts=True, associates=True)


class MemorySink(Sink):
    """Writes to :class:`Records`."""

    OPTIONS = MemorySinkOptions

    def __init__(self, name: str, options: Options, rules: SinkRules) -> None:
        super().__init__(name, options, rules)
        self._options = cast(MemorySinkOptions, options)
        self._cancelled = threading.Event()

    def wants(self) -> Wants:
        return self._options.wants

    def check(self) -> list[Note]:
        self._place()
        return [Note("the memory can be written", good=True)]

    def render(self, row: Row) -> Mapping[str, Any]:
        return record_of(row, self.rules.calls)

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        return [self._take(item) for item in items]

    def find(self, items: Sequence[Item]) -> Mapping[str, str | None]:
        known = {identity: at for at, (identity, _) in self._place().records.items()}
        return {item.identity: known.get(item.identity) for item in items}

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        for remote_id in remote_ids:
            self._place().records.pop(remote_id, None)
        return remote_ids

    def create_contact(self, number: str, name: str | None) -> str:
        contacts = self._place().contacts
        return contacts.setdefault(number, f"p{len(contacts) + 1}")

    def cancel(self) -> None:
        self._cancelled.set()

    def _take(self, item: Item) -> Outcome:
        place = self._place()
        remote_id = self.find([item])[item.identity]
        if remote_id is None:
            place.made += 1
            remote_id = f"r{place.made}"
        if item.change != "associate":
            place.records[remote_id] = item.identity, item.fields
        missing = tuple(each for each in item.contacts if each not in place.contacts.values())
        there = tuple(each for each in item.contacts if each not in missing)
        place.associated.setdefault(remote_id, set()).update(there)
        return Outcome(item.identity, "accepted", remote_id, contacts=there, missing=missing)

    def _place(self) -> Records:
        place = self._options.place
        while place.busy.is_set():
            place.waiting.set()
            if self._cancelled.wait(0.01):
                raise SinkUnavailable(f"{self.name}: the delivery was stopped")
        if not place.available:
            raise SinkInvalid(f"{self.name} is switched off: switch it on")
        return place
