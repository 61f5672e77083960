"""The loop: sleeps until something is due, starts and collects children, and obeys signals and the service manager.

It decides nothing: the agenda says which jobs start. It is one thread that never waits for a child, a lock or the
network. So a loop that turns is a daemon that works, and only a loop that turns feeds the watchdog.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from syncd.daemon.agenda import Agenda
from syncd.daemon.children import Children, Ended
from syncd.daemon.doorbell import Doorbell
from syncd.daemon.keeper import Keeper
from syncd.daemon.loading import Loader
from syncd.daemon.lock import Lock
from syncd.daemon.signals import Signals
from syncd.daemon.systemd import ServiceManager
from syncd.daemon.timetable import Job, Timetable
from syncd.daemon.watcher import Watcher
from syncd.errors import SyncdError
from syncd.report.error_text import say_error
from syncd.report.exit_code import GOOD, TEMPORARY
from syncd.watch.activity.glance import next_delivery

log = structlog.get_logger()

LONGEST_SLEEP = 30.0
"""Seconds after which the loop checks whether the clock was set."""

STEP = 2.0
"""A wall clock that differs from the steady clock by so many seconds was set."""


def steady() -> float:
    """Return the seconds of a clock that nobody sets."""
    # CLOCK_BOOTTIME also counts while the machine sleeps: after a sleep the wall clock must not look as if it was set.
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
        keeper: Keeper | None = None,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = steady,
    ) -> None:
        self._loader = loader
        self._children = children
        self._chance = chance
        self._manager = manager
        self._watchers = watchers
        self._keeper = keeper or Keeper((), elapsed)
        self._bell = Doorbell()
        self._clock, self._elapsed = clock, elapsed
        self._wall, self._ran = clock(), elapsed()
        self._agenda: Agenda | None = None
        self._lock = Lock()
        self._codes: dict[str, int] = {}
        self._stopping = False
        self._code = 0
        self._refused = False

    def run(self, signals: Signals) -> int:
        """Serve until a signal asks to stop; return the exit code.

        Raises:
            SourceBusy: another daemon serves this state file.
            StateError: the lock beside the state file cannot be written.
        """
        try:
            self._load()
            while not self._stopping or self._children.names() or self._keeper.is_running():
                self._turn(signals.wait(self._pause(), *self._bell.ends()))
        finally:
            self._loader.cancel()
            self._children.kill_all()
            self._keeper.kill()
            self._bell.take_down()
            self._lock.release()
        self._tell("stopped")
        log.info("daemon stopped", exit=self._code)
        return self._code

    def _turn(self, signals: Sequence[int]) -> None:
        """Do one round of the loop."""
        # First the clock: every later step compares times with it.
        self._check_clock()
        self._obey(signals)
        if (loaded := self._loader.collect()) is not None:
            self._take(loaded)
        for job in self._children.watch_over():
            log.warning("run exceeded its timeout", job=job.name, seconds=job.timeout)
        for ended in self._children.collect():
            self._end(ended)
        self._look_after_receiver()
        if self._agenda is not None and not self._stopping:
            for job in self._agenda.ready(self._clock()):
                self._start(self._agenda, job)
        self._manager.status(self._status())
        self._manager.alive()
        self._tell("beat", self._agenda.next_start() if self._agenda else None)

    def _look_after_receiver(self) -> None:
        if self._bell.rang() and self._agenda is not None:
            self._agenda.wake(self._clock())
        # It answers as long as anything else is under way.
        if self._stopping and not self._children.names():
            self._keeper.let_go()
        self._keeper.look()

    def _pause(self) -> float:
        """Return the seconds until there is something to do; a signal may come first."""
        waits = [LONGEST_SLEEP]
        if self._manager.watchdog is not None:
            waits.append(self._manager.watchdog)
        deadlines = (each.next_deadline() for each in (self._children, self._loader, self._keeper))
        waits += [deadline - self._elapsed() for deadline in deadlines if deadline is not None]
        if self._agenda is not None and not self._stopping:
            start, now = self._agenda.next_start(), self._clock()
            # An overdue job waits for another one to end, and SIGCHLD wakes the loop then: a pause of 0 would spin.
            if start is not None and start > now:
                waits.append(start - now)
        return max(0.0, min(waits))

    def _check_clock(self) -> None:
        wall, ran = self._clock(), self._elapsed()
        step = (wall - self._wall) - (ran - self._ran)
        self._wall, self._ran = wall, ran
        if abs(step) >= STEP and self._agenda is not None:
            log.info("the clock was set", seconds=round(step))
            self._agenda.clock_was_set(wall, step)

    def _obey(self, signals: Sequence[int]) -> None:
        for number in signals:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP and not self._stopping:
                log.info("reloading")
                self._manager.reloading()
                self._load()

    def _stop(self) -> None:
        """Let the runs end; asked a second time, break them off."""
        if self._stopping:
            self._children.kill_all()
            self._keeper.kill()
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
            # A machine without room for a process is a passing state, not a wrong configuration.
            log.error("no process could be started", error=error.strerror)  # noqa: TRY400 (no traceback)
            self._take(TEMPORARY)
        except SyncdError as error:
            log.error("no process could be started", error=str(error))  # noqa: TRY400 (no traceback)
            self._take(error.exit_code)

    def _take(self, loaded: Timetable | int) -> None:
        if isinstance(loaded, int):
            self._keep_old(loaded)
        elif not self._stopping:
            self._replace(loaded)
        if not self._stopping:
            self._manager.ready()

    def _replace(self, timetable: Timetable) -> None:
        try:
            self._lock.take(timetable.state)
        except SyncdError as error:
            if self._agenda is None:
                raise
            say_error(str(error))
            self._keep_old(error.exit_code)
            return
        self._refused = False
        if self._agenda is None:
            self._agenda = Agenda(timetable, self._clock(), chance=self._chance)
        else:
            self._agenda.replace(timetable, self._clock())
        if any(job.woken for job in timetable.jobs):
            self._bell.put_up(timetable.state)
        else:
            self._bell.take_down()
        if timetable.receives:
            self._keeper.keep()
        else:
            self._keeper.let_go()
        log.info("schedule in force", config=timetable.config, jobs=[job.name for job in timetable.jobs][:20])
        self._tell("loaded", timetable)

    def _keep_old(self, code: int) -> None:
        """Keep the timetable in force; without one, as at the start, stop."""
        if self._agenda is None:
            # A child that a signal killed is worth another start: systemd restarts the daemon for this code.
            self._code, self._stopping = code if code > 0 else TEMPORARY, True
            log.error("the configuration could not be read", exit=code)
            return
        self._refused = True
        log.error("the configuration could not be read again; the old schedule stays", exit=code)
        self._tell("not_loaded", code)

    def _start(self, agenda: Agenda, job: Job) -> None:
        # First the agenda: a job whose process cannot be started counts as a failed run, and is tried again.
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
            # A pull may have brought what is due soon, and a delivery knows what comes next.
            self._look_for_deliveries(self._agenda, ended)
        self._log_end(ended)
        self._tell("ended", ended)

    def _look_for_deliveries(self, agenda: Agenda, ended: Ended) -> None:
        for job in agenda.jobs():
            # A delivery that failed is tried again in its own rhythm.
            if job.store and (ended.job.name != job.name or ended.code in GOOD) and (due := next_delivery(job.store)):
                agenda.due_at(job.name, due)

    def _log_end(self, ended: Ended) -> None:
        # A source that fails every 15 minutes must not fill the log: only a changed exit code is logged.
        before = self._codes.get(ended.job.name, 0)
        self._codes[ended.job.name] = ended.code
        if ended.code == before or self._stopping:
            return
        code = {"signal": signal.Signals(-ended.code).name} if ended.code < 0 else {"exit": ended.code}
        if ended.code == 0:
            log.info("run is good again", job=ended.job.name, timed_out=ended.timed_out, **code)
        else:
            log.warning("exit code changed", job=ended.job.name, timed_out=ended.timed_out, **code)

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
        parts += ["the changed configuration is wrong; the old schedule stays"] * self._refused
        return "; ".join(parts) or "no source has a schedule"

    def _tell(self, event: str, *values: Any) -> None:
        for watcher in self._watchers:
            # Metrics and notifications must not stop the runs, whatever is wrong with them.
            try:
                getattr(watcher, event)(*values)
            except Exception:
                log.exception("a watcher of the daemon failed", watcher=type(watcher).__name__, at=event)
