"""The loop: sleeps until something is due, starts and collects children, and heeds signals and the service manager.

It decides nothing: the agenda says which jobs start. It is one thread that never waits for a child, a lock or the
network, so a loop that goes round is a daemon that works, and only such a loop feeds the watchdog.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from syncd.daemon.agenda import Agenda
from syncd.daemon.children import Children, Ended
from syncd.daemon.loading import Loaded, Loader
from syncd.daemon.lock import Lock
from syncd.daemon.signals import Signals
from syncd.daemon.systemd import ServiceManager
from syncd.daemon.timetable import Job, Timetable
from syncd.daemon.watching import Watcher
from syncd.errors import SyncdError
from syncd.report.error_text import say_error

log = structlog.get_logger()

LONGEST_SLEEP = 30.0
"""Seconds after which the loop looks at the clock again: it may have been set."""

STEP = 2.0
"""A clock that went so many seconds more or less than it should have was set."""

TEMPORARY = 4


def steady() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Service:
    """The daemon from its start to its end. Used once."""

    def __init__(
        self,
        loader: Loader,
        children: Children,
        *,
        chance: Callable[[], float],
        manager: ServiceManager,
        watchers: Sequence[Watcher] = (),
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = steady,
    ) -> None:
        self._loader = loader
        self._children = children
        self._chance = chance
        self._manager = manager
        self._watchers = watchers
        self._clock, self._elapsed = clock, elapsed
        self._wall, self._ran = clock(), elapsed()
        self._agenda: Agenda | None = None
        self._lock = Lock()
        self._codes: dict[str, int] = {}
        self._stopping = False
        self._code = 0
        self._refused = False

    def run(self, signals: Signals) -> int:
        """Serve until a signal asks to stop; returns the exit code.

        Raises:
            SourceBusy: another daemon serves this state file.
            StateError: there can be no lock beside the state file.
        """
        try:
            self._load()
            while not self._is_over():
                self._turn(signals.wait(self._pause()))
        finally:
            self._loader.cancel()
            self._children.kill_all()
            self._lock.release()
        self._tell("stopped")
        log.info("daemon stopped", exit=self._code)
        return self._code

    def _is_over(self) -> bool:
        return self._stopping and not self._children.names()

    def _turn(self, signals: Sequence[int]) -> None:
        """One round of the loop."""
        self._look_at_the_clock()
        self._heed(signals)
        if loaded := self._loader.collect():
            self._take(loaded)
        for job in self._children.watch_over():
            log.warning("run exceeded its timeout", job=job.name, seconds=job.timeout)
        for ended in self._children.collect():
            self._end(ended)
        if self._agenda is not None and not self._stopping:
            for job in self._agenda.ready(self._clock()):
                self._start(self._agenda, job)
        self._manager.status(self._status())
        self._manager.alive()
        self._tell("beat", self._agenda.next_start() if self._agenda else None)

    def _pause(self) -> float:
        """Seconds until there is something to do, unless a signal comes first."""
        waits = [LONGEST_SLEEP]
        if self._manager.watchdog is not None:
            waits.append(self._manager.watchdog)
        deadlines = (self._children.next_deadline(), self._loader.next_deadline())
        waits += [deadline - self._elapsed() for deadline in deadlines if deadline is not None]
        if self._agenda is not None and not self._stopping:
            waits += self._until_next_start(self._agenda)
        return max(0.0, min(waits))

    def _until_next_start(self, agenda: Agenda) -> list[float]:
        """A job that only waits for another to end is started by that one's SIGCHLD."""
        start, now = agenda.next_start(), self._clock()
        return [start - now] if start is not None and start > now else []

    def _look_at_the_clock(self) -> None:
        wall, ran = self._clock(), self._elapsed()
        step = (wall - self._wall) - (ran - self._ran)
        self._wall, self._ran = wall, ran
        if abs(step) >= STEP and self._agenda is not None:
            log.info("the clock was set", seconds=round(step))
            self._agenda.clock_was_set(wall, step)

    def _heed(self, signals: Sequence[int]) -> None:
        for number in signals:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP and not self._stopping:
                log.info("reloading")
                self._manager.reloading()
                self._load()

    def _stop(self) -> None:
        """The first time: let the runs end. The second: break them off."""
        if self._stopping:
            self._children.kill_all()
            return
        self._stopping = True
        log.info("daemon stopping", running=self._children.names())
        self._manager.stopping()
        self._children.ask_all_to_stop()
        self._tell("stopping")

    def _load(self) -> None:
        try:
            self._loader.start()
        except OSError as error:
            log.error("no process could be started", error=error.strerror)  # noqa: TRY400 (no traceback)
            self._take(Loaded(TEMPORARY))

    def _take(self, loaded: Loaded) -> None:
        if loaded.timetable is None:
            self._go_on_without(loaded.code)
        elif not self._stopping:
            self._replace(loaded.timetable)
        if not self._stopping:
            self._manager.ready()

    def _replace(self, timetable: Timetable) -> None:
        try:
            self._lock.take(timetable.state)
        except SyncdError as error:
            if self._agenda is None:
                raise
            say_error(str(error))
            self._go_on_without(error.exit_code)
        else:
            self._put_in_force(timetable)

    def _put_in_force(self, timetable: Timetable) -> None:
        self._refused = False
        if self._agenda is None:
            self._agenda = Agenda(timetable, self._clock(), chance=self._chance)
        else:
            self._agenda.replace(timetable, self._clock())
        log.info("schedule in force", config=timetable.config, jobs=[job.name for job in timetable.jobs][:20])
        self._tell("loaded", timetable)

    def _go_on_without(self, code: int) -> None:
        """At the start there is nothing to go on with."""
        if self._agenda is None:
            self._code, self._stopping = code if code > 0 else TEMPORARY, True
            log.error("the configuration could not be read", exit=code)
            return
        self._refused = True
        log.error("the configuration could not be read again; the schedule of before stays", exit=code)
        self._tell("not_loaded", code)

    def _start(self, agenda: Agenda, job: Job) -> None:
        agenda.begin(job.name, self._clock())
        try:
            process = self._children.start(job)
        except OSError as error:
            log.error("run could not be started", job=job.name, error=error.strerror)  # noqa: TRY400 (no traceback)
            agenda.end(job.name, self._clock(), TEMPORARY)
            return
        log.debug("run started", job=job.name, process=process)
        self._tell("started", job)

    def _end(self, ended: Ended) -> None:
        if self._agenda is not None:
            self._agenda.end(ended.job.name, self._clock(), ended.code)
        self._say_how(ended)
        self._tell("ended", ended)

    def _say_how(self, ended: Ended) -> None:
        """Once when the exit code becomes another one, not every time."""
        before = self._codes.get(ended.job.name, 0)
        self._codes[ended.job.name] = ended.code
        if ended.code == before or self._stopping:
            return
        told = log.info if ended.code == 0 else log.warning
        how = {"signal": signal.Signals(-ended.code).name} if ended.code < 0 else {"exit": ended.code}
        event = "run is good again" if ended.code == 0 else "exit code changed"
        told(event, job=ended.job.name, timed_out=ended.timed_out, **how)

    def _status(self) -> str:
        if self._stopping:
            return "stopping; waits for " + (", ".join(self._children.names()) or "nothing")
        if self._agenda is None:
            return "reading the configuration"
        running, upcoming = self._children.names(), self._agenda.upcoming()
        parts = [f"under way: {', '.join(running)}"] if running else []
        if upcoming:
            job, start = upcoming[0]
            parts.append(f"next: {job.name} at {time.strftime('%H:%M:%S', time.localtime(start))}")
        failing = [name for name, code in self._codes.items() if code]
        parts += [f"not well: {', '.join(failing)}"] if failing else []
        parts += ["the configuration is wrong since it was changed; the schedule of before stays"] * self._refused
        return "; ".join(parts) or "no source has a schedule"

    def _tell(self, event: str, *what: Any) -> None:
        for watcher in self._watchers:
            try:
                getattr(watcher, event)(*what)
            except Exception:
                log.exception("a watcher of the daemon failed", watcher=type(watcher).__name__, at=event)
