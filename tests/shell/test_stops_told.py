"""What is said of a run that a person stopped, and of one that only looked: neither failed, and neither did more."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from syncd.report.screen import Screen, show_run
from syncd.run import progress
from tests.shell.test_cli import Command, _as_it_was, company, syncd
from tests.shell.test_outcomes_told import MANY
from tests.shell.test_undo import edited, undo
from tests.shell.test_unsent import stopped_while_it_waits
from tests.shell.world import World

__all__ = ["_as_it_was", "company", "edited", "syncd"]  # fixtures


@pytest.fixture
def halved(company: World) -> World:
    """A company whose first run is to be stopped after the first of two batches."""
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


def test_what_a_dry_run_logs_is_marked_as_such(edited: World) -> None:
    with capture_logs() as logs:
        edited.run(dry_run=True)
        undo(edited, dry_run=True)
        edited.run()
    assert [each.get("dry_run") for each in logs if each["event"] == "run ended"] == [True, True, None]
