"""Whole processes, measured: wall time and the most memory they held at once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One process.

    ``seconds`` from start to end, ``busy`` those that its threads spent on a processor, ``megabytes`` resident at most,
    what it printed and how it ended.
    """

    seconds: float
    busy: float
    megabytes: float
    output: str
    exit_code: int


def measure(command: Sequence[str]) -> Measured:
    """Run ``command`` to its end. Its standard error goes to ours, and is shown only when it fails.

    The parent must stay small: until a child has executed its program, what counts as its memory is the parent's.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, "NO_COLOR": "1"})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in {0, 3}:
            sys.stderr.write(errors.read().decode(errors="replace"))
        megabytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        busy = usage.ru_utime + usage.ru_stime
        return Measured(seconds, busy, megabytes, output.read().decode(), process.returncode)
