"""Real child processes that crash, hang, run over time or ignore a signal; and the notify socket of systemd."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.settings.schedules import Every
from syncd.daemon import children as module
from syncd.daemon.children import Children, Ended
from syncd.daemon.loading import Loader
from syncd.daemon.service import Service, steady
from syncd.daemon.signals import Signals
from syncd.daemon.systemd import ServiceManager
from syncd.daemon.timetable import Job, Timetable
from syncd.daemon.watcher import Watcher
from syncd.processes import DAEMON
from tests.worlds.daemon_day import FakeLoader
from tests.worlds.patience import PATIENCE, until

CRASHES = 1000 if "SYNCD_SOAK" in os.environ else 150


def job(name: str = "tenants", timeout: float = 60.0, every: float = 1.0) -> Job:
    return Job(f"run {name}", name, ("run", name), Every(every), timeout)


def running(*command: str) -> Children:
    return Children(lambda _: command, time.monotonic)


def end_of(children: Children) -> Ended:
    found: list[Ended] = []

    def has_ended() -> bool:
        children.watch_over()
        found.extend(children.collect())
        return bool(found)

    until(has_ended)
    return found[0]


# Children


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -SEGV $$", -11), ("kill -KILL $$", -9)])
def test_how_a_child_ended_is_known(script: str, code: int) -> None:
    children = running("sh", "-c", script)
    children.start(job())
    assert children.names() == ["run tenants"]
    ended = end_of(children)
    assert (ended.job.source, ended.code, ended.timed_out) == ("tenants", code, False)
    assert children.names() == []


def test_a_child_that_runs_too_long_is_asked_to_stop() -> None:
    children = running("sleep", "60")
    children.start(job(timeout=0.05))
    ended = end_of(children)
    assert (ended.code, ended.timed_out) == (-signal.SIGTERM, True)


def test_a_child_that_does_not_listen_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.05)
    note = tmp_path / "grandchild"
    children = running("sh", "-c", f"trap '' TERM; sleep 60 & echo $! > {note}; wait; wait; sleep 60")
    children.start(job())
    until(lambda: note.exists() and note.read_text().strip())
    children.ask_all_to_stop()
    assert end_of(children).code == -signal.SIGKILL
    until(lambda: not alive(int(note.read_text())))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_the_service_manager_means_for_the_daemon_does_not_reach_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    children = running("sh", "-c", f"env > {tmp_path}/env")
    children.start(job())
    assert end_of(children).code == 0
    found = (tmp_path / "env").read_text()
    assert "CREDENTIALS_DIRECTORY=" in found
    assert "NOTIFY_SOCKET" not in found
    assert "WATCHDOG_USEC" not in found


def test_every_child_knows_which_start_of_the_daemon_began_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DAEMON, "of another daemon")
    found = set()
    for number in (1, 2):
        children = running("sh", "-c", f'echo "${DAEMON}" > {tmp_path}/{number}')
        children.start(job())
        assert end_of(children).code == 0
        found.add((tmp_path / str(number)).read_text().strip())
    assert len(found) == 1
    assert found.isdisjoint({"", "of another daemon"})


# Reading the configuration


def answer_of(loader: Loader) -> Timetable | int:
    found: list[Timetable | int] = []

    def has_answered() -> bool:
        found.extend(filter(None, [loader.collect()]))
        return bool(found)

    until(has_answered)
    return found[0]


def test_a_configuration_that_hangs_while_it_is_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.daemon.loading.LONGEST", 0.05)
    loader = Loader(["sleep", "60"], elapsed=time.monotonic)
    loader.start()
    assert answer_of(loader) == -signal.SIGKILL
    assert loader.collect() is None


def test_a_child_that_prints_no_timetable_is_a_defect() -> None:
    loader = Loader(["echo", "hello"], elapsed=time.monotonic)
    loader.start()
    assert answer_of(loader) == 1


def test_reading_again_drops_what_was_being_read() -> None:
    loader = Loader(["sleep", "60"], elapsed=time.monotonic)
    loader.start()
    loader.start()
    loader.cancel()
    assert loader.next_deadline() is None


# Crashes


def resident() -> int:
    """Return the number of memory pages of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1])


class Counting(Watcher):
    """Counts how runs end, stops the daemon after a number of runs, and notes the memory on the way."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.codes: list[int] = []
        self.memory: list[int] = []

    def ended(self, ended: Ended) -> None:
        self.codes.append(ended.code)
        if len(self.codes) % (self.most // 5) == 0:
            self.memory.append(resident())
        if len(self.codes) == self.most:
            os.kill(os.getpid(), signal.SIGTERM)


def test_it_outlives_any_number_of_crashes_and_its_memory_stays_flat(tmp_path: Path) -> None:
    counting = Counting(CRASHES)
    jobs = tuple(job(name, every=1) for name in "abcd")
    timetable = Timetable("/c", str(tmp_path / "syncd.db"), 2, jobs)
    ahead = iter(range(10**9))  # a clock on which an hour goes by at each look
    service = Service(
        FakeLoader(timetable),  # type: ignore[arg-type]
        Children(lambda each: ("sh", "-c", "kill -SEGV $$"), steady),
        chance=lambda: 0.0,
        manager=ServiceManager({}),
        watchers=[counting],
        clock=lambda: next(ahead) * 3600.0,
        elapsed=lambda: next(ahead) * 3600.0,
    )
    with Signals() as signals:
        assert service.run(signals) == 0
    assert len(counting.codes) >= CRASHES
    assert set(counting.codes) <= {-signal.SIGSEGV, -signal.SIGTERM}
    assert counting.memory[-1] - counting.memory[0] < 256  # pages: 1 MB


def test_a_machine_without_room_for_a_process_is_waited_out(tmp_path: Path) -> None:
    lines = iter([("/nowhere/at/all",), ("/nowhere/at/all",)])
    counting = Counting(5)
    ahead = iter(range(10**9))
    service = Service(
        FakeLoader(Timetable("/c", str(tmp_path / "syncd.db"), 2, (job(),))),  # type: ignore[arg-type]
        Children(lambda _: next(lines, ("true",)), steady),
        chance=lambda: 0.0,
        manager=ServiceManager({}),
        watchers=[counting],
        clock=lambda: next(ahead) * 60.0,
        elapsed=lambda: next(ahead) * 60.0,
    )
    with Signals() as signals:
        assert service.run(signals) == 0
    assert set(counting.codes) <= {0, -signal.SIGTERM}
    assert counting.codes[0] == 0


# Signals


def test_a_signal_ends_a_wait_and_is_not_lost_before_one() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.wait(PATIENCE) == [signal.SIGHUP]
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert signals.wait(PATIENCE) == [signal.SIGTERM]
        assert signals.wait(0) == []


def test_signals_are_handled_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


# The service manager


@pytest.fixture(params=["path", "abstract"])
def notified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "path" else f"\0syncd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        listening.settimeout(PATIENCE)
        yield listening


def address(listening: socket.socket) -> str:
    name = listening.getsockname()
    return name if isinstance(name, str) else "@" + name[1:].decode()


def test_systemd_hears_what_sd_notify_describes(notified: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address(notified), "WATCHDOG_USEC": "30000000"})
    assert manager.watchdog == 15.0
    manager.ready()
    manager.status("under way:\nrun tenants")
    manager.status("under way:\nrun tenants")
    manager.alive()
    before = time.monotonic_ns() // 1000
    manager.reloading()
    manager.stopping()
    told = [notified.recv(4096).decode() for _ in range(5)]
    assert told[:3] == ["READY=1", "STATUS=under way: run tenants", "WATCHDOG=1"]
    reloading, moment = told[3].split("\n")
    assert reloading == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert told[4] == "STOPPING=1"


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_none_is_fed(environ: dict[str, str]) -> None:
    assert ServiceManager(environ).watchdog is None


def test_a_socket_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_python_is_the_one_that_runs_now() -> None:
    assert module.syncd("run", "tenants") == [sys.executable, "-P", "-m", "syncd", "run", "tenants"]
