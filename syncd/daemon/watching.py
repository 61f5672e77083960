"""Who else is told what the daemon does: notifications, metrics and whatever comes after them."""

from __future__ import annotations

from syncd.daemon.children import Ended
from syncd.daemon.timetable import Job, Timetable


class Watcher:
    """Is told by the daemon's loop what happened; each method does nothing unless it is overridden.

    The loop waits for every method to return, and it feeds the watchdog: whatever takes longer than a moment belongs
    in a thread or a process of the watcher's own. An exception is logged and costs no run. What a run did stands in
    the state file (the ``run`` table) when :meth:`ended` is called.
    """

    def loaded(self, timetable: Timetable) -> None:
        """A timetable came into force: the first one, or another after a reload."""

    def not_loaded(self, code: int) -> None:
        """The configuration could not be read again (``code`` is the exit code); the old timetable stays in force."""

    def started(self, job: Job) -> None:
        """A job's process was started."""

    def ended(self, ended: Ended) -> None:
        """A job's process ended."""

    def beat(self, next_start: float | None) -> None:
        """The loop went round: at least every 30 seconds. ``next_start``: when the next job starts (Unix seconds)."""

    def stopping(self) -> None:
        """The daemon was asked to stop; runs under way still end."""

    def stopped(self) -> None:
        """The last run has ended; the daemon ends next."""
