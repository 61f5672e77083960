"""Watches the daemon: serves its endpoints, and starts the process that notifies people.

It only reads the state file. Notifying is slow, so a process of its own does it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from syncd.daemon.children import start_process
from syncd.daemon.timetable import Timetable
from syncd.daemon.watcher import Watcher
from syncd.errors import SyncdError
from syncd.state.place import is_there
from syncd.watch.endpoints import Endpoints
from syncd.watch.settings import Clock, Watch
from syncd.watch.status import is_news

log = structlog.get_logger()

LOOK = 60.0
"""Seconds between two checks for news."""

LONGEST = 180.0
"""Seconds after which a process that notifies is killed; it ends by itself long before."""

STANDS_STILL = 90.0
"""Seconds without a round of the loop after which the daemon counts as hung."""


class Onlooker(Watcher):
    """``command`` notifies people (``syncd notify send``). Used by the daemon's loop alone."""

    def __init__(self, command: Sequence[str], *, clock: Clock = time.time, elapsed: Clock = time.monotonic) -> None:
        self._command = command
        self._clock = clock
        self._elapsed = elapsed
        self._watch: Watch | None = None
        self._endpoints: Endpoints | None = None
        self._notifying: subprocess.Popen[bytes] | None = None
        self._notified_at = self._looked_at = float("-inf")
        self._round = elapsed()

    def loaded(self, timetable: Timetable) -> None:
        self._watch = timetable.watch
        self._close()
        if self._watch is None or self._watch.listen is None:
            return
        # A port that is taken costs the metrics, not the runs.
        try:
            self._endpoints = Endpoints(self._watch, alive=self._is_alive, clock=self._clock)
        except SyncdError as error:
            log.error("no metrics are served", error=str(error))  # noqa: TRY400 (no traceback)
        else:
            self._endpoints.start()

    # At most one process notifies: a second one would find the same notices and only wait for the database.
    def beat(self, next_start: float | None) -> None:  # noqa: ARG002 (the interface's)
        self._round = self._elapsed()
        if self._is_notifying() or self._watch is None or not self._watch.notifies:
            return
        if self._round - self._looked_at >= LOOK:
            self._looked_at = self._round
            self._look(self._watch)

    def stopped(self) -> None:
        self._close()
        # The last notices, such as of a run that the stop broke off, get a few seconds.
        if self._notifying is not None:
            with suppress(subprocess.TimeoutExpired):
                self._notifying.wait(LOOK / 10)

    def _is_alive(self) -> bool:
        return self._elapsed() - self._round < STANDS_STILL

    def _close(self) -> None:
        if self._endpoints is not None:
            self._endpoints.stop()
            self._endpoints = None

    def _is_notifying(self) -> bool:
        if self._notifying is None or self._notifying.poll() is not None:
            self._notifying = None
            return False
        if self._round - self._notified_at > LONGEST:
            self._notifying.kill()
        return True

    def _look(self, watch: Watch) -> None:
        try:
            # Before the first run there is no state file, and reading one that is missing is an error.
            if is_there(Path(watch.state)) and is_news(watch, self._clock()):
                self._notifying = start_process(self._command)
                self._notified_at = self._round
        except (SyncdError, OSError) as error:
            log.warning("could not check for news", error=type(error).__name__)
