"""Whatever several sources change, a run says of callers what a look at the target before and after it shows."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.core.callers.effects import CROWD
from syncd.core.settings.rules import DECIDING
from syncd.plan import callers
from syncd.report.source_report import SourceReport, callers_of
from tests.examples import examples
from tests.worlds.tenants import POISON
from tests.worlds.world import TENANTS, World, company

NAMES = ("Ann", "Bo", "Cy", "Poison")
SOURCES = ("one", "two", "three")

Row = tuple[int, tuple[int, ...]]
"""A name and numbers, each by its place in a list."""

Rows = Mapping[tuple[str, int], Row]
"""The rows of all sources, by source and key."""

Held = dict[str, list[str]]
"""The names of the contacts that hold each number."""

Effect = tuple[str, str, tuple[str, ...], tuple[str, ...]]


KEYS = st.tuples(st.sampled_from(SOURCES), st.integers(0, 4))


def drawn_rows() -> st.SearchStrategy[Rows]:
    # The first number is in many contacts, the last in few.
    numbers = st.lists(st.sampled_from([0, 0, 0, 1, 1, 2]), max_size=3, unique=True).map(tuple)
    row = st.tuples(st.integers(0, len(NAMES) - 1), numbers)
    return st.dictionaries(KEYS, row, max_size=12)


def phones(numbers: Iterable[int]) -> str:
    return ";".join(f"212555010{number}" for number in numbers)


def write(world: World, rows: Rows, *, shared: bool, policy: str) -> None:
    """Let the sources hold these rows; ``shared``: rows of different sources with one key ask for one contact.

    ``policy``: who has a number that several rows give.
    """
    free = {"at_most": {"share": "100%"}}
    for source in SOURCES:
        options = {"path": f"{source}.csv", "settle": 0}
        world.sources[source] = {**TENANTS, "options": options, "deletes": free, "updates": free}
        world.sources[source]["phones"] = {"shared": policy}
        mine = {key: row for (each, key), row in rows.items() if each == source}
        world.write(
            [
                (f"{'' if shared else source}{key}", NAMES[name], phones(numbers))
                for key, (name, numbers) in mine.items()
            ],
            f"{source}.csv",
        )


def choose(world: World, who: tuple[str, int], *, shared: bool) -> None:
    """Let a person say that the first number is this contact's."""
    source, key = who
    with world.state() as state:
        state.shared.assign(phones([0]), source, f"{'' if shared else source}{key}", {"Phone"})


def held(world: World) -> Held:
    """Return who holds each number at the target, of the contacts that the ledger knows."""
    with closing(sqlite3.connect(world.folder / "syncd.db")) as state:
        known = {id_ for (id_,) in state.execute("SELECT remote_id FROM contact")}
    found: Held = {}
    for contact in world.sandbox.store.contacts():
        if contact["id"] in known:
            for number in contact["fields"].get("Phone", "").split(";"):
                found.setdefault(number, []).append(contact["fields"].get("Name", ""))
    return {number: sorted(names) for number, names in found.items() if number}


def told(before: Held, after: Held) -> set[Effect]:
    """Return the difference in plain words of the contract, without a line of syncd's."""
    found = set()
    for number in {*before, *after}:
        old, new = before.get(number, []), after.get(number, [])
        kind = ""
        if bool(old) != bool(new):
            kind = "gain" if new else "lose"
        elif len(old) == len(new) == 1:
            kind = "change" if old != new else ""
        elif 1 in (len(old), len(new)):
            kind = "ambiguous" if len(old) == 1 else "resolved"
        if kind:
            found.add((number, kind, tuple(old), tuple(new)))
    return found


def said(reports: list[SourceReport]) -> set[Effect]:
    return {
        (each["number"], each["kind"], tuple(each["old"]), tuple(each["new"])) for each in callers_of(reports).rows()
    }


class History(NamedTuple):
    """The rows ``first``, and ``then``; between the two, ``persons`` make contacts of their own.

    ``shared``: rows of different sources with one key ask for one contact. ``refusing``: the target refuses the name
    Poison from then on. ``crowd``: so many contacts with one number are not told one by one. ``policies``: who has a
    number that several rows give, first and then. ``chosen``: whose a person says the first number is, in between.
    """

    first: Rows
    then: Rows
    persons: Rows
    shared: bool = False
    refusing: bool = False
    crowd: int = CROWD
    policies: tuple[str, str] = ("warn", "warn")
    chosen: tuple[str, int] | None = None


HISTORIES = st.builds(
    History,
    drawn_rows(),
    drawn_rows(),
    drawn_rows(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([3, CROWD]),
    st.tuples(*2 * [st.sampled_from(["warn", *sorted(DECIDING)])]),
    st.none() | KEYS,
)

MOVES = History({("one", 0): (0, (0,)), ("two", 1): (1, (1,))}, {("two", 1): (1, (0, 1))}, {})
HANDED_OVER = History({("two", 0): (0, (0,))}, {("one", 0): (1, (0, 1)), ("three", 2): (0, (0,))}, {}, shared=True)
LOST = History(
    {("two", 0): (0, (0, 2)), ("two", 1): (0, ())}, {("one", 0): (1, (0,)), ("two", 1): (0, ())}, {}, shared=True
)
BEFORE_REFUSED: Rows = {("one", 0): (0, (0,)), ("one", 1): (1, (1,))}
REFUSED = History(BEFORE_REFUSED, {("one", 0): (3, (1,)), ("one", 1): (1, ())}, {}, refusing=True)
MANY: Rows = {("one" if key < 3 else "two", key): (key % 2, (0,)) for key in range(5)}
A_CROWD = History(MANY, {**MANY, ("one", 0): (0, (1,)), ("two", 3): (2, (0, 1))}, {}, crowd=3)
GIVEN_FIRST: Rows = {(source, key): (key, (2,)) for source, key in (("two", 1), ("two", 2), ("two", 3), ("three", 0))}
A_NEW_CROWD = History({}, GIVEN_FIRST, {}, crowd=3)
BOTH: Rows = {("one", 1): (0, (0,)), ("one", 2): (1, (0,))}
CHOSEN = History(BOTH, BOTH, {}, policies=("hold", "hold"), chosen=("one", 2))
CHOSEN_INSTEAD = History(BOTH, BOTH, {}, policies=("first", "first"), chosen=("one", 2))
GIVEN_BACK = History(BOTH, BOTH, {}, policies=("hold", "warn"))
ADOPTED = History({}, {("one", 1): (1, (0, 1))}, {("three", 1): (2, (2,))}, shared=True)


@settings(
    max_examples=examples(8, 300),
    deadline=None,
    database=None,
    derandomize=examples(1, 0) == 1,
    suppress_health_check=list(HealthCheck),
)
@given(history=HISTORIES)
@example(history=MOVES)
@example(history=HANDED_OVER)
@example(history=LOST)
@example(history=REFUSED)
@example(history=ADOPTED)
@example(history=CHOSEN)
@example(history=CHOSEN_INSTEAD)
@example(history=GIVEN_BACK)
@example(history=A_CROWD)
@example(history=A_NEW_CROWD)
def test_a_run_says_what_the_target_shows(history: History) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        company(Path(folder)) as world,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(callers, "CROWD", history.crowd)
        world.sources = {}
        write(world, history.first, shared=history.shared, policy=history.policies[0])
        world.run_all()
        for (_, key), (name, numbers) in history.persons.items():
            world.sandbox.store.add({"External ID": f"{key}", "Name": NAMES[name], "Phone": phones(numbers)})
        write(world, history.then, shared=history.shared, policy=history.policies[1])
        if history.chosen:
            choose(world, history.chosen, shared=history.shared)
        if history.refusing:
            world.sandbox.arm(POISON)
        before, planned = held(world), world.run_all(dry_run=True)
        made = world.run_all()
        assert said(made) == told(before, held(world))
        # A dry run cannot know what the target will refuse, nor which contact an earlier source will let go.
        if not history.refusing and not history.shared:
            assert said(planned) == said(made)
