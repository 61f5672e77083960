"""Decides which jobs start now. Pure: time and chance are arguments, and nothing is started here.

Each job has a time at which it is ``due`` and a time at which it ``starts``: a little later (jitter), or sooner after a
run that asked to be tried again. One run makes up for all times that were missed, because a run took long, the machine
slept or the clock was set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from syncd.core.settings.schedules import Every
from syncd.daemon.timetable import JITTER_SHARE, Job, Timetable
from syncd.daemon.triggers import is_hourly, next_time
from syncd.report.exit_code import BUSY, TEMPORARY

TRY_AGAIN = frozenset({TEMPORARY, BUSY})
"""Exit codes after which a run is tried again. A run that a signal ended is tried again too."""

FIRST_RETRY, LAST_RETRY = 60.0, 1800.0
"""Seconds until a run is tried again: the first number, doubled after each failure, up to the second number."""

SOON = 2.0
"""Seconds after the first delivery until it is merged: what comes meanwhile is merged with it."""

NEAR = 3 * 3600.0
"""A step back of at most so many seconds is small: the times that the clock shows again were served already."""


@dataclass(slots=True)
class Entry:
    """One job's times, in Unix seconds. ``starts`` is ``due`` plus jitter, or an earlier retry.

    ``gone``: the job is no longer in the timetable, but still runs.
    """

    job: Job
    due: float
    starts: float
    failures: int = 0
    running: bool = False
    gone: bool = False


class Agenda:
    """The jobs of a timetable and when each starts. ``chance`` returns numbers from 0 to 1."""

    def __init__(self, timetable: Timetable, now: float, *, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._workers = timetable.workers
        self._entries = {job.name: self._entry(job, now) for job in timetable.jobs}

    def ready(self, now: float) -> list[Job]:
        """Return the jobs that start now, the longest waiting first; no more than there are free workers."""
        # Two runs of one source would fight for its lease, and the second would end with code 5.
        busy = {entry.job.source for entry in self._entries.values() if entry.running}
        free = self._workers - sum(entry.running for entry in self._entries.values() if not entry.job.beside)
        chosen: list[Job] = []
        for entry in sorted(self._waiting(), key=lambda entry: entry.starts):
            has_place = entry.job.beside or free > 0
            if has_place and entry.starts <= now and entry.job.source not in busy:
                busy.add(entry.job.source)
                chosen.append(entry.job)
                free -= not entry.job.beside
        return chosen

    def wake(self, now: float) -> None:
        """Note that somebody has rung: the jobs that wait for that start soon, or soon after their end."""
        for entry in self._entries.values():
            if entry.job.woken:
                entry.starts = min(entry.starts, now + SOON)

    def due_at(self, name: str, moment: float) -> None:
        """Note that a job is also due at a moment; one that is under way is not."""
        entry = self._entries.get(name)
        if entry is not None and not entry.running:
            entry.starts = min(entry.starts, moment)

    def next_start(self) -> float | None:
        """Return the next start of a job that is not under way; None if there is none."""
        return min((entry.starts for entry in self._waiting()), default=None)

    def jobs(self) -> list[Job]:
        """Return the jobs of the timetable."""
        return [entry.job for entry in self._entries.values() if not entry.gone]

    def upcoming(self) -> list[tuple[Job, float]]:
        """Return the jobs that are not under way with their starts, the next one first."""
        return sorted(((entry.job, entry.starts) for entry in self._waiting()), key=lambda each: each[1])

    def begin(self, name: str, now: float) -> None:
        """Note that the job was started; its next time is the first one after ``now``."""
        entry = self._entries[name]
        entry.running = True
        # A retry starts before its job is due, and leaves that time as it is.
        if entry.due <= now:
            entry.due = next_time(entry.job.schedule, entry.due, now)
        entry.starts = self._delayed(entry.job, entry.due)

    def end(self, name: str, now: float, code: int) -> None:
        """Note that the job's process ended with this exit code, or was ended by a signal (negative)."""
        entry = self._entries[name]
        entry.running = False
        if entry.gone:
            del self._entries[name]
            return
        again = code in TRY_AGAIN or code < 0
        entry.failures = entry.failures + 1 if again else 0
        if again:
            entry.starts = min(entry.starts, now + _pause(entry.failures))

    def replace(self, timetable: Timetable, now: float) -> None:
        """Put another timetable in force. Jobs under way go on; jobs with the same schedule keep their times."""
        self._workers = timetable.workers
        before, self._entries = self._entries, {}
        for job in timetable.jobs:
            old = before.pop(job.name, None)
            if old is not None and old.job.schedule == job.schedule:
                old.job, old.gone = job, False
                self._entries[job.name] = old
            else:
                self._entries[job.name] = self._entry(job, now)
                self._entries[job.name].running = old is not None and old.running
        # A job that was removed still occupies a worker until its process ends.
        for name, entry in before.items():
            if entry.running:
                entry.gone = True
                self._entries[name] = entry

    def clock_was_set(self, now: float, step: float) -> None:
        """Note that the clock was moved by ``step`` seconds and shows ``now``.

        Intervals are spans of real time, so they move with the clock. Times of the day stay after a small step back:
        they were served already. Times of every hour, and all times after a large step back, are found anew.
        """
        for entry in self._entries.values():
            # A retry is a span of real time as well, whatever the schedule is.
            retry = entry.starts < entry.due
            schedule = entry.job.schedule
            if isinstance(schedule, Every):
                entry.due += step
                entry.starts += step
            elif step < -NEAR or (step < 0 and is_hourly(schedule)):
                entry.due = next_time(schedule, now, now)
                entry.starts = entry.starts + step if retry else self._delayed(entry.job, entry.due)
            elif retry:
                entry.starts += step

    def _waiting(self) -> Iterable[Entry]:
        return (entry for entry in self._entries.values() if not entry.running and not entry.gone)

    def _entry(self, job: Job, now: float) -> Entry:
        due = _first_due(job, now)
        # A job that is overdue starts at once: jitter would only delay it further.
        return Entry(job, due, due if due <= now else self._delayed(job, due))

    def _delayed(self, job: Job, due: float) -> float:
        most = min(job.jitter, JITTER_SHARE * (next_time(job.schedule, due, due) - due))
        return due + most * self._chance()


def _first_due(job: Job, now: float) -> float:
    """Return when a job is due that this daemon has not started yet: now, if a time passed since it last began."""
    if job.last is None:
        return now
    # A start in the future was written by a clock that was wrong: taken as it is, the job would wait until then.
    last = min(job.last, now)
    return max(now, next_time(job.schedule, last, last))


def _pause(failures: int) -> float:
    return float(min(LAST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 10)))
