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
"""How often circles of unused objects are looked for (:func:`gc.set_threshold`): a run makes few of them."""

# The thread that has locked the state file must not wait for 5 ms until a thread that computes lets it go on.
SOON = 0.001
"""Seconds after which a thread lets others go on."""


def process() -> None:
    """Carry out the command of this process and end the process at once."""
    gc.set_threshold(*RARELY)
    sys.setswitchinterval(SOON)
    replace_closed_streams()
    code = main()
    # os._exit instead of a return: to take a million rows apart takes a tenth of a run.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    process()
