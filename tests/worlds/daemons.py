"""A daemon in a process of its own, with a receiver, as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from syncd.activity.store.store import ActivityStore
from syncd.state import State
from tests.worlds.patience import PATIENCE, until
from tests.worlds.receiver import Receiver
from tests.worlds.world import World


class Daemon:
    """``sender`` delivers to the receiver that the daemon keeps."""

    def __init__(self, world: World, **receive: Any) -> None:
        self.world = world
        self.sender = Receiver(world.folder, **receive)
        self.sender.activity = {"store": "activity.db"}
        self.log = world.folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.configure()

    def configure(self) -> None:
        self.world.activity = {"since": "2d", **self.sender.activity}
        if self.sender.receive:
            self.world.activity["receive"] = self.sender.receive
        self.world.settings()

    def start(self) -> None:
        """Start it; new files are made here, which takes less time than its processes need for that."""
        State(self.world.folder / "syncd.db").close()
        ActivityStore(self.sender.store).close()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "syncd", "daemon"],
                cwd=self.world.folder,
                env={**os.environ},
                stderr=log,
            )

    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def signal(self, number: signal.Signals) -> None:
        self.running().send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.running().wait(PATIENCE)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
            self.process.kill()
            self.process.wait()

    def receiver(self) -> int | None:
        """The process of the receiver; None if there is none."""
        pid = self.running().pid
        with suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with suppress(OSError):
                    words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                    if b"syncd.commands.activity.receiver" in words:
                        return int(child)
        return None

    def answers(self) -> bool:
        with suppress(OSError):
            return self.sender.ask("GET", "/healthz")[0] == 200
        return False

    def lines(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines() if line.startswith("{")]

    def unmerged(self) -> int:
        rows = self.sender.rows("SELECT count(*) FROM event WHERE processed IS NULL")
        return int(rows[0][0])


@contextmanager
def daemon_with_receiver(world: World, **receive: Any) -> Iterator[Daemon]:
    """A daemon whose receiver answers."""
    one = Daemon(world, **receive)
    try:
        one.start()
        until(one.answers)
        yield one
    finally:
        one.end()
