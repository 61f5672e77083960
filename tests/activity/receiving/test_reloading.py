"""SIGHUP at odd times: while the receiver starts, and again before the last one is carried out; and an odd place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.activity.receiving.plain import Plain
from syncd.activity.receiving.run import run
from syncd.activity.receiving.sockets import listener
from syncd.daemon.systemd import ServiceManager
from syncd.errors import ConfigError
from tests.worlds.patience import until
from tests.worlds.ports import free_port
from tests.worlds.receiver import Receiver, event, receiving


def test_a_hang_up_while_it_starts_does_not_end_it(tmp_path: Path) -> None:
    one = Receiver(tmp_path)
    one.whole = True
    try:
        one.start(ready=False)
        until(lambda: b"activity.receiver" in Path(f"/proc/{one.running().pid}/cmdline").read_bytes())
        one.signal(signal.SIGHUP)
        one.await_health()
        assert one.deliver(event()) == 204
        assert "Traceback" not in one.log.read_text()
    finally:
        one.end()


def test_a_hang_up_while_it_loads_has_it_load_again() -> None:
    def load() -> Plain:
        loaded.append(True)
        if len(loaded) > 1:
            raise ConfigError("loaded again")
        os.kill(os.getpid(), signal.SIGHUP)
        return Plain("127.0.0.1:0", "none.db", "none")

    loaded: list[bool] = []
    before = signal.getsignal(signal.SIGHUP)
    try:
        with pytest.raises(ConfigError, match="loaded again"):
            run(load, ServiceManager())
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_hang_ups_leave_the_last_place(tmp_path: Path) -> None:
    with receiving(tmp_path, whole=True) as one:
        first, last = str(tmp_path / "first.sock"), free_port()
        one.receive["listen"] = first
        one.configure()
        one.signal(signal.SIGHUP)
        until(lambda: Path(first).exists())
        one.receive["listen"] = f"127.0.0.1:{last}"
        one.configure()
        one.signal(signal.SIGHUP)
        one.signal(signal.SIGHUP)
        one.port = last
        until(lambda: any(line["listen"].endswith(str(last)) for line in one.lines("receiving")))
        assert one.deliver(event()) == 204
        until(lambda: not Path(first).exists())
        assert one.stop() == 0


def test_a_child_whose_receiver_has_ended_says_nothing(tmp_path: Path) -> None:
    one = Receiver(tmp_path)
    one.whole = True
    config = one.configure()
    line = [sys.executable, "-m", "syncd.activity.receiving.child", str(config)]
    nobody, end = os.pipe()
    os.close(nobody)
    done = subprocess.run(line, stdout=end, stderr=subprocess.PIPE, check=False)
    os.close(end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its path is longer than 107 bytes"):
        listener(f"{tmp_path}/{'a' * 107}")
