"""Which jobs start now. Pure: time and chance are arguments, and what is decided is returned, not done.

Each job has a time at which it is ``due`` and one at which it ``starts``, a little later (jitter) or, after a run that
said "try again", sooner. However many times were missed, by a run that took long, a machine that slept or a clock that
was set, one run makes up for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from syncd.core.settings.schedules import Every
from syncd.daemon.timetable import JITTER_SHARE, Job, Timetable
from syncd.daemon.triggers import is_hourly, next_time

TRY_AGAIN = frozenset({4, 5})
"""Exit codes that say: temporary, or another run holds the source. A run that a signal ended counts as well."""

FIRST_RETRY, LAST_RETRY = 60.0, 1800.0
"""Seconds until such a run is tried again; each further one doubles them, up to the second number."""

NEAR = 3 * 3600.0
"""A clock that is set back by no more seconds than this shows times again, which were served already."""


@dataclass(slots=True)
class Entry:
    """One job's place. ``starts`` is ``due`` and some jitter, or an earlier retry; Unix seconds."""

    job: Job
    due: float
    starts: float
    failures: int = 0
    running: bool = False
    gone: bool = False


class Agenda:
    """The jobs of a timetable and when each starts. ``chance`` gives numbers from 0 to 1."""

    def __init__(self, timetable: Timetable, now: float, *, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._workers = timetable.workers
        self._entries = {job.name: self._entry(job, now) for job in timetable.jobs}

    def ready(self, now: float) -> list[Job]:
        """The jobs that start now, the one that waits longest first: no more than workers are free."""
        busy = {entry.job.source for entry in self._entries.values() if entry.running}
        free = self._workers - sum(entry.running for entry in self._entries.values())
        chosen: list[Job] = []
        for entry in sorted(self._waiting(), key=lambda entry: entry.starts):
            if len(chosen) < free and entry.starts <= now and entry.job.source not in busy:
                busy.add(entry.job.source)
                chosen.append(entry.job)
        return chosen

    def next_start(self) -> float | None:
        """When the next job starts that is not under way; None if there is none."""
        return min((entry.starts for entry in self._waiting()), default=None)

    def upcoming(self) -> list[tuple[Job, float]]:
        """The jobs that are not under way and when each starts, the next one first."""
        return sorted(((entry.job, entry.starts) for entry in self._waiting()), key=lambda each: each[1])

    def begin(self, name: str, now: float) -> None:
        """Note that the job was started: it is due again at the next time that lies ahead."""
        entry = self._entries[name]
        entry.running = True
        if entry.due <= now:
            entry.due = next_time(entry.job.schedule, entry.due, now)
        entry.starts = self._put_off(entry.job, entry.due)

    def end(self, name: str, now: float, code: int) -> None:
        """Note that the job's process ended, with this exit code or, negative, by that signal."""
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
        """Let another timetable be in force. What is under way goes on; what did not change keeps its times."""
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
        for name, entry in before.items():
            if entry.running:
                entry.gone = True
                self._entries[name] = entry

    def clock_was_set(self, now: float, step: float) -> None:
        """Note that the clock was moved by ``step`` seconds and shows ``now``.

        Intervals are spans of real time, and move with it. Times of day that are shown again after a small step back
        were served already. Times of every hour, and all after a large step back, are found anew.
        """
        for entry in self._entries.values():
            retry = entry.starts < entry.due
            schedule = entry.job.schedule
            if isinstance(schedule, Every):
                entry.due += step
                entry.starts += step
            elif step < -NEAR or (step < 0 and is_hourly(schedule)):
                entry.due = next_time(schedule, now, now)
                entry.starts = entry.starts + step if retry else self._put_off(entry.job, entry.due)
            elif retry:
                entry.starts += step

    def _waiting(self) -> Iterable[Entry]:
        return (entry for entry in self._entries.values() if not entry.running and not entry.gone)

    def _entry(self, job: Job, now: float) -> Entry:
        due = _first_due(job, now)
        return Entry(job, due, due if due <= now else self._put_off(job, due))

    def _put_off(self, job: Job, due: float) -> float:
        most = min(job.jitter, JITTER_SHARE * (next_time(job.schedule, due, due) - due))
        return due + most * self._chance()


def _first_due(job: Job, now: float) -> float:
    """When a job is due that this daemon has not started yet: now, if it was due since it last began."""
    if job.last is None:
        return now
    last = min(job.last, now)  # a start that lies ahead was written by a clock that was wrong
    return max(now, next_time(job.schedule, last, last))


def _pause(failures: int) -> float:
    return float(min(LAST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 10)))
