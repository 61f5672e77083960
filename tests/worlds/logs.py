"""Logging that a test changes, and that is as before afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from syncd import log


@contextmanager
def logging_restored() -> Iterator[None]:
    """Restore the handlers and levels of the logs, and syncd's secrets, at the end of the block."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in log.OURS}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in quiet.items():
            logging.getLogger(name).setLevel(before)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        log._secrets.clear()
