"""SIGTERM and SIGINT during a run: it stops, reports, and restores the signal handlers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncd import sync
from syncd.errors import StateError
from syncd.plan import schema_check
from syncd.state import State
from syncd.watch import notify
from tests.worlds.commands import Command, environment, errors
from tests.worlds.frozen_server import FrozenServer
from tests.worlds.patience import BUSY, PATIENCE, until
from tests.worlds.world import World


def signalled(monkeypatch: pytest.MonkeyPatch, number: int, times: int) -> None:
    """Send the process a signal ``times`` times when a run asks the target for its fields."""
    real = schema_check.usable_schema

    def raising(*arguments: Any) -> Any:
        for _ in range(times):
            signal.raise_signal(number)
        return real(*arguments)

    monkeypatch.setattr(sync, "usable_schema", raising)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_exits_4_and_still_reports(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    signalled(monkeypatch, number, 1)
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 4
    assert found["sources"][0]["error"]["kind"] == "Stopped"
    assert "Traceback" not in err
    assert company.writes() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_waits_for_the_key_s_limits_ends_at_once_when_asked_to(company: World, number: int) -> None:
    company.target["limits"] = ["2/1h"]
    company.settings()
    company.state().close()  # made here, which takes less time than a process needs for that
    line = [sys.executable, "-m", "syncd", "run", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=company.folder) as process:
        try:
            until(lambda: pending(company.folder / "syncd.db") == 40)
            process.send_signal(number)
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == json.loads(out)["exit"] == 4
    assert company.writes() == 0


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mssql"])
def test_a_run_that_waits_for_a_database_that_never_answers_ends_at_once(company: World, scheme: str) -> None:
    with FrozenServer(0) as server:
        company.sources["tenants"] = {
            "connector": "sql",
            "options": {"url": f"{scheme}://u@127.0.0.1:{server.port}/rent", "table": "people"},
            "key": "id",
            "mapping": {"External ID": "id"},
        }
        company.settings()
        company.state().close()
        line = [sys.executable, "-m", "syncd", "run", "--json"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            line, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=company.folder
        ) as process:
            try:
                assert server.frozen.wait(PATIENCE)
                time.sleep(0.3)
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                out, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
    assert time.monotonic() - asked < 2 + BUSY
    assert process.returncode == json.loads(out)["exit"] == 4


def pending(path: Path) -> int:
    """Return the number of marked contacts; if it is not 0, their batch is in flight and the run waits for it."""
    with suppress(StateError), State(path, read_only=True) as state:
        return len(state.ledger.pending_keys("tenants"))
    return 0


def test_a_run_that_is_asked_to_stop_waits_for_no_notification(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(notify, "after_run", lambda *_, **__: told.append(1))
    company.notify = {"to": ["json://sink.example.com/hook"]}
    company.settings()
    syncd("run")
    signalled(monkeypatch, signal.SIGTERM, 1)
    code, _, _ = syncd("run")
    assert (code, told) == (4, [1])


def test_a_second_ctrl_c_breaks_it_off(company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    signalled(monkeypatch, signal.SIGINT, 2)
    code, out, err = syncd("run", "--json")
    assert code == json.loads(out)["exit"] == 130
    assert errors(err) == ["broken off; what was begun is marked, and settled by the next run"]


def test_the_signals_are_handled_as_before_when_a_run_is_over(company: World, syncd: Command) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    syncd("run", "--dry-run")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
