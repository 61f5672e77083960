"""What reports say about each change's outcome, and about a run that was stopped."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from structlog.testing import capture_logs

from syncd.report.changes_file import write_changes
from syncd.report.run_screen import show_run
from syncd.report.screen import Screen
from syncd.run import progress
from syncd.sandbox.faults import Poison
from tests.worlds.commands import PEOPLE, Command
from tests.worlds.runs import stopped_while_it_waits
from tests.worlds.world import World

MANY = [(str(n), f"T {n}", f"212555{n:04}") for n in range(1, 1001)]


def outcomes(out: str) -> dict[str, str]:
    return {change["key"]: change["outcome"] for change in json.loads(out)["sources"][0]["changes"]}


def refusing(company: World, key: str) -> None:
    company.sandbox.arm(Poison(value=key, field="External ID"))


def test_a_change_that_was_planned_made_or_refused_says_so(company: World, syncd: Command) -> None:
    refusing(company, "7")
    assert set(outcomes(syncd("run", "--dry-run", "--json")[1]).values()) == {"planned"}
    code, out, _ = syncd("run", "--json")
    found = outcomes(out)
    assert code == 3
    assert found.pop("7") == "rejected"
    assert set(found.values()) == {"accepted"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_of_changes_tells_what_became_of_them(company: World, syncd: Command, suffix: str) -> None:
    refusing(company, "7")
    path = company.folder / f"changes.{suffix}"
    assert syncd("run", "--changes", path.name)[0] == 3
    assert told(path)["7"] == "rejected"
    assert told(path)["8"] == "accepted"
    company.write(PEOPLE[:2])
    assert syncd("run", "--changes", path.name)[0] == 3
    assert set(told(path).values()) == {"held"}


def told(path: Any) -> dict[str, str]:
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).to_dicts()
    else:
        lines = path.read_text().splitlines()
        rows = list(csv.DictReader(lines)) if path.suffix == ".csv" else list(map(json.loads, lines))
    return {row["key"]: row["outcome"] for row in rows}


def test_what_a_stop_left_unsent_is_told_from_what_was_sent(world: World) -> None:
    world.target["in_flight"] = 1
    world.write(MANY)
    report = stopped_while_it_waits(world, ["3/1h"])
    assert report.counts["create"] == world.posts() * 500 == 500
    write_changes(world.folder / "changes.csv", [report])
    found = list(told(world.folder / "changes.csv").values())
    assert (found.count("accepted"), found.count("not sent")) == (500, 500)


@pytest.fixture
def halved(company: World) -> World:
    """A company with two batches of rows, for a run that is stopped after the first batch."""
    company.target["in_flight"] = 1
    company.write(MANY)
    return company


def test_a_batch_that_never_left_the_machine_is_not_logged(halved: World) -> None:
    with capture_logs() as logs:
        stopped_while_it_waits(halved, ["3/1h"])
    assert [(each["rows"], each["accepted"]) for each in logs if each["event"] == "batch"] == [(500, 500)]
    assert logs[-1]["event"] == "run ended"
    assert logs[-1]["outcome"] == "stopped"


def test_a_run_that_was_stopped_says_how_much_it_did_and_did_not_fail(halved: World) -> None:
    report = stopped_while_it_waits(halved, ["3/1h"])
    text = io.StringIO()
    show_run(Screen(text), [report], dry_run=False)
    assert text.getvalue().endswith("Stopped: 500 of 1,000 planned changes accepted, in 3 requests.\n")
    assert "failed" not in text.getvalue()


def test_status_and_history_call_a_stopped_run_so(halved: World, syncd: Command) -> None:
    stopped_while_it_waits(halved, ["3/1h"])
    for command in ("status", "history"):
        _, out, _ = syncd(command)
        assert "stopped (4)" in out
        assert "failed" not in out
    assert json.loads(syncd("status", "--json")[1])["sources"][0]["last"]["outcome"] == "failed"


def test_the_bars_are_gone_when_the_run_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(progress, "Console", lambda **_: screen)
    with progress.watching() as watcher:
        watcher.pushing("tenants", 500, 1000)
        watcher.waiting(30)
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "changes pushed" in drawn
    assert "changes pushed" not in drawn.rsplit("\x1b[2K", 1)[-1]
