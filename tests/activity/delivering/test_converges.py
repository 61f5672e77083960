"""Any sequence of calls, changes, faults and runs ends with the sink as the rules say of the store, and no double."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.activity.delivering.gathering import KINDS
from syncd.sink import SINKS
from tests.examples import examples
from tests.worlds.delivery_world import DAY, DeliveryWorld
from tests.worlds.memory_sink import (
    Killed,
    MemorySink,
    down,
    half,
    killed,
    killed_after,
    killed_between,
    lost,
    place,
    silent,
)

NAMES = ("c1", "c2", "c3")
FAULTS = (down, half, killed, killed_after, killed_between, lost, silent)

Step = tuple[str, str, int]
"""What happens, to which call or message, and a number that tells how."""

DOINGS = (
    *("call", "ring", "text", "rename", "message", "attribute"),
    *("fault", "later", "deliver", "lose state", "copy", "restore", "bad"),
)

STEPS = st.lists(st.tuples(st.sampled_from(DOINGS), st.sampled_from(NAMES), st.integers(0, 6)), max_size=25)

BROKEN_OFF: list[Step] = [
    ("deliver", "c1", 0),
    ("call", "c1", 0),
    ("fault", "c1", 3),
    ("deliver", "c1", 0),
    ("lose state", "c1", 0),
]
"""The first run that sends something is killed once the sink has it, and its note is lost."""


class Play:
    """Plays steps in a world, and brings it to rest."""

    def __init__(self, world: DeliveryWorld) -> None:
        self.world = world
        self.copy: bytes | None = None
        self.was_restored = False

    def step(self, do: str, name: str, number: int) -> None:
        world, known = self.world, name in self.world.sent
        acts: Mapping[str, Callable[[], object]] = {
            "call": lambda: world.call(name, ago=600.0 + number),
            "ring": lambda: world.ring(f"rung {name}"),
            "text": partial(world.transcribe, name, f"text {number}") if known else lambda: None,
            "rename": partial(world.again, name, remote_name=f"Name {number}") if known else lambda: None,
            "message": lambda: world.message(name, ago=600.0, status=("sent", "delivered", "read")[number % 3]),
            "attribute": partial(world.attribute, f"call:{name}", str(number)) if known else lambda: None,
            "fault": lambda: world.place.faults.append(FAULTS[number]),
            "later": lambda: world.later((0.0, 1.0, 60.0, 300.0, 900.0, 3_600.0, DAY)[number]),
            "deliver": self.deliver,
            "lose state": world.lose_deliveries,
            "copy": self.make_copy,
            "restore": self.restore,
            "bad": lambda: world.place.bad.symmetric_difference_update({f"call:{name}"}),
        }
        acts[do]()

    def deliver(self) -> None:
        try:
            self.world.deliver()
        except Killed:
            # A lease outlives its process; it is found dead.
            with self.world.state() as state:
                state.execute("DELETE FROM lease")

    def make_copy(self) -> None:
        self.copy = self.world.copy()

    def restore(self) -> None:
        """Put back a store of before."""
        if self.copy is not None:
            self.world.restore(self.copy)
            self.was_restored = True

    def rest(self) -> None:
        """Let all faults end, and a person approve what waits, until nothing is left to do."""
        world = self.world
        world.place.faults.clear()
        world.place.bad.clear()
        for name in NAMES:
            if name in world.sent:
                world.again(name, remote_name="At last")
        for _ in range(6):
            world.later(3_600.0)
            self.deliver()
            with world.state() as state:
                for hold in state.holds.lists("crm"):
                    # Who approves what may have been made looks whether it was.
                    self.settle_doubt(hold["gate"])
                    state.holds.approve("crm", hold["digest"])
        world.place.sent()

    def settle_doubt(self, gate: str) -> None:
        """Remove at the sink what an approval makes once more."""
        asks = {"activity.doubt"} if self.world.options["finds"] else {"activity.doubt", "activity.lost_state"}
        if gate not in asks:
            return
        with self.world.store() as store:
            for identity in store.deliveries.held("crm")[gate]:
                for found in [key for key, each in self.world.place.records.items() if each.identity == identity]:
                    del self.world.place.records[found]


def wanted(world: DeliveryWorld) -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Return the fields and the contacts that the store asks for, by identity."""
    with world.store() as store, world.settings().sinks["crm"].connect() as sink:
        assert isinstance(sink, MemorySink)
        found = {}
        for kind in KINDS:
            for row in store.activities.select(kind=kind):
                key = row["id"] if kind == "call" else f"{row['channel']}:{row['id']}"
                contacts = {each["key"] for each in row["contacts"]}
                found[f"{kind}:{key}"] = (dict(sink.render(row)), contacts)
        return found


@pytest.mark.parametrize(
    "options",
    [
        {"idempotent": True, "finds": True},
        {"idempotent": False, "finds": True},
        {"idempotent": False, "finds": False},
    ],
    ids=["idempotent", "finds", "neither"],
)
@settings(
    max_examples=examples(6, 150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, batch=st.sampled_from((1, 2, 100)))
@example(steps=[("ring", "c1", 0), ("deliver", "c1", 0), ("lose state", "c1", 0)], batch=1)
@example(steps=BROKEN_OFF, batch=1)
@example(steps=[*BROKEN_OFF, ("deliver", "c1", 0)], batch=1)
def test_the_sink_is_what_the_store_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], steps: list[Step], batch: int
) -> None:
    monkeypatch.setitem(SINKS, "memory", "tests.worlds.memory_sink:MemorySink")
    folder = tmp_path / "world"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    place(str(folder)).__init__()  # type: ignore[misc]
    world = DeliveryWorld(folder)
    world.crm, world.options = {"contacts": "people"}, {**options, "batch": batch}
    # It shows what it was sent late, but before a person is asked.
    world.place.lag = 600.0
    play = Play(world)
    for each in steps:
        play.step(*each)
    play.rest()
    asked = wanted(world)
    if play.was_restored:
        # What only a lost store knew is there, and nobody can tell how it was worded last.
        assert set(asked) <= {*world.place.identities()}, "each activity has a record"
        assert len({*world.place.identities()}) == len(world.place.identities()), "none has two"
        return
    assert sorted(world.place.identities()) == sorted(asked), "each activity has one record"
    for identity, (fields, contacts) in asked.items():
        record = world.place.of(identity)
        assert record.fields == fields, identity
        # Associations are never removed, whoever has the number now.
        assert record.contacts >= contacts, identity
    world.deliver()
    assert world.place.sent() == [], "nothing is left to do"
