"""The process of one command: ``syncd``, which is ``python -m syncd``."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import suppress

from syncd.cli import main
from syncd.report.streams import replace_closed_streams

RARELY = (50_000, 20, 50)
"""How often it looks for garbage in circles (:func:`gc.set_threshold`): it makes many objects, and few circles."""

SOON = 0.001
"""Seconds after which a thread lets others go on: the one that has locked the state file must not wait for them."""


def process() -> None:
    """Carry the process's command out and end it at once: to take a million rows apart takes a tenth of a run."""
    gc.set_threshold(*RARELY)
    sys.setswitchinterval(SOON)
    replace_closed_streams()
    code = main()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    process()
