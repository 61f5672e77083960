"""The index of numbers says what the ledger says, whatever changed a contact, and whoever was killed meanwhile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from syncd.core.change import CallOutcome, Fields
from syncd.core.company.relink import Link
from syncd.state import State
from syncd.state.journal import Settled
from syncd.state.numbers import holders
from syncd.state.numbers.book import NumberBook
from tests.worlds.holding import held, indexed
from tests.worlds.journal import accept, change

PHONES = frozenset({"Phone", "Mobile"})
NUMBERS = [f"212555010{n}" for n in range(4)]
EVERY = pl.Series([*NUMBERS, "442079460958"])

sources = st.sampled_from(["s", "t"])
keys = st.sampled_from(["a", "b", "c"])
ids = st.integers(1, 4)
fields = st.fixed_dictionaries(
    {"Name": st.sampled_from(["Ann", "Bo", 'C"y;']), "Phone": st.sampled_from(["", *NUMBERS, ";".join(NUMBERS[:2])])},
    optional={"Mobile": st.sampled_from(["", "+1 (212) 555-0103", "442079460958"])},
)


class Ledger(RuleBasedStateMachine):
    """Everything that changes a contact, in any order, and refreshes of the index between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.state = State(Path(self.folder.name) / "syncd.db")
        self.open: list[Settled] = []

    def teardown(self) -> None:
        try:
            self.a_run_ends()
        finally:
            self.state.close()
            self.folder.cleanup()

    @invariant()
    def the_holders_are_those_of_the_ledger(self) -> None:
        known = held(self.state, PHONES)
        assert set(self.state.holders.of(EVERY, PHONES).rows()) == known
        # What is quick and small finds the same.
        with NumberBook(self.state.path) as book:
            found = {number: book.holders([number], PHONES) for number in EVERY}
        assert {(number, each["source"], each["key"]) for number, rows in found.items() for each in rows} == known

    @rule()
    def a_run_ends(self) -> None:
        self.state.holders.refresh(PHONES, display="Name", run="r")
        assert indexed(self.state) == held(self.state, PHONES)
        assert not self.state.scalar("SELECT count(*) FROM unindexed")

    @rule(source=sources, key=keys, sent=fields, id_=ids, returned=st.none() | fields, settled=st.booleans())
    def send(self, source: str, key: str, sent: Fields, id_: int, returned: Fields | None, settled: bool) -> None:
        [entry] = self.state.journal.mark("r", source, [change(key, after=dict(sent))])
        done = Settled(entry, CallOutcome.ACCEPTED, id_, returned)
        if settled:
            self.state.journal.record([done])
        else:
            self.open.append(done)

    @precondition(lambda self: self.open)
    @rule(outcome=st.sampled_from(CallOutcome), place=st.integers(0, 9))
    def answer(self, outcome: CallOutcome, place: int) -> None:
        late = self.open.pop(place % len(self.open))
        self.state.journal.record([late._replace(outcome=outcome, reason="refused")])

    @precondition(lambda self: self.open)
    @rule()
    def nothing_was_sent(self) -> None:
        self.state.journal.unmark([self.open.pop().entry])

    @rule(source=sources, key=keys, id_=ids)
    def delete(self, source: str, key: str, id_: int) -> None:
        begun = self.state.deletions.begin("r", source, [change(key, kind="delete", id_=id_)], {key: id_})
        self.state.deletions.record(source, [id_], begun.entries)

    @rule(source=sources, key=keys)
    def let_go(self, source: str, key: str) -> None:
        self.state.leftovers.let_go(source, [key])

    @rule(source=sources, old=keys, new=keys)
    def take_over(self, source: str, old: str, new: str) -> None:
        if self.state.ledger.contact(source, new) is None:
            self.state.ledger.take_over(source, {old: new})

    @rule(source=sources, key=keys, same=fields)
    def redigest(self, source: str, key: str, same: dict[str, str]) -> None:
        self.state.ledger.redigest(source, {key: (8, json.dumps(same))})

    @rule(source=sources, key=keys)
    def forget_refusal(self, source: str, key: str) -> None:
        self.state.ledger.forget_refusals(source, [key])

    @rule(source=sources, key=keys, id_=ids, seen=fields)
    def note_returned(self, source: str, key: str, id_: int, seen: dict[str, str]) -> None:
        self.state.holdings.note_returned(source, [(key, id_, seen)])

    @rule(names=st.sampled_from([{"Phone": "Mobile", "Mobile": "Phone"}, {"Name": "Phone", "Phone": "Name"}]))
    def rename_fields(self, names: dict[str, str | None]) -> None:
        self.state.field_names.rename(names, {})

    @rule(source=sources, key=keys, id_=ids)
    def relink(self, source: str, key: str, id_: int) -> None:
        self.state.holdings.relink([Link(source, key, id_, {"Phone": NUMBERS[0]}, same=False)])

    @rule()
    def the_process_is_killed(self) -> None:
        self.state.close()
        self.state = State(Path(self.folder.name) / "syncd.db")


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "syncd.db") as opened:
        yield opened


def test_a_refused_contact_whose_id_another_one_has_is_not_there_until_it_is_accepted(state: State) -> None:
    ann, bo = {"Name": "Ann", "Phone": NUMBERS[0]}, {"Name": "Bo", "Phone": NUMBERS[1]}
    accept(state, "a", 1, after=ann)
    [refused] = state.journal.mark("r", "s", [change("a", after=ann)])
    state.journal.record([Settled(refused, CallOutcome.REFUSED, reason="no")])
    state.holders.refresh(PHONES)
    accept(state, "b", 1, after=bo)
    state.holders.refresh(PHONES)
    assert indexed(state) == {(NUMBERS[1], "s", "b")}
    accept(state, "a", 1, after=ann)
    state.holders.refresh(PHONES)
    assert indexed(state) == {(NUMBERS[0], "s", "a")}


def test_a_run_that_changes_nothing_looks_once_and_writes_nothing(state: State) -> None:
    accept(state, "a", 1, after={"Phone": NUMBERS[0]})
    state.holders.refresh(PHONES)
    asked: list[str] = []
    before = state.path.with_name("syncd.db-wal").stat().st_size
    state._sqlite.set_trace_callback(asked.append)
    state.holders.refresh(PHONES)
    assert (state.path.with_name("syncd.db-wal").stat().st_size, len(asked)) == (before, 2)


def test_the_index_is_made_in_pages(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_PAGE", 2)
    for n in range(5):
        accept(state, f"{n}", n + 1, after={"Phone": NUMBERS[n % 4]})
    state.holders.refresh(PHONES)
    for n in range(5):
        accept(state, f"{n}", n + 1, after={"Phone": NUMBERS[(n + 1) % 4]})
    assert set(state.holders.of(EVERY, PHONES).rows()) == held(state, PHONES)
    state.holders.refresh(PHONES)
    assert indexed(state) == held(state, PHONES)


class TestFormer:
    """Which callers a number has no more."""

    ANN: ClassVar = {"Name": "Ann", "Phone": NUMBERS[0]}

    @pytest.fixture
    def known(self, tmp_path: Path) -> Iterator[State]:
        self.now = 1000.0
        with State(tmp_path / "syncd.db", clock=lambda: self.now) as opened:
            accept(opened, "a", 1, after=self.ANN)
            self.refresh(opened)
            self.now = 2000.0
            yield opened

    def refresh(self, state: State) -> None:
        state.holders.refresh(PHONES, display="Name", run="later")

    def former(self, state: State) -> list[tuple[Any, ...]]:
        return state.rows("SELECT number, key, name, until, run FROM formernumber ORDER BY until, number")

    def test_a_contact_that_lost_a_number_had_it_until_the_change(self, known: State) -> None:
        accept(known, "a", 1, after={"Name": "Ann", "Phone": NUMBERS[1]})
        self.now = 3000.0
        self.refresh(known)
        assert self.former(known) == [(NUMBERS[0], "a", "Ann", 2000.0, "run")]

    def test_a_new_name_leaves_the_former_one(self, known: State) -> None:
        accept(known, "a", 1, after={**self.ANN, "Name": "Annie"})
        self.refresh(known)
        assert self.former(known) == [(NUMBERS[0], "a", "Ann", 2000.0, "run")]

    def test_an_order_of_numbers_or_another_field_leaves_nothing(self, known: State) -> None:
        accept(known, "a", 1, after={**self.ANN, "Phone": f"{NUMBERS[1]};1{NUMBERS[0]}", "Email": "ann@example.com"})
        self.refresh(known)
        assert self.former(known) == []

    def test_a_contact_that_was_let_go_had_it_until_the_run_that_let_it_go(self, known: State) -> None:
        known.leftovers.let_go("s", ["a"])
        self.refresh(known)
        assert self.former(known) == [(NUMBERS[0], "a", "Ann", 2000.0, "later")]

    def test_a_key_that_takes_a_contact_over_changes_nothing_for_the_display(self, known: State) -> None:
        known.ledger.take_over("s", {"a": "b"})
        known.ledger.take_over("s", {"b": "c"})
        self.refresh(known)
        assert (self.former(known), indexed(known)) == ([], {(NUMBERS[0], "s", "c")})

    def test_a_contact_that_was_taken_over_and_then_changed_is_told_under_its_key_of_now(self, known: State) -> None:
        known.ledger.take_over("s", {"a": "b"})
        accept(known, "b", 1, after={"Name": "Ann", "Phone": NUMBERS[1]})
        self.refresh(known)
        assert self.former(known) == [(NUMBERS[0], "b", "Ann", 2000.0, "run")]
        known.ledger.take_over("s", {"b": "c"})
        assert self.former(known) == [(NUMBERS[0], "c", "Ann", 2000.0, "run")]

    def test_a_process_that_was_killed_before_its_end_leaves_it_to_the_next_run(self, known: State) -> None:
        accept(known, "a", 1, after={**self.ANN, "Name": "Annie"})
        known.close()
        with State(known.path, clock=lambda: 9000.0) as later:
            self.refresh(later)
            assert self.former(later) == [(NUMBERS[0], "a", "Ann", 2000.0, "run")]

    def test_it_is_forgotten_with_the_history(self, known: State) -> None:
        accept(known, "a", 1, after={**self.ANN, "Name": "Annie"})
        self.refresh(known)
        self.now += 91 * 86_400
        known.runs.begin("new", "s", "config")
        known.runs.end("new", "s", outcome="done", exit_code=0, requests=1, report={})
        assert self.former(known) == []

    def test_a_contact_that_is_erased_leaves_nothing(self, known: State) -> None:
        accept(known, "a", 1, after={**self.ANN, "Name": "Annie"})
        self.refresh(known)
        with known.write():
            known.execute("DELETE FROM contact")
            known.holders.erase("s", ["a"])
        self.refresh(known)
        assert (self.former(known), indexed(known)) == ([], set())
