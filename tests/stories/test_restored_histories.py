"""A backup at any moment of any history, restored at any later one: no twin, no wrong delete, and nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from syncd.core.ownership import PATIENCE
from syncd.state.hand.backup import back_up
from syncd.state.hand.reset import Resets
from syncd.state.hand.restore import condition_of, restore
from tests.examples import examples
from tests.worlds.tenants import SWAP_FIELDS
from tests.worlds.world import TENANTS, World

Pair = tuple[str, str]
"""The name and the number of a contact: its match value."""


class History:
    """Two sources whose rows change at random, and persons who add contacts by hand."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        # The gate of an empty source is not what is tried here.
        firsts = {"tenants": "2125559901", "owners": "2125559902"}
        self.rows = {name: {f"first of {name}": (name, phone)} for name, phone in firsts.items()}
        self.persons: list[Pair] = []
        self.asked: set[Pair] = set()
        self.made = 0
        for name in self.rows:
            world.sources[name] = {
                **TENANTS,
                "options": {"path": f"{name}.csv", "settle": 0},
                "mapping": {"Name": "name", "Phone": ["phone"], "Ref": "id"},
                "deletes": {"at_most": {"count": 100, "share": "100%"}},
                "updates": {"at_most": {"share": "100%"}},
                "keys": {"at_most": {"share": "100%"}},
            }

    def change(self) -> None:
        """Add, change, exchange, hand over and remove rows."""
        for rows in self.rows.values():
            for _ in range(self.random.randrange(3)):
                self.made += 1
                rows[f"k{self.made}"] = (f"Tenant {self.made}", f"212555{self.made:04}")
            movable = [key for key in rows if not key.startswith("first")]
            for key in [each for each in movable if self.random.random() < 0.15]:
                self.made += 1
                name, phone = rows[key]
                rows[key] = (name, f"212555{self.made:04}") if self.random.random() < 0.5 else (f"X{self.made}", phone)
            if len(movable) > 1 and self.random.random() < 0.3:
                one, other = self.random.sample(sorted(movable), 2)
                rows[one], rows[other] = rows[other], rows[one]
            for key in [each for each in movable if self.random.random() < 0.1]:
                del rows[key]
        if len(self.rows["tenants"]) > 1 and self.random.random() < 0.2:
            key = self.random.choice(sorted(each for each in self.rows["tenants"] if not each.startswith("first")))
            self.made += 1
            self.rows["owners"][f"o{self.made}"] = self.rows["tenants"].pop(key)
        if self.random.random() < 0.3:
            self.made += 1
            self.persons.append((f"Person {self.made}", f"718555{self.made:04}"))
            self.world.sandbox.store.add({"Name": self.persons[-1][0], "Phone": self.persons[-1][1]})

    def run(self, *, faults: bool = False) -> None:
        for name, rows in self.rows.items():
            self.world.write([(key, *pair) for key, pair in sorted(rows.items())], f"{name}.csv")
            self.asked.update(rows.values())
        if faults and self.random.random() < 0.5:
            method, done = self.random.choice(["POST", "DELETE"]), self.random.random() < 0.5
            self.world.sandbox.arm({"kind": "drop", "method": method, "times": None, "done": done})
        self.world.run_all()
        self.world.sandbox.disarm()

    @property
    def wanted(self) -> list[Pair]:
        return sorted([*self.persons, *(pair for rows in self.rows.values() for pair in rows.values())])

    @property
    def there(self) -> list[Pair]:
        found = [each["fields"] for each in self.world.sandbox.store.contacts()]
        return sorted((fields.get("Name", ""), fields.get("Phone", "")) for fields in found)


@pytest.fixture
def history(tmp_path: Path, request: pytest.FixtureRequest, world: World) -> History:
    world.sandbox.store.set_fields(SWAP_FIELDS)
    return History(world, request.param)


SEEDS = range(examples(3, 300))
any_history = pytest.mark.parametrize("history", SEEDS, indirect=True)


def lived(history: History, runs: int) -> None:
    for _ in range(history.random.randrange(runs)):
        history.change()
        history.run(faults=True)


def settle(history: History) -> None:
    """Run until nothing is open any more: what lost calls may have made is looked for until some minutes later."""
    for _ in range(2):
        history.world.later += PATIENCE + 1
        history.run()


@any_history
def test_a_restored_state_changes_nothing_where_nothing_has_changed(history: History, tmp_path: Path) -> None:
    state, saved = tmp_path / "syncd.db", tmp_path / "saved.db"
    history.change()
    history.run(faults=True)
    lived(history, 3)
    back_up(state, saved, now=1.0)
    lived(history, 4)
    settle(history)
    assert history.there == history.wanted
    ids = history.world.sandbox.store.ids()
    restore(saved, state, condition_of(state))
    settle(history)
    assert history.there == history.wanted
    # Not one contact was made anew.
    assert history.world.sandbox.store.ids() == ids


@any_history
def test_a_restored_state_brings_what_the_sources_say_now(history: History, tmp_path: Path) -> None:
    state, saved = tmp_path / "syncd.db", tmp_path / "saved.db"
    history.change()
    history.run(faults=True)
    lived(history, 3)
    back_up(state, saved, now=1.0)
    history.asked = {pair for rows in history.rows.values() for pair in rows.values()}
    lived(history, 4)
    restore(saved, state, condition_of(state))
    lived(history, 3)
    settle(history)
    there, wanted = history.there, history.wanted
    left = [pair for pair in there if pair not in wanted]
    # What was made since the backup, and has left its source before the state knew of it, stays: a person decides.
    assert set(left) <= history.asked
    assert sorted([*wanted, *left]) == there


@any_history
def test_a_forgotten_ledger_makes_no_twin_and_deletes_nothing(history: History, tmp_path: Path) -> None:
    state = tmp_path / "syncd.db"
    history.change()
    history.run(faults=True)
    lived(history, 4)
    settle(history)
    assert history.there == history.wanted
    with history.world.state() as file:
        source = history.random.choice(sorted(history.rows))
        Resets(file).make(source, "ledger")
    assert state.exists()
    ids = set(history.world.sandbox.store.ids())
    settle(history)
    assert history.there == history.wanted
    assert set(history.world.sandbox.store.ids()) == ids
