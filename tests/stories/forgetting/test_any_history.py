"""After any history, no contact of a forgotten key is at the target, no contact has a forgotten number, and all else is
as the sources say."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
from hypothesis import HealthCheck, example, given, settings

from syncd.forget import Forgetting, Wanted, forget
from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled
from syncd.run.session import Session, open_session
from syncd.state.leaving.forgotten import Forgotten
from tests.examples import examples
from tests.worlds.forgetting import left_in_files
from tests.worlds.runs import undo
from tests.worlds.world import TENANTS, World, company

SOURCES = ("tenants", "owners")
KEYS = tuple(str(n) for n in range(1, 5))
NUMBERS = tuple(f"212555010{n}" for n in range(5))

EDITS = st.tuples(
    st.just("edit"), st.sampled_from(SOURCES), st.sampled_from(KEYS), st.lists(st.sampled_from(NUMBERS), max_size=2)
)
STEPS = st.one_of(
    EDITS,
    EDITS,
    st.tuples(st.just("leave"), st.sampled_from(SOURCES), st.sampled_from(KEYS)),
    st.tuples(st.just("run"), st.booleans()),
    st.tuples(st.just("forget"), st.sampled_from(SOURCES), st.sampled_from(KEYS)),
    st.tuples(st.just("number"), st.sampled_from(NUMBERS)),
    st.tuples(st.sampled_from(["back up", "restore", "lose", "undo", "repair", "allow"])),
)

ANN_CAME = [("edit", "tenants", "1", NUMBERS[:1])]


class History:
    """A company of two sources, and what it should be. Each row has a name that no other row ever has."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows: dict[str, dict[str, tuple[str, list[str]]]] = {name: {} for name in SOURCES}
        self.keys: set[tuple[str, str]] = set()
        self.numbers: set[str] = set()
        self.names = 0
        for name in SOURCES:
            source = copy.deepcopy(TENANTS)
            source["options"]["path"] = f"{name}.csv"
            source["mapping"]["External ID"] = {"sql": f"'{name} ' || id"}
            source["deletes"] = {"adopted": True, "at_most": {"count": 500, "share": "100%", "free": 500}}
            source["updates"] = {"at_most": {"share": "100%"}}
            source["phones"] = {"shared": "allow"}
            world.sources[name] = source
            self.write(name)
        self.run()

    def write(self, name: str) -> None:
        anchor = [("anchor", f"{name} who stays", "7185550100")]
        rows = [(key, who, ";".join(numbers)) for key, (who, numbers) in self.rows[name].items()]
        self.world.write([*anchor, *rows], f"{name}.csv")

    def step(self, what: str, *values: object) -> None:
        getattr(self, what.replace(" ", "_"))(*values)

    def edit(self, name: str, key: str, numbers: Sequence[str]) -> None:
        self.names += 1
        self.rows[name][key] = (f"Person Number{self.names:03}", list(numbers))
        self.write(name)

    def leave(self, name: str, key: str) -> None:
        self.rows[name].pop(key, None)
        self.write(name)

    def run(self, full: bool = False) -> None:
        self.world.run_all(full=full)
        # What a run holds, such as an undone change, is what a person wanted.
        assert self.wrong() == []

    @contextmanager
    def session(self) -> Iterator[Session]:
        with open_session(self.world.settings(), sleep=lambda _: None) as session:
            yield session

    def forget(self, name: str, key: str) -> None:
        # After a lost state only a run tells syncd which contacts are its own.
        self.run()
        with self.session() as session:
            forget(session, Wanted(name, key), Forgetting(dry_run=False))
        self.keys.add((name, key))
        assert self.wrong() == []

    def number(self, number: str) -> None:
        self.run()
        with self.session() as session:
            wanted, found = Wanted(numbers=frozenset([number])), Forgetting(dry_run=False)
            forget(session, wanted, found)
            if found.held:
                forget(session, wanted, found, [found.held.digest])
        self.numbers.add(number)
        assert self.wrong() == []
        assert left_in_files(self.world.folder, number) == {}

    def called(self, name: str, key: str) -> set[str]:
        return {self.rows[name][key][0]} if key in self.rows[name] else set()

    def back_up(self) -> None:
        shutil.copy(self.world.folder / "syncd.db", self.world.folder / "backup")

    def restore(self) -> None:
        if (self.world.folder / "backup").exists():
            shutil.copy(self.world.folder / "backup", self.world.folder / "syncd.db")

    def lose(self) -> None:
        (self.world.folder / "syncd.db").unlink(missing_ok=True)
        self.run()

    def undo(self) -> None:
        self.run()
        with self.world.state() as state:
            runs = [each for each in state.history.runs() if each["kind"] == "run" and each["source"] == "tenants"]
        before = self.there()
        undo(self.world, runs[0]["run"])
        assert self.wrong(only_forgotten=True) == []
        # What was undone stays undone until the row changes: the model follows.
        with self.world.state() as state:
            state.holds.let_go("tenants", [*KEYS])
            state.cursors.drop("tenants")
        self.run()
        assert self.there() == before

    def repair(self) -> None:
        with self.session() as session:
            reconcile(session, list(session.settings.sources.values()), Reconciled(repair=True))
        assert self.wrong(only_forgotten=True) == []
        self.run()

    def allow(self) -> None:
        forgotten = Forgotten(self.world.folder / "syncd.db")
        if entries := forgotten.entries():
            forgotten.allow(entries[-1].digest)
            self.keys, self.numbers = self.left(forgotten)
            self.run()

    def left(self, forgotten: Forgotten) -> tuple[set[tuple[str, str]], set[str]]:
        keys = {(name, key) for name, key in self.keys if self.is_forgotten(forgotten, name, key)}
        return keys, {number for number in self.numbers if forgotten.has_number(number)}

    def is_forgotten(self, forgotten: Forgotten, name: str, key: str) -> bool:
        return bool(forgotten.of(name).forgotten_keys(pl.Series([key])).any())

    def there(self) -> dict[str, tuple[str, str]]:
        return {key: (each["Name"], each.get("Phone", "")) for key, each in self.world.there().items()}

    def expected(self) -> dict[str, tuple[str, str]]:
        found = {f"{name} anchor": (f"{name} who stays", "7185550100") for name in SOURCES}
        for name, rows in self.rows.items():
            for key, (who, numbers) in rows.items():
                left = [number for number in dict.fromkeys(numbers) if number not in self.numbers]
                if (name, key) not in self.keys and (left or not numbers):
                    found[f"{name} {key}"] = (who, ";".join(left))
        return found

    def wrong(self, *, only_forgotten: bool = False) -> list[str]:
        there, expected = self.there(), self.expected()
        found = [f"forgotten: {key}" for name, key in self.keys if f"{name} {key}" in there]
        found += [f"number: {key}" for key, (_, phone) in there.items() if self.numbers & set(phone.split(";"))]
        if not only_forgotten and there != expected:
            found.append(f"{there} != {expected}")
        return found


@example(steps=[*ANN_CAME, ("back up",), ("forget", "tenants", "1"), ("restore",), ("repair",)])
@example(steps=[("edit", "owners", "2", NUMBERS[:2]), ("back up",), ("number", NUMBERS[1]), ("restore",), ("allow",)])
@example(steps=[*ANN_CAME, ("run", False), ("leave", "tenants", "1"), ("forget", "tenants", "1"), ("undo",)])
@given(steps=st.lists(STEPS, min_size=3, max_size=10))
@settings(
    max_examples=examples(4, 150),
    suppress_health_check=list(HealthCheck),
)
def test_what_was_forgotten_stays_away_and_nothing_else_is_touched(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, company(Path(folder)) as world:
        history = History(world)
        for what, *values in steps:
            history.step(str(what), *values)
        history.run()
        history.run(full=True)
        forgotten = {who for name, key in history.keys for who in history.called(name, key)}
        assert left_in_files(world.folder, *history.numbers, *forgotten) == {}
