"""Calls and messages that are delivered to sinks in memory, on a clock that a test moves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.deliver import deliver
from syncd.activity.delivering.book import Book
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import open_deliveries
from syncd.activity.opening import open_store
from syncd.activity.store.revisions import next_revision
from syncd.activity.store.store import ActivityStore
from syncd.config import Settings, load
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import of_call_row, of_event, of_message_row
from syncd.sink import SINKS
from syncd.state import State
from tests.worlds.memory_sink import PLACES, Killed, Place, place

NOW = 1_773_154_800.0
"""2026-03-10, 15:00 in UTC."""

HOUR, DAY = 3600.0, 86_400.0


class DeliveryWorld:
    """``now``: the time. ``crm``: the keys of the sink ``crm``; ``options``: its own options.

    ``more``: other sinks; ``gone``: sinks that are not configured any more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, NOW
        self.crm: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.more: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self.place = place(str(folder))
        self.place.clock = lambda: self.now
        self.sent: dict[str, dict[str, Any]] = {}

    def settings(self) -> Settings:
        sinks = {"crm": {"sink": "memory", "options": {"place": str(self.folder), **self.options}, **self.crm}}
        csv = {"connector": "csv", "options": {"path": "people.csv"}, "key": "id", "mapping": {"Name": "name"}}
        found = {
            "target": {"api_key": "test-key", "base_url": "http://127.0.0.1:9/v1", "limits": []},
            "state": "syncd.db",
            "sources": {"people": csv},
            "activity": {},
            "sinks": {name: each for name, each in {**sinks, **self.more}.items() if name not in self.gone},
        }
        path = self.folder / "syncd.yaml"
        path.write_text(json.dumps(found))
        return load(path)

    @contextmanager
    def store(self) -> Iterator[ActivityStore]:
        settings = self.settings()
        assert settings.activity
        with open_store(settings, settings.activity, clock=lambda: self.now) as store:
            yield store

    @contextmanager
    def state(self) -> Iterator[State]:
        with State(self.folder / "syncd.db", clock=lambda: self.now) as state:
            yield state

    def call(self, name: str = "c1", *, ago: float = HOUR, lasts: float | None = 60.0, **fields: Any) -> str:
        """Let a list show a call that began ``ago`` seconds before now; ``lasts``: None for one that goes on."""
        row: dict[str, Any] = {
            "call_id": name,
            "direction": "incoming",
            "status": "answered",
            "extension": "101",
            "remote_name": "Joe Poe",
            "remote_number": "2125550101",
            "group_number": "2125550199",
            "start_time": iso(self.now - ago),
            "end_time": None if lasts is None else iso(self.now - ago + lasts),
            "duration": lasts,
            "journey": [],
        }
        is_new = name not in self.sent
        self.sent[name] = {**self.sent.get(name, row), **fields}
        self.now -= is_new
        return self.again(name)

    def again_as(self, identity: str, **fields: Any) -> str:
        """Let a list show a call once more, named as sinks know it."""
        return self.again(identity.partition(":")[2], **fields)

    def again(self, name: str, **fields: Any) -> str:
        """Let a list show a call once more, with other fields; a second goes by."""
        self.now += 1
        self.sent[name] = {**self.sent[name], **fields}
        said = of_call_row(self.sent[name], self.now)
        assert said
        with self.store() as store:
            store.activities.take([said], by="list", arrived=self.now)
        return f"call:{name}"

    def transcribe(self, name: str, summary: str) -> None:
        """Let the event with the summary of a call arrive."""
        self.now += 1
        data = {**self.sent[name], "summary": summary, "transcription": f"All of {summary}"}
        envelope = {"id": f"evt_{name}_t", "event_type": "call.transcription", "timestamp": iso(self.now), "data": data}
        said = of_event(envelope, self.now)
        assert said
        with self.store() as store:
            store.activities.take([said], by="webhook", arrived=self.now)

    def calls(self, count: int, *, ago: float = 2 * HOUR, apart: float = 1.0, prefix: str = "c") -> list[str]:
        """Let a list show many calls, ``apart`` seconds from each other."""
        said = []
        for number in range(count):
            start = self.now - ago + number * apart
            row: dict[str, Any] = {"call_id": f"{prefix}{number:06}", "direction": "incoming", "status": "answered"}
            row |= {"remote_number": "2125550101", "group_number": "2125550199", "start_time": iso(start)}
            row.update(end_time=iso(start + 60), duration=60, extension="101", remote_name="Joe Poe")
            self.sent[row["call_id"]] = row
            observed = of_call_row(row, self.now)
            assert observed
            said.append(observed)
        with self.store() as store:
            for first in range(0, count, 500):
                store.activities.take(said[first : first + 500], by="list", arrived=self.now)
        return [f"call:{each.key}" for each in said]

    def ring(self, name: str, kind: str = "ended", **data: Any) -> str:
        """Let an event of a call arrive."""
        said: dict[str, Any] = {"call_id": name, "direction": "incoming", "extension": "101"}
        said["remote_number"] = "2125550101"
        said |= {"start_time": iso(self.now - 60), **data}
        if kind == "ended":
            said.update(end_time=iso(self.now), duration=60)
        envelope = {"id": f"evt_{name}", "event_type": f"call.{kind}", "timestamp": iso(self.now), "data": said}
        observed = of_event(envelope, self.now)
        assert observed
        with self.store() as store:
            store.activities.take([observed], by="webhook", arrived=self.now)
        return f"call:{name}"

    def message(self, name: str = "m1", *, ago: float = HOUR, **fields: Any) -> str:
        """Let a list show a message."""
        row = {
            "message_id": name,
            "direction": "incoming",
            "channel": "text",
            "remote_number": "2125550101",
            "group_number": "2125550199",
            "body": f"Text of {name}",
            "status": "delivered",
            "sent_time": iso(self.now - ago),
            **fields,
        }
        said = of_message_row(row, self.now)
        assert said
        with self.store() as store:
            store.activities.take([said], by="list", arrived=self.now)
        return f"message:{said.key}"

    def attribute(self, identity: str, *contacts: str, outcome: str = "matched", number: str | None = None) -> None:
        """Store whose an activity is: contacts of the source ``people``."""
        kind, _, key = identity.partition(":")
        with self.store() as store, store.write():
            store.put(
                "attribution",
                kind=kind,
                id=key,
                outcome=outcome,
                number=number,
                contacts=json.dumps([["people", each] for each in contacts]),
                candidates="[]",
                at=self.now,
                revision=next_revision(store),
            )

    def stranger(self, name: str = "c1", number: str = "2125550101", **fields: Any) -> str:
        """Let a list show a call of a number that nobody has."""
        identity = self.call(name, remote_number=number, **fields)
        self.attribute(identity, outcome="unknown", number=number)
        return identity

    def deliver(self, *names: str, dry_run: bool = False, eager: bool = True, book: Book | None = None) -> SinkReport:
        """Deliver to the sinks; return the report of the last one, with its error if it failed."""
        return self.deliver_all(*names, dry_run=dry_run, eager=eager, book=book)[-1]

    def deliver_all(
        self, *names: str, dry_run: bool = False, eager: bool = True, book: Book | None = None
    ) -> list[SinkReport]:
        settings = self.settings()
        reports: list[SinkReport] = []
        with open_deliveries(settings, dry_run=dry_run, clock=lambda: self.now) as session:
            session.eager, session.book = eager, book or session.book
            wanted = [sink for name, sink in settings.sinks.items() if name in names or not names]
            deliver(session, wanted, reports)
        return reports

    def die(self) -> None:
        """Deliver in a process that a fault ends."""
        try:
            self.deliver()
        except Killed:
            return
        raise AssertionError("nothing ended the process")

    def lose_deliveries(self) -> None:
        """Lose all that is noted of deliveries."""
        with self.store() as store:
            store.execute("DELETE FROM delivery")

    def copy(self) -> bytes:
        """Return a copy of the store."""
        with self.store():
            pass
        return (self.folder / "activity.db").read_bytes()

    def restore(self, copy: bytes) -> None:
        """Put a copy of the store in its place."""
        for each in self.folder.glob("activity.db*"):
            each.unlink()
        (self.folder / "activity.db").write_bytes(copy)

    def approve(self, gate: str, sink: str = "crm") -> None:
        """Approve what a gate holds."""
        with self.state() as state:
            [hold] = [each for each in state.holds.of(sink) if each["gate"] == gate]
            assert state.holds.approve(sink, hold["digest"])

    def status(self, identity: str, sink: str = "crm") -> str | None:
        """Return the status of a delivery."""
        kind, _, key = identity.partition(":")
        with self.store() as store:
            noted = store.deliveries.of(sink, kind, [key]).get(key)
        return noted.before.status if noted else None

    def moment(self, seconds: float) -> str:
        """Return a time so many seconds after now, as the API writes it."""
        return iso(self.now + seconds)

    def at_real_time(self) -> None:
        """Let the world's clock show the time of a command's process."""
        self.now = float(int(time.time()))

    def later(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def delivery_world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    """Register the sink in memory, and forget what it holds at the end."""
    assert isinstance(SINKS, dict)
    monkeypatch.setitem(SINKS, "memory", "tests.worlds.memory_sink:MemorySink")
    yield DeliveryWorld(folder)
    PLACES.clear()


def counts(report: SinkReport) -> Mapping[str, int]:
    """Return what is not zero of a report's counts."""
    return {name: number for name, number in report.counts.items() if number}


def held(report: SinkReport) -> Sequence[tuple[str, int]]:
    """Return the gates that hold something, with how much."""
    return [(each["gate"], each["count"]) for each in report.held]


__all__ = ["DAY", "HOUR", "NOW", "DeliveryWorld", "Place", "counts", "held"]
