"""Has a child read the configuration and print its timetable.

Reading the configuration imports Polars, connectors (also of other packages) and the state's library. In a child they
cost the daemon no memory, and a connector that hangs or crashes on import does not harm the daemon.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import IO

from syncd.daemon.children import start_process
from syncd.daemon.timetable import Timetable, timetable_of
from syncd.report.exit_code import DEFECT
from syncd.surroundings.temporary import nameless_file

LONGEST = 120.0
"""Seconds that reading the configuration may take."""


class Loader:
    """Reads the configuration by running ``command``; one reading at a time. ``elapsed`` is a steady clock."""

    def __init__(self, command: Sequence[str], *, elapsed: Callable[[], float]) -> None:
        self._command = command
        self._elapsed = elapsed
        self._reading: tuple[subprocess.Popen[bytes], IO[bytes]] | None = None
        self._kill_at = 0.0

    def start(self) -> None:
        """Begin to read; a reading under way, of an older state of the file, is dropped.

        Raises:
            OSError: the machine has no room for another process.
            NoRoom, ConfigError: there is no room for what it prints.
        """
        self.cancel()
        # A file, not a pipe: nobody reads while the child prints, and a full pipe would stop it.
        printed = nameless_file()
        self._reading = start_process(self._command, printed), printed
        self._kill_at = self._elapsed() + LONGEST

    def collect(self) -> Timetable | int | None:
        """Return the result once, as soon as the child has ended; None before that.

        The result is the timetable; or the exit code, if the child has written why there is none.
        """
        if self._reading is None:
            return None
        process, printed = self._reading
        code = process.poll()
        if code is None:
            if self._elapsed() >= self._kill_at:
                process.kill()
            return None
        self._reading = None
        with printed:
            printed.seek(0)
            text = printed.read().decode()
        # On an error the child prints nothing of use: its stderr is the daemon's, so people have read why.
        if code != 0:
            return code
        try:
            return timetable_of(text)
        except ValueError:
            return DEFECT

    def cancel(self) -> None:
        """End the reading under way, if there is one."""
        if self._reading is not None:
            process, printed = self._reading
            process.kill()
            # Without wait() the process would stay as a zombie.
            process.wait()
            printed.close()
            self._reading = None

    def next_deadline(self) -> float | None:
        """Return when the reading will be killed, on the steady clock; None while nothing is read."""
        return None if self._reading is None else self._kill_at
