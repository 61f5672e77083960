"""The sinks of a company: what goes wrong at them, and what they must hold in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from syncd.activity.store.store import ActivityStore
from syncd.config import Settings
from syncd.sink import SINKS
from tests.worlds import memory_sink
from tests.worlds.memory_sink import PLACES, Fault, Killed, Place, place

FAULTS: Mapping[str, Fault | None] = {
    "none": None,
    "lost": memory_sink.lost,
    "down": memory_sink.down,
    "silent": memory_sink.silent,
    "killed": memory_sink.killed,
    "killed after": memory_sink.killed_after,
    "half": memory_sink.half,
    "killed between": memory_sink.killed_between,
}
"""What may happen at one call of a sink."""

KINDS = ("idempotent", "by looking", "by days")
"""The sinks: a repeated item makes no second record; one is looked for; a day is written whole."""

Trouble = tuple[str, list[str]]
"""A sink, and the names of faults."""


def troubles() -> st.SearchStrategy[Trouble]:
    """Draw what goes wrong at the next calls of one sink."""
    return st.tuples(st.sampled_from(KINDS), st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=4))


def written(home: Path) -> dict[str, Any]:
    """Return the sinks as a configuration has them."""
    options: dict[str, dict[str, Any]] = {
        "idempotent": {},
        "by looking": {"idempotent": False},
        "by days": {"days": True, "associates": False},
    }
    limits = {"older": "365d"}
    return {
        _name(kind): {"sink": "memory", "options": {"place": f"{home}/{kind}", **options[kind]}, "at_most": limits}
        for kind in KINDS
    }


class Sinks:
    """The sinks of the company at ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def place(self, kind: str) -> Place:
        return place(f"{self.home}/{kind}")

    def close(self) -> None:
        for kind in KINDS:
            PLACES.pop(f"{self.home}/{kind}", None)

    def trouble(self, kind: str, faults: Sequence[str]) -> None:
        self.place(kind).faults += [FAULTS[each] for each in faults]

    def calm(self) -> None:
        for kind in KINDS:
            self.place(kind).faults.clear()

    def lose(self, store: ActivityStore) -> None:
        """Forget what the idempotent sink was sent."""
        store.execute("DELETE FROM delivery WHERE sink = :sink", sink=_name("idempotent"))

    def are_right(self, settings: Settings, store: ActivityStore) -> None:
        """Require of each sink one record for each activity that has ended, worded as the store has it.

        What a sink may have, and does not find, waits for a person: it may be missing there.
        """
        rows = list(store.activities.select())
        for kind in KINDS:
            there = Counter(self.place(kind).identities())
            doubles = [identity for identity, count in there.items() if count > 1]
            assert not doubles, f"the sink {kind} has a double"
            wanted = dict(_wanted(settings, _name(kind), rows))
            held = {each for those in store.deliveries.held(_name(kind)).values() for each in those}
            assert not held or kind == "by looking", f"the sink {kind} waits for a person"
            assert there.keys() <= wanted.keys(), f"the sink {kind} has records of nothing"
            assert wanted.keys() - held <= there.keys(), f"the sink {kind} lacks activities"
            for identity, fields in [each for each in wanted.items() if each[0] not in held]:
                found = {name: self.place(kind).of(identity).fields.get(name) for name in fields}
                assert found == fields, f"the sink {kind} has {found} and not {fields}"


def _wanted(
    settings: Settings, name: str, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    sink = settings.sinks[name].connect()
    for row in rows:
        identity = f"call:{row['id']}" if row["kind"] == "call" else f"message:{row['channel']}:{row['id']}"
        if row["kind"] == "message" or row["status"] != "open":
            yield identity, sink.render(row)


def _name(kind: str) -> str:
    return kind.replace(" ", "-")


@contextmanager
def memory_sinks() -> Iterator[None]:
    """Let a configuration name sinks in memory."""
    assert isinstance(SINKS, dict)
    with patch.dict(SINKS, {"memory": "tests.worlds.memory_sink:MemorySink"}):
        yield


__all__ = ["KINDS", "Killed", "Sinks", "Trouble", "memory_sinks", "troubles", "written"]
