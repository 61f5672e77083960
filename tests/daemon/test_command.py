"""``syncd daemon`` as a user starts it: whole processes, a real notify socket, and the sandbox as the target."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import main
from syncd.core.settings.schedules import Cron, Every
from syncd.daemon.lock import Lock
from syncd.daemon.timetable import timetable_of
from syncd.errors import StateError
from syncd.state import State
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import World, company

PEOPLE = [(f"{number}", f"Person {number}", f"212555{number:04}") for number in range(1, 2001)]

MEMORY = 60 * 1024
"""Kilobytes of memory that an idle daemon may take."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        made.write(PEOPLE[:40])
        made.sources["tenants"] |= {"schedule": "1h", "reconcile": {"schedule": "never"}}
        made.settings()
        made.state().close()  # made here, which takes less time than a process needs for that
        yield made


@contextmanager
def daemon(world: World, *options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "syncd", "daemon", *options],
        cwd=world.folder,
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        with suppress(ValueError):
            process.communicate(timeout=PATIENCE)


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def last_run(world: World) -> dict[str, Any]:
    with suppress(StateError), State(world.folder / "syncd.db", read_only=True) as state:
        return next(state.history.runs(source="tenants"), {})
    return {}


def events(err: str) -> list[str]:
    return [json.loads(line)["event"] for line in err.splitlines() if line.startswith("{")]


# A life


def test_it_runs_what_is_due_says_so_to_systemd_and_is_small(world: World, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE)
        with daemon(world, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000") as process:
            told = heard(listening, "STATUS=next: run tenants at ")
            assert told.count("READY=1") == 1
            assert "STATUS=under way: run tenants" in told
            assert "WATCHDOG=1" in told
            assert resident(process.pid) < MEMORY
            process.send_signal(signal.SIGHUP)
            told = heard(listening, "READY=1")
            assert any(message.startswith("RELOADING=1\nMONOTONIC_USEC=") for message in told)
            process.send_signal(signal.SIGTERM)
            assert "STOPPING=1" in heard(listening, "STOPPING=1")
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert len(world.there()) == 40
    assert events(err)[0] == "schedule in force"
    assert events(err)[-2:] == ["daemon stopping", "daemon stopped"]
    assert "Person" not in err
    assert "test-key" not in err


def heard(listening: socket.socket, last: str) -> list[str]:
    told = [listening.recv(4096).decode()]
    while not told[-1].startswith(last):
        told.append(listening.recv(4096).decode())
    return told


def resident(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def test_asked_to_stop_in_mid_push_it_lets_the_batch_under_way_end_and_leaves_nothing_in_doubt(world: World) -> None:
    world.write(PEOPLE)
    world.target["in_flight"] = 1
    world.settings()
    world.sandbox.arm({"kind": "slow", "seconds": 0.3, "times": None, "method": "POST"})
    with daemon(world) as process:
        until(lambda: world.posts() >= 2)
        begun = time.monotonic()
        code, _ = ended(process)
        assert time.monotonic() - begun < 30
    sent = len(world.there())
    assert code == 0
    assert 0 < sent < len(PEOPLE)
    assert last_run(world)["exit"] == 4
    with State(world.folder / "syncd.db", read_only=True) as state:
        assert (state.ledger.known("tenants"), state.ledger.pending_keys("tenants")) == (sent, set())
    world.sandbox.disarm()
    assert world.run().counts["create"] == len(PEOPLE) - sent
    assert len(world.there()) == len(PEOPLE)


def test_killed_in_mid_push_nothing_is_lost_and_nothing_is_there_twice(world: World) -> None:
    world.write(PEOPLE)
    world.settings()
    world.sandbox.arm({"kind": "slow", "seconds": 0.3, "times": None, "method": "POST"})
    with daemon(world) as process:
        until(lambda: world.posts() >= 2)
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
    world.sandbox.disarm()
    world.run()
    assert len(world.there()) == len(PEOPLE)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# What is wrong


def test_a_configuration_that_is_wrong_at_the_start_exits_2_with_the_place(world: World) -> None:
    (world.folder / "syncd.yaml").write_text("target: {api_key: k}\nsources: {tenants: {}}\n")
    with daemon(world) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "error: syncd.yaml:2: sources.tenants.connector: is missing" in err
    assert "Traceback" not in err


def test_a_second_daemon_for_one_state_file_exits_5(world: World) -> None:
    first = Lock()
    first.take(str(world.folder / "syncd.db"))
    with daemon(world) as second:
        _, err = second.communicate(timeout=PATIENCE)
    first.release()
    assert second.returncode == 5
    assert world.sandbox.requests == []
    assert "another syncd daemon works with this state file" in err


# --check


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["daemon", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def inside(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(world.folder)
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    return world


def test_check_says_when_what_would_run(inside: World, capsys: pytest.CaptureFixture[str]) -> None:
    inside.sources["staff"] = {**inside.sources["tenants"]}
    del inside.sources["staff"]["schedule"]
    inside.settings()
    assert printed(capsys, "--check")[:2] == (
        0,
        "run tenants: at once\nwithout a schedule, only by hand: staff\n",
    )
    inside.run("tenants")
    code, out, _ = printed(capsys, "--check")
    assert code == 0
    assert "at once" not in out
    assert out.startswith("run tenants: ")


def test_a_run_that_was_temporary_or_broken_off_is_due_again(inside: World, capsys: pytest.CaptureFixture[str]) -> None:
    inside.run()
    assert "at once" not in printed(capsys, "--check")[1]
    (inside.folder / "tenants.csv").unlink()
    inside.run()
    assert "run tenants: at once\n" in printed(capsys, "--check")[1]
    with State(inside.folder / "syncd.db") as state:
        state.runs.begin("later", "tenants", "digest")
        assert state.runs.last_begun("tenants") is None


def test_a_source_is_reconciled_on_a_schedule_of_its_own(inside: World, capsys: pytest.CaptureFixture[str]) -> None:
    inside.sources["tenants"]["reconcile"] = {"schedule": "1s", "repair": True}
    inside.settings()
    inside.run()
    jobs = {job.name: job for job in timetable_of(printed(capsys, "--check", "--json")[1]).jobs}
    found = jobs["reconcile tenants"]
    assert (found.arguments, found.schedule) == (("reconcile", "tenants", "--repair", "--json"), Every(1))
    assert found.last is not None
    assert main(found.arguments) == 0
    with State(inside.folder / "syncd.db", read_only=True) as state:
        assert state.facts.reconciled("tenants").get() is not None


def test_reconciling_is_nightly_if_nothing_is_said_and_needs_a_source_that_the_daemon_runs(
    inside: World, capsys: pytest.CaptureFixture[str]
) -> None:
    del inside.sources["tenants"]["reconcile"]
    inside.sources["staff"] = {**inside.sources["tenants"]}
    del inside.sources["staff"]["schedule"]
    inside.settings()
    jobs = timetable_of(printed(capsys, "--check", "--json")[1]).jobs
    assert [job.name for job in jobs] == ["run tenants", "reconcile tenants"]
    assert (jobs[1].schedule, jobs[1].jitter) == (Cron("0 3 * * *"), 3600.0)
    assert "--repair" not in jobs[1].arguments


@pytest.mark.parametrize(("every", "jitter"), [("5s", 0.25), ("10m", 30.0), ("1h", 60.0)])
def test_json_shows_by_how_much_a_start_is_really_put_off(
    inside: World, capsys: pytest.CaptureFixture[str], every: str, jitter: float
) -> None:
    inside.sources["tenants"]["schedule"] = every
    inside.settings()
    job = json.loads(printed(capsys, "--check", "--json")[1])["jobs"][0]
    assert (job["name"], job["jitter"]) == ("run tenants", jitter)


def test_json_belongs_to_check(inside: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = printed(capsys, "--json")
    assert (code, json.loads(out)["exit"]) == (2, 2)
    assert "--json is for --check" in err


def test_the_daemon_imports_nothing_heavy() -> None:
    heavy = ("polars", "sqlmodel", "sqlalchemy", "httpx", "yaml", "pydantic", "phonenumbers")
    parts = "service, children, loading, signals, systemd, agenda, triggers, watcher"
    program = f"import sys\nfrom syncd.daemon import {parts}\nsys.exit(str([m for m in {heavy!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
