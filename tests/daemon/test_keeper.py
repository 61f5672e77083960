"""What keeps the receiver alive, the bell at which it rings, and what a delivery makes due."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from syncd.core.settings.schedules import Every
from syncd.daemon import keeper as module
from syncd.daemon.agenda import SOON, Agenda
from syncd.daemon.doorbell import Doorbell
from syncd.daemon.keeper import FIRST_PAUSE, LAST_PAUSE, STAYED, Keeper
from syncd.daemon.signals import Signals
from syncd.daemon.timetable import Job, Timetable
from syncd.run.ringing import door_of, ring
from tests.worlds.daemon_day import Day
from tests.worlds.patience import PATIENCE, until

NOW = 1_800_000_000.0


class Kept:
    """A keeper on a clock that a test moves; ``script`` is what its process does."""

    def __init__(self, script: str) -> None:
        self.now = 0.0
        self.keeper = Keeper([sys.executable, "-c", script], lambda: self.now)

    def end(self) -> None:
        """Wait until the process has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.keeper.is_running():
            self.keeper.look()
            assert time.monotonic() < deadline


def test_the_pauses_grow_until_a_process_stays() -> None:
    kept = Kept("raise SystemExit(3)")
    kept.keeper.keep()
    pauses = []
    for _ in range(4):
        kept.end()
        start = kept.keeper.next_deadline()
        assert start is not None
        pauses.append(start - kept.now)
        kept.keeper.look()
        assert not kept.keeper.is_running()
        kept.now = start
        kept.keeper.look()
    assert pauses == [FIRST_PAUSE, 2.0, 4.0, 8.0]
    kept.now += STAYED
    kept.end()
    assert kept.keeper.next_deadline() == kept.now + FIRST_PAUSE
    assert LAST_PAUSE > STAYED


def test_one_that_is_let_go_is_not_started_again() -> None:
    kept = Kept("import signal; signal.pause()")
    kept.keeper.keep()
    kept.keeper.let_go()
    kept.end()
    assert kept.keeper.next_deadline() is None
    kept.keeper.look()
    assert not kept.keeper.is_running()


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "ready"
    script = (
        "import signal, pathlib; signal.signal(15, signal.SIG_IGN); pathlib.Path(%r).touch()\nwhile 1: signal.pause()"
    )
    kept = Kept(script % str(note))
    kept.keeper.keep()
    until(note.exists)
    kept.keeper.let_go()
    assert kept.keeper.next_deadline() == module.GRACE
    kept.now = module.GRACE
    kept.end()


def test_a_machine_without_room_for_a_process_is_waited_out() -> None:
    keeper = Keeper(["/nowhere/at/all"], lambda: 5.0)
    keeper.keep()
    assert (keeper.is_running(), keeper.next_deadline()) == (False, 5.0 + FIRST_PAUSE)


class FakeKeeper:
    """Notes what the daemon asks of it; ``under_way`` names the runs at that time."""

    def __init__(self, day: Day) -> None:
        self.day, self.running = day, False
        self.told: list[tuple[str, list[str]]] = []

    def _note(self, what: str) -> None:
        if not self.told or self.told[-1][0] != what:
            self.told.append((what, self.day.children.names()))

    def keep(self) -> None:
        self.running = True
        self._note("keep")

    def let_go(self) -> None:
        self.running = False
        self._note("let go")

    def kill(self) -> None:
        self.running = False

    def look(self) -> None:
        pass

    def is_running(self) -> bool:
        return self.running

    def next_deadline(self) -> None:
        return None


def test_the_receiver_answers_until_the_last_run_has_ended(tmp_path: Path) -> None:
    jobs = (Job("run a", "a", ("run",), Every(3600), 60),)
    day = Day(NOW, Timetable("c", str(tmp_path / "s"), 1, jobs, receives=True), seconds=lambda _: 7200.0)
    day.keeper = FakeKeeper(day)
    assert day.run(hours=1.5) == 0
    assert day.keeper.told == [("keep", []), ("let go", [])]
    assert day.heard.told[-3:] == [("stopping", None), ("ended", 4), ("stopped", None)]


def test_a_reload_tells_it_what_is_configured_now(tmp_path: Path) -> None:
    with_it, without = (Timetable("c", str(tmp_path / "s"), 1, receives=each) for each in (True, False))
    day = Day(NOW, with_it, without, with_it)
    day.keeper = FakeKeeper(day)
    day.script = [(60.0, signal.SIGHUP), (120.0, signal.SIGHUP)]
    assert day.run(hours=0.1) == 0
    assert [what for what, _ in day.keeper.told] == ["keep", "let go", "keep", "let go"]


def test_a_ring_wakes_a_job_also_without_a_receiver(tmp_path: Path) -> None:
    woken = Job("activity events", "e", ("run",), Every(36_000), 60, jitter=0.0, woken=True)
    with_it, without = Timetable("c", str(tmp_path / "s"), 1, (woken,)), Timetable("c", str(tmp_path / "s"), 1)
    day, door = Day(NOW, with_it, without), door_of(tmp_path / "s")
    found: list[bool] = []
    day.script = [
        (600.0, lambda: ring(door)),
        (900.0, lambda: found.append(Path(door).exists())),
        (1000.0, signal.SIGHUP),
        (1100.0, lambda: found.append(Path(door).exists())),
    ]
    assert day.run(hours=0.5) == 0
    assert [round(at - NOW) for _, at in day.children.begun] == [0, 600 + round(SOON)]
    assert found == [True, False]


# The bell


def test_a_ring_ends_a_wait_and_is_heard_once(tmp_path: Path) -> None:
    bell = Doorbell()
    bell.put_up(str(tmp_path / "syncd.db"))
    path = Path(door_of(tmp_path / "syncd.db"))
    assert path.stat().st_mode & 0o777 == 0o600
    ring(str(path))
    ring(str(path))
    with Signals() as signals:
        assert signals.wait(60, *bell.ends()) == []
    assert (bell.rang(), bell.rang()) == (True, False)
    bell.take_down()
    assert (path.exists(), bell.ends(), bell.rang()) == (False, [], False)


def test_a_socket_that_a_killed_daemon_left_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db.wake"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    bell = Doorbell()
    bell.put_up(str(tmp_path / "syncd.db"))
    ring(str(path))
    assert bell.rang()
    bell.take_down()
    path.write_text("somebody's")
    bell.put_up(str(tmp_path / "syncd.db"))
    assert (bell.ends(), path.read_text()) == ([], "somebody's")


@pytest.mark.parametrize("state", ["a" * 200, "none/syncd.db"])
def test_a_place_where_no_socket_can_be_costs_only_time(tmp_path: Path, state: str) -> None:
    bell = Doorbell()
    bell.put_up(str(tmp_path / state))
    assert (bell.ends(), bell.rang()) == ([], False)


# What is due


def job(name: str, *, beside: bool = False, woken: bool = False) -> Job:
    return Job(name, name, (name,), Every(3600), 60, 0, NOW, beside=beside, woken=woken)


def agenda() -> Agenda:
    jobs = (job("contacts"), job("more"), job("activity", beside=True), job("events", beside=True, woken=True))
    return Agenda(Timetable("c", "s", 1, jobs), NOW, chance=lambda: 0.0)


def names(agenda: Agenda, now: float) -> list[str]:
    return [each.name for each in agenda.ready(now)]


def test_work_on_calls_takes_no_place_of_the_workers() -> None:
    found = agenda()
    assert sorted(names(found, NOW + 3600)) == ["activity", "contacts", "events"]
    for name in ("activity", "contacts", "events"):
        found.begin(name, NOW + 3600)
    assert names(found, NOW + 3601) == []
    found.end("contacts", NOW + 3602, 0)
    assert names(found, NOW + 3602) == ["more"]


def test_work_on_calls_that_starts_first_leaves_the_place_to_a_run() -> None:
    jobs = (job("activity", beside=True), job("contacts"))
    found = Agenda(Timetable("c", "s", 1, jobs), NOW, chance=lambda: 0.0)
    assert names(found, NOW + 3600) == ["activity", "contacts"]


def test_a_ring_makes_the_merge_due_soon_and_further_rings_do_not_put_it_off() -> None:
    found = agenda()
    found.wake(NOW + 10)
    found.wake(NOW + 11)
    assert names(found, NOW + 10 + SOON - 0.1) == []
    assert names(found, NOW + 10 + SOON) == ["events"]


def test_a_ring_during_a_merge_has_it_done_again() -> None:
    found = agenda()
    found.wake(NOW)
    found.begin("events", NOW + 2)
    found.wake(NOW + 3)
    assert names(found, NOW + 9) == []
    found.end("events", NOW + 9, 0)
    assert names(found, NOW + 9) == ["events"]
    found.begin("events", NOW + 9)
    found.end("events", NOW + 10, 0)
    assert names(found, NOW + 100) == []
