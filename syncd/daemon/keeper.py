"""Keeps one process running as long as the daemon does: the receiver, which must always answer.

A process that ends is started again, after a pause that grows as long as it does not stay.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from syncd.daemon.children import start_process

log = structlog.get_logger()

FIRST_PAUSE, LAST_PAUSE = 1.0, 300.0
"""Seconds until it is started again: the first number, doubled each time, up to the second number."""

STAYED = 60.0
"""Seconds after which a process counts as one that stays: the next pause is the first one again."""

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL: what has arrived is answered within two."""


class Keeper:
    """``command`` is the process to keep; ``elapsed`` is a steady clock. Nothing is started before :meth:`keep`."""

    def __init__(self, command: Sequence[str], elapsed: Callable[[], float]) -> None:
        self._command, self._elapsed = command, elapsed
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._begun = 0.0
        self._start_at: float | None = None
        self._kill_at: float | None = None
        self._failures = 0
        self._code: int | None = None

    def keep(self) -> None:
        """Start the process; one that runs reads the configuration again, without a gap."""
        self._wanted = True
        if self._process is None:
            self._start_at = self._elapsed()
        elif self._kill_at is None:
            self._signal(signal.SIGHUP)
        self.look()

    def let_go(self) -> None:
        """Let the process answer what has arrived, and end."""
        self._wanted, self._start_at = False, None
        if self._process is not None and self._kill_at is None:
            self._kill_at = self._elapsed() + GRACE
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once: what it has answered is stored."""
        self._wanted, self._start_at = False, None
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def look(self) -> None:
        """See whether the process has ended, and start it when that is due."""
        now = self._elapsed()
        if self._process is not None and (code := self._process.poll()) is not None:
            self._ended(code, now)
        if self._process is not None and self._kill_at is not None and now >= self._kill_at:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process is None and self._start_at is not None and now >= self._start_at:
            self._start(now)

    def is_running(self) -> bool:
        """Return whether there is a process."""
        return self._process is not None

    def next_deadline(self) -> float | None:
        """Return when :meth:`look` must be called next, on the steady clock; None while there is nothing to do."""
        return self._start_at if self._process is None else self._kill_at

    def _start(self, now: float) -> None:
        try:
            self._process = start_process(self._command)
        except OSError as error:
            log.error("the receiver could not be started", error=error.strerror)  # noqa: TRY400 (no traceback)
            self._again(now)
            return
        self._begun, self._start_at, self._kill_at = now, None, None

    def _ended(self, code: int, now: float) -> None:
        self._process, self._kill_at = None, None
        if not self._wanted:
            return
        if now - self._begun >= STAYED:
            self._failures, self._code = 0, None
        self._again(now)
        # One that cannot start must not fill the log: only a changed exit code is logged.
        if code != self._code:
            log.error("the receiver ended", exit=code, again_in=round((self._start_at or now) - now))
        self._code = code

    def _again(self, now: float) -> None:
        self._failures += 1
        self._start_at = now + min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 20))

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process is not None:
                self._process.send_signal(number)
