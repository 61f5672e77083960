"""Starts, ends and collects the processes that do the jobs.

Each child has a session of its own: Ctrl-C in the daemon's terminal reaches the daemon alone, and killing a child also
kills the processes that it started. A child logs to the daemon's stderr; its standard output is dropped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from syncd.daemon.timetable import Job
from syncd.processes import DAEMON

GRACE = 25.0
"""Seconds that a child has between SIGTERM and SIGKILL: for the batches under way and their records."""

Command = Callable[[Job], Sequence[str]]

NOT_FOR_CHILDREN = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""Variables by which the service manager addresses the daemon alone."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job's process. ``code``: its exit code or, negative, the signal that ended it.

    ``timed_out``: whether it was ended because it exceeded its timeout.
    """

    job: Job
    code: int
    timed_out: bool = False


_THIS = f"{os.getpid()}-{time.time_ns()}"
"""Names this start of the daemon: a process id alone may come again."""


@dataclass(slots=True)
class Child:
    """A process under way. ``begun`` and ``kill_at`` (when it will be killed) are times of the steady clock."""

    job: Job
    process: subprocess.Popen[bytes]
    begun: float
    kill_at: float | None = None
    timed_out: bool = False


@dataclass(slots=True)
class Children:
    """The processes under way, by job name. ``command`` gives a job's command line; ``elapsed`` is a steady clock."""

    command: Command
    elapsed: Callable[[], float]
    _running: dict[str, Child] = field(default_factory=dict)

    def start(self, job: Job) -> int:
        """Start the job's process and return its id.

        Raises:
            OSError: the machine has no room for another process.
        """
        process = start_process(self.command(job))
        self._running[job.name] = Child(job, process, self.elapsed())
        return process.pid

    def collect(self) -> list[Ended]:
        """Return the jobs whose processes have ended since the last call."""
        ended = []
        for name, child in list(self._running.items()):
            # poll() also removes the zombie.
            code = child.process.poll()
            if code is not None:
                del self._running[name]
                ended.append(Ended(child.job, code, child.timed_out))
        return ended

    def watch_over(self) -> list[Job]:
        """Ask children above their timeout to stop, and kill them later; return the jobs that have just timed out."""
        now, late = self.elapsed(), []
        for child in self._running.values():
            if child.kill_at is None and now - child.begun >= child.job.timeout:
                child.timed_out = True
                late.append(child.job)
                _ask_to_stop(child, now)
            elif child.kill_at is not None and now >= child.kill_at:
                _kill(child)
        return late

    def ask_all_to_stop(self) -> None:
        """Let every child end the batches under way, record them and stop."""
        for child in self._running.values():
            # A child that was asked already keeps its deadline.
            if child.kill_at is None:
                _ask_to_stop(child, self.elapsed())

    def kill_all(self) -> None:
        """End every child at once; the next run settles its open calls."""
        for child in self._running.values():
            _kill(child)

    def next_deadline(self) -> float | None:
        """Return when :meth:`watch_over` must be called next, on the steady clock; None while no child runs."""
        deadlines = (
            child.begun + child.job.timeout if child.kill_at is None else child.kill_at
            for child in self._running.values()
        )
        return min(deadlines, default=None)

    def names(self) -> list[str]:
        """Return the names of the jobs under way."""
        return list(self._running)


def syncd(*arguments: str) -> list[str]:
    """Return the command line of a syncd like this one."""
    # -P: a file in the working directory must not be imported in place of a module.
    return [sys.executable, "-P", "-m", "syncd", *arguments]


def start_process(command: Sequence[str], stdout: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own.

    Raises:
        OSError: the machine has no room for another process.
    """
    return subprocess.Popen(  # noqa: S603 (this program itself)
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        env={**{name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}, DAEMON: _THIS},
        start_new_session=True,
    )


def _ask_to_stop(child: Child, now: float) -> None:
    child.kill_at = now + GRACE
    # Not the whole session: a process that the child started, such as one that sends notices, may finish.
    with suppress(ProcessLookupError):
        child.process.send_signal(signal.SIGTERM)


def _kill(child: Child) -> None:
    # The whole session, so that nothing that the child started goes on alone.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)
