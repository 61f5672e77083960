"""Has a child read the configuration and print its timetable.

The configuration brings Polars, connectors (also third parties') and the state's library with it: in a child they cost
the daemon no memory, and one that hangs or crashes on import costs it nothing at all.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from syncd.daemon.children import environment_of_children
from syncd.daemon.timetable import Timetable, timetable_of
from syncd.report.exit_code import DEFECT

LONGEST = 120.0
"""Seconds that the configuration may take to be read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it. Without a ``timetable``, ``code`` is the exit code; the child has said why on stderr."""

    code: int
    timetable: Timetable | None = None


class Loader:
    """Reads the configuration by running ``command``, one at a time."""

    def __init__(self, command: Sequence[str], *, elapsed: Callable[[], float]) -> None:
        self._command = command
        self._elapsed = elapsed
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: IO[bytes] | None = None
        self._kill_at = 0.0

    def start(self) -> None:
        """Begin to read; what was being read, an older state of the file, is dropped.

        Raises:
            OSError: the machine has no room for another process.
        """
        self.cancel()
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed when it was read)
        self._process = subprocess.Popen(  # noqa: S603 (this program itself)
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            env=environment_of_children(os.environ),
            start_new_session=True,
        )
        self._kill_at = self._elapsed() + LONGEST

    def collect(self) -> Loaded | None:
        """What was read, once, as soon as it is."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if self._elapsed() >= self._kill_at:
                self._process.kill()
            return None
        text = self._close()
        if code != 0:
            return Loaded(code)
        try:
            return Loaded(code, timetable_of(text))
        except ValueError:
            return Loaded(DEFECT)

    def cancel(self) -> None:
        """Read no further."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close()

    def next_deadline(self) -> float | None:
        """When patience with it ends, on the steady clock; None while nothing is read."""
        return None if self._process is None else self._kill_at

    def _close(self) -> str:
        self._process = None
        assert self._printed is not None  # noqa: S101 (for the type checker: start opens both)
        with self._printed as printed:
            printed.seek(0)
            return printed.read().decode()
