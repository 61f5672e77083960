"""Starts, ends and collects the processes that carry jobs out.

A child has a session of its own, so that a Ctrl-C in the daemon's terminal reaches the daemon alone, and so that
ending it ends whatever it started too. Its logs go where the daemon's go; what it prints is for nobody.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.daemon.timetable import Job

GRACE = 25.0
"""Seconds that a child has between SIGTERM and SIGKILL: for the batches under way and their records."""

Command = Callable[[Job], Sequence[str]]

NOT_FOR_CHILDREN = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""Variables by which the service manager speaks with the daemon alone."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job's process ended. ``code``: its exit code or, negative, the signal that ended it.

    ``seconds``: how long it ran. ``timed_out``: it was ended because it ran longer than its timeout.
    """

    job: Job
    code: int
    seconds: float
    timed_out: bool = False


@dataclass(slots=True)
class Child:
    """A process under way; times are of the clock that no one sets. ``kill_at``: when patience with it ends."""

    job: Job
    process: subprocess.Popen[bytes]
    begun: float
    kill_at: float | None = None
    timed_out: bool = False


@dataclass(slots=True)
class Children:
    """The processes under way, by job name. ``command`` says what is started; ``elapsed`` is a steady clock."""

    command: Command
    elapsed: Callable[[], float]
    _running: dict[str, Child] = field(default_factory=dict)

    def start(self, job: Job) -> int:
        """Start the job's process; returns its id.

        Raises:
            OSError: the machine has no room for another process.
        """
        process = subprocess.Popen(  # noqa: S603 (this program itself)
            self.command(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment_of_children(os.environ),
            start_new_session=True,
        )
        self._running[job.name] = Child(job, process, self.elapsed())
        return process.pid

    def collect(self) -> list[Ended]:
        """The jobs whose processes have ended since the last call."""
        found = []
        for name, child in list(self._running.items()):
            code = child.process.poll()
            if code is not None:
                del self._running[name]
                found.append(Ended(child.job, code, self.elapsed() - child.begun, child.timed_out))
        return found

    def watch_over(self) -> list[Job]:
        """Ask those that ran out of time to stop and kill those that were asked long ago; returns who timed out."""
        now, late = self.elapsed(), []
        for child in self._running.values():
            if child.kill_at is None and now - child.begun >= child.job.timeout:
                child.timed_out = True
                late.append(child.job)
                _ask(child, now)
            elif child.kill_at is not None and now >= child.kill_at:
                _signal(child, signal.SIGKILL)
        return late

    def ask_all_to_stop(self) -> None:
        """Let every child end the batches under way, record them and stop."""
        for child in self._running.values():
            if child.kill_at is None:
                _ask(child, self.elapsed())

    def kill_all(self) -> None:
        """End every child at once; what it had under way is settled by the next run."""
        for child in self._running.values():
            _signal(child, signal.SIGKILL)

    def next_deadline(self) -> float | None:
        """When :meth:`watch_over` is next of use, on the steady clock; None while no child runs."""
        ends = (
            child.begun + child.job.timeout if child.kill_at is None else child.kill_at
            for child in self._running.values()
        )
        return min(ends, default=None)

    def names(self) -> list[str]:
        """The names of the jobs under way."""
        return list(self._running)


def syncd(*arguments: str) -> list[str]:
    """The command line of a syncd like this one; what lies in the working directory is not imported."""
    return [sys.executable, "-P", "-m", "syncd", *arguments]


def environment_of_children(environ: Mapping[str, str]) -> dict[str, str]:
    """The daemon's own environment without what the service manager meant for the daemon."""
    return {name: value for name, value in environ.items() if name not in NOT_FOR_CHILDREN}


def _ask(child: Child, now: float) -> None:
    child.kill_at = now + GRACE
    with suppress(ProcessLookupError):
        child.process.send_signal(signal.SIGTERM)


def _signal(child: Child, number: signal.Signals) -> None:
    """Send the whole session of a child a signal."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
