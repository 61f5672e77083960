"""Leases, cursors and history: how long each of them is kept."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import syncd.state.numbers.tables
import syncd.state.tables  # noqa: F401  (registers the tables)
from syncd.core.callers.unsent import UNSENT
from syncd.state import State
from tests.worlds.journal import accept, change


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "syncd.db"


def test_a_lease_excludes_others_until_it_ends(path: Path) -> None:
    now = [1000.0]
    with State(path, clock=lambda: now[0]) as state:
        assert state.leases.take("s", "one", 60) is None
        assert state.leases.take("s", "two", 60) == "one"
        assert state.leases.take("other", "two", 60) is None
        now[0] += 50
        assert state.leases.take("s", "one", 60) is None
        now[0] += 50
        assert state.leases.take("s", "two", 60) == "one"
        now[0] += 11
        assert state.leases.take("s", "two", 60) is None
        state.leases.release("s", "one")
        assert state.leases.take("s", "one", 60) == "two"


def test_a_cursor_is_for_its_context_only(path: Path) -> None:
    with State(path) as state:
        state.cursors.save("s", "value", "mapping 1", {"rows": 3})
        assert state.cursors.get("s", "mapping 1") == ("value", {"rows": 3})
        assert state.cursors.get("s", "mapping 2") is None


def test_history_is_kept_for_its_retention_but_what_is_open_is_kept_for_ever(path: Path) -> None:
    now = [1_000_000.0]
    with State(path, clock=lambda: now[0]) as state:
        accept(state, "a", 1)
        state.journal.mark("run", "s", [change("b")])
        now[0] += 91 * 86_400
        state.runs.begin("new", "s", "config")
        state.runs.end("new", "s", outcome="done", exit_code=0, requests=1, report={})
        assert state.column("SELECT key FROM change") == ["b"]


def test_ids_that_we_deleted_are_ours_for_ever_though_what_they_held_is_forgotten(path: Path) -> None:
    now = [1_000_000.0]
    with State(path, clock=lambda: now[0]) as state:
        accept(state, "a", 1)
        begun = state.deletions.begin("run", "s", [change("a", kind="delete", id_=1)], {"a": 1})
        state.deletions.record("s", [1], begun.entries)
        now[0] += 91 * 86_400
        for run in ("new", "newer"):
            state.runs.begin(run, "s", "config")
            state.runs.end(run, "s", outcome="done", exit_code=0, requests=1, report={})
        assert state.holdings.ours_among(range(1, 20)) == {1}
        kept = "SELECT key, match, before, after FROM change"
        assert state.rows(kept) == [("", "", None, None)]


def test_the_last_good_run_is_remembered_however_long_ago_it_was(path: Path) -> None:
    now = [1_000_000.0]
    with State(path, clock=lambda: now[0]) as state:
        for run, outcome in (("older", "done"), ("good", "done"), ("bad", "failed"), ("worse", "failed")):
            state.runs.begin(run, "s", "config")
            state.runs.end(run, "s", outcome=outcome, exit_code=0, requests=1, report={})
            now[0] += 50 * 86_400
        now[0] += 50 * 86_400
        state.runs.begin("now", "s", "config")
        state.runs.end("now", "s", outcome="failed", exit_code=4, requests=1, report={})
        assert [run["run"] for run in state.history.runs()] == ["now", "good"]


def unsent(source: str) -> pl.DataFrame:
    return pl.DataFrame([("2125550101", source, "", "Ann Lee", "excluded", "")], schema=UNSENT, orient="row")


def test_rows_that_are_not_sent_go_when_their_source_was_not_run_for_the_retention(path: Path) -> None:
    now = [1_000_000.0]
    with State(path, clock=lambda: now[0]) as state:

        def read(source: str, outcome: str = "done") -> None:
            state.runs.begin(f"{source} {now[0]}", source, "config")
            state.unsent.keep(source, unsent(source), about=None, more=True, mark="these rows")
            state.runs.end(f"{source} {now[0]}", source, outcome=outcome, exit_code=0, requests=1, report={})

        for source in ("removed", "failing", "other"):
            read(source)
        now[0] += 60 * 86_400
        read("failing", "failed")
        now[0] += 31 * 86_400
        read("other")
        assert state.column("SELECT source FROM unsent ORDER BY source") == ["failing", "other"]
        # Once it is configured again, the same rows are kept anew.
        assert state.unsent.mark("removed").get() is None
        assert state.column("SELECT name FROM fact WHERE name LIKE 'unsent.more.%'") == [
            "unsent.more.failing",
            "unsent.more.other",
        ]
