"""``syncd receive``: becomes the receiver, a process without what the command line needs."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from syncd.log import VARIABLE

RECEIVER = "syncd.commands.activity.receiver"

ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "2"}
"""Lets the C library give the memory of a large body back at once; another library than glibc ignores it."""


def receive(config: Path | None, log_level: str | None) -> NoReturn:
    """Go on as the receiver; this process and its number stay, its modules do not."""
    # The libraries of the command line take 10 MB, which the receiver would keep for months.
    environ = {**ALLOCATION, **os.environ, **({VARIABLE: log_level} if log_level else {})}
    logging.shutdown()
    # Until the receiver has read its configuration, there is none to read again: the signal must not end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # -P: a file in the working directory must not be imported in place of a module.
    line = [sys.executable, "-P", "-m", RECEIVER, *([str(config)] if config else [])]
    os.execve(sys.executable, line, environ)  # noqa: S606 (this program itself)
