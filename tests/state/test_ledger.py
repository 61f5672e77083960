"""The ledger and the journal: marks, records, ids and claims."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_series_equal

import syncd.state.numbers.tables
import syncd.state.tables  # noqa: F401  (registers the tables)
from syncd.core.change import CallOutcome, Kind, Status
from syncd.core.ownership import Holding
from syncd.state import State, bulk
from syncd.state.journal import Settled
from tests.worlds.journal import accept, change


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "syncd.db"


def test_the_ledger_is_read_in_pages_of_any_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with State(path) as state:
        for entry in state.journal.mark("run", "s", [change(f"k{n:03}") for n in range(25)]):
            state.journal.record([Settled(entry, CallOutcome.ACCEPTED, entry.id)])
        state.journal.mark("run", "s", [change("k001")])
        whole = state.ledger.digests("s")
        monkeypatch.setattr("syncd.state.bulk.PAGE", 7)
        assert state.ledger.digests("s").equals(whole)
        assert whole.height == 25
        assert whole.filter(pl.col("@status") == Status.PENDING)["@key"].to_list() == ["k001"]


@pytest.mark.parametrize("few", [0, bulk.FEW], ids=["parsed", "split"])
@pytest.mark.parametrize("key", ["plain", "quote'\"", "comma,semi;", "ünï", "a\x1fb", " space ", "0012", "1e5", "\\n"])
def test_any_key_comes_back_as_it_went_in(path: Path, key: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FEW", few)
    with State(path) as state:
        accept(state, key, 1)
        assert state.ledger.digests("s")["@key"].to_list() == [key]
        assert state.ledger.detail("s", pl.Series([key]))["@key"].to_list() == [key]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"])),
            st.integers(-(2**63), 2**63 - 1),
        )
    )
)
def test_few_values_are_what_many_would_be(values: list[tuple[str, int]]) -> None:
    for place, kind in enumerate((pl.String, pl.Int64)):
        column = "\x1e".join(str(each[place]) for each in values or [("", 0)]).encode()
        few = bulk._parsed(column, ("a", kind))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "FEW", 0)
            assert_series_equal(few, bulk._parsed(column, ("a", kind)))


def test_what_is_marked_is_pending_and_what_is_recorded_is_known(path: Path) -> None:
    with State(path) as state:
        [entry] = state.journal.mark("run", "s", [change("a")])
        assert state.ledger.digests("s").rows() == [("a", 7, Status.PENDING)]
        state.journal.record([Settled(entry, CallOutcome.UNKNOWN)])
        assert state.ledger.digests("s").rows() == [("a", 7, Status.PENDING)]
        state.journal.record([Settled(entry, CallOutcome.ACCEPTED, 5)])
        assert state.ledger.digests("s").rows() == [("a", 7, Status.ACCEPTED)]


def test_a_mark_survives_the_process(path: Path) -> None:
    with State(path) as state:
        state.journal.mark("run", "s", [change("a")])
    with State(path) as state:
        assert [left.match for left in state.journal.open_calls("s")] == ["a"]
        assert state.ledger.pending_keys("s") == {"a"}


def test_an_id_that_another_contact_took_makes_its_former_owner_unknown(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 5)
        state.cursors.save("s", "c", "x", {})
        accept(state, "b", 5, source="t")
        assert state.ledger.digests("s").rows() == [("a", 7, Status.PENDING)]
        assert state.cursors.get("s", "x") is None


def test_a_move_remembers_the_id_that_must_go(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 5)
        accept(state, "a", 9, kind="move", id_=5, match="new")
        assert [(left.id, left.key) for left in state.journal.open_calls("s")] == [(5, "a")]
        assert state.holdings.ours_among(range(1, 20)) == {5, 9}


def test_claims_are_those_of_contacts_that_stay(path: Path) -> None:
    with State(path) as state:
        for place, key in enumerate(["a", "b", "c", "m"], 1):
            accept(state, key, place)
        accept(state, "twin of b", 2, source="t")
        state.journal.mark("run", "t", [change("taker of m", match="m")])
        going = [change(key, kind="delete") for key in ["a", "b", "c", "m"]]
        begun = state.deletions.begin("run", "s", going[:2] + going[3:], {"a": 1, "b": 2, "m": 4}, going=list("abcm"))
        assert [entry.key for entry in begun.entries] == ["a"]
        assert (begun.without_call, set(begun.waiting)) == ({"b": "handed over"}, {"m"})
        assert set(state.ledger.digests("s")["@key"]) == {"a", "c", "m"}


OLD = {"Name": "Ann", "Note": "VIP"}


def test_a_contact_is_held_by_the_keys_that_have_it_and_by_those_that_moved_away_from_it(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 5)
        accept(state, "b", 6)
        assert state.holdings.held([5, 7]) == {5: Holding(frozenset({("s", "a")}), {"Name": "x"})}
        [entry] = state.journal.mark("run", "s", [change("a", "new", "move", 5)._replace(before=OLD)])
        assert state.holdings.held([5]) == {5: Holding(frozenset({("s", "a")}), OLD)}
        state.journal.record([Settled(entry, CallOutcome.ACCEPTED, 9)])
        assert state.holdings.held([5]) == {5: Holding(frozenset({("s", "a")}), OLD)}
        accept(state, "c", 5, source="t", after={"Name": "Cy"})
        assert state.holdings.held([5]) == {5: Holding(frozenset({("s", "a"), ("t", "c")}), {"Name": "Cy"})}
        assert state.holdings.held([]) == {}


def test_what_a_contact_holds_is_not_known_while_another_call_than_a_move_is_open(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 5)
        calls: list[tuple[Kind, dict[str, str] | None]] = [("move", OLD), ("update", None), ("move", None)]
        for kind, values in calls:
            state.journal.mark("run", "s", [change("a", kind=kind, id_=5)._replace(before=OLD)])
            assert state.holdings.held([5]) == {5: Holding(frozenset({("s", "a")}), values)}


def test_a_contact_that_was_deleted_is_held_by_nobody(path: Path) -> None:
    with State(path) as state:
        accept(state, "a", 5)
        begun = state.deletions.begin("run", "s", [change("a", kind="delete", id_=5)], {"a": 5})
        state.deletions.record("s", [5], begun.entries)
        accept(state, "b", 6)
        accept(state, "b", 8, kind="move", id_=6, match="new")
        [left] = state.journal.open_calls("s")
        state.tidying.end("s", [6], [left.change])
        assert state.holdings.held([5, 6]) == {}


BY_ITSELF = {"number", "unindexed"}
"""Tables that triggers of the ledger keep."""

OF_THEN = {"leftover", "unsent"}
"""Tables about what a key was, or about the last read alone: no contact goes on in them."""


def test_everything_that_is_kept_of_a_key_goes_on_under_its_new_key(path: Path) -> None:
    with State(path) as state:
        names = [str(name) for (name,) in state.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: state.rows(f"SELECT name, type FROM pragma_table_info('{name}')") for name in names}
        about = {name: found for name, found in columns.items() if {"source", "key"} <= {each for each, _ in found}}
        for name in about.keys() - BY_ITSELF:
            given = {column: "{}" if type_ in {"VARCHAR", "TEXT"} else 1 for column, type_ in about[name]}
            state.put(name, **given | {"source": "s", "key": "old"})
        state.ledger.take_over("s", {"old": "new"})
        kept = {name for name in about if state.scalar(f"SELECT count(*) FROM {name} WHERE key = 'old'")}
    assert {"contact", "change", "assigned", "leftout", "wanted"} <= about.keys() - kept
    assert kept - BY_ITSELF == OF_THEN
