"""The contract over the sink in memory."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest

from syncd.sink import Sink, SinkRules
from tests.contract.sink_memory import MemorySink, MemorySinkOptions, Records
from tests.contract.sinks import Fields, SinkContract, SinkWorld


class MemoryPlace:
    def __init__(self) -> None:
        self.place = Records()

    def sink(self) -> Sink:
        return MemorySink("memory", MemorySinkOptions(place=self.place), SinkRules())

    def records(self) -> Sequence[tuple[str, Fields]]:
        return list(self.place.records.values())

    def contacts_of(self, identity: str) -> Sequence[str]:
        [at] = [at for at, (known, _) in self.place.records.items() if known == identity]
        return list(self.place.associated[at])

    def contact(self) -> str:
        return self.place.contacts.setdefault(f"1212555{len(self.place.contacts):04}", f"p{len(self.place.contacts)}")

    def break_down(self) -> None:
        self.place.available = False

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return self.place.stalled()


class TestMemory(SinkContract):
    @pytest.fixture
    def world(self) -> SinkWorld:
        return MemoryPlace()
