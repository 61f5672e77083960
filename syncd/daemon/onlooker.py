"""Looks on while the daemon works: serves its endpoints, and has people told what they must hear.

It only ever reads the state file. What is to be told is told by a process of its own, as everything slow is.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from syncd.daemon.timetable import Timetable
from syncd.daemon.watching import Watcher
from syncd.errors import SyncdError
from syncd.state.place import is_there
from syncd.watch.endpoints import Endpoints
from syncd.watch.settings import Watch
from syncd.watch.status import is_news

log = structlog.get_logger()

LOOK = 60.0
"""Seconds between two looks whether there is something to tell."""

LONGEST = 180.0
"""Seconds that the telling may take; it ends by itself long before that."""

STANDS_STILL = 90.0
"""Seconds without a round of the loop after which the daemon counts as hung."""


class Onlooker(Watcher):
    """``command``: what tells people (``syncd notify send``). Used by the daemon's loop alone."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._clock = clock
        self._elapsed = elapsed
        self._watch: Watch | None = None
        self._endpoints: Endpoints | None = None
        self._telling: subprocess.Popen[bytes] | None = None
        self._told_at = self._looked_at = float("-inf")
        self._round = elapsed()

    def loaded(self, timetable: Timetable) -> None:
        self._watch = timetable.watch
        self._close()
        if self._watch is None or self._watch.listen is None:
            return
        try:
            self._endpoints = Endpoints(self._watch, alive=self._is_alive, clock=self._clock)
        except SyncdError as error:
            log.error("no metrics are served", error=str(error))  # noqa: TRY400 (no traceback)
        else:
            self._endpoints.start()

    def beat(self, next_start: float | None) -> None:  # noqa: ARG002 (the interface's)
        self._round = self._elapsed()
        if self._is_telling() or self._watch is None or not self._watch.notifies:
            return
        if self._round - self._looked_at >= LOOK:
            self._looked_at = self._round
            self._look(self._watch)

    def stopped(self) -> None:
        self._close()
        if self._telling is not None:
            with suppress(subprocess.TimeoutExpired):
                self._telling.wait(LOOK / 10)

    def _is_alive(self) -> bool:
        return self._elapsed() - self._round < STANDS_STILL

    def _close(self) -> None:
        if self._endpoints is not None:
            self._endpoints.stop()
            self._endpoints = None

    def _is_telling(self) -> bool:
        if self._telling is None or self._telling.poll() is not None:
            self._telling = None
            return False
        if self._round - self._told_at > LONGEST:
            self._telling.kill()
        return True

    def _look(self, watch: Watch) -> None:
        try:
            if is_there(Path(watch.state)) and is_news(watch, self._clock()):
                self._telling = subprocess.Popen(  # noqa: S603 (this program itself)
                    self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
                )
                self._told_at = self._round
        except (SyncdError, OSError) as error:
            log.warning("not looked what is to be told", error=type(error).__name__)
