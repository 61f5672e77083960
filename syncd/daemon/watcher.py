"""The interface of an observer of the daemon, such as notifications and metrics."""

from __future__ import annotations

from syncd.daemon.children import Ended
from syncd.daemon.timetable import Job, Timetable


class Watcher:
    """Observes the daemon: its loop calls these methods, which do nothing unless they are overridden.

    The loop waits for every method to return: a method that takes longer than a moment must use a thread or a process
    of its own. An exception is logged and stops no run. When :meth:`ended` is called, the state file (the ``run``
    table) holds the run's result.
    """

    # Not abstract methods: an observer overrides the two or three events that it needs.

    def loaded(self, timetable: Timetable) -> None:
        """Called when a timetable comes into force: the first one, or another one after a reload."""

    def not_loaded(self, code: int) -> None:
        """Called when a reload failed (``code`` is the exit code); the old timetable stays in force."""

    def started(self, job: Job) -> None:
        """Called when a job's process was started."""

    def ended(self, ended: Ended) -> None:
        """Called when a job's process ended."""

    def beat(self, next_start: float | None) -> None:
        """Called in each round of the loop, at least every 30 seconds. ``next_start``: in Unix seconds."""

    def stopping(self) -> None:
        """Called when the daemon was asked to stop; runs under way still end."""

    # The last call: a process or a server of the observer must end here.
    def stopped(self) -> None:
        """Called after the last run has ended; the daemon ends next."""
