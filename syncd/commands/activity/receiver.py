"""The receiver's process, which ``syncd receive`` becomes: ``python -m syncd.commands.activity.receiver [FILE]``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from syncd.activity.receiving.loading import NotLoaded, command, loaded
from syncd.activity.receiving.run import run
from syncd.daemon.systemd import ServiceManager
from syncd.log import configure, level_of
from syncd.report.error_text import message_of, say_error
from syncd.report.exit_code import DONE, code_of
from syncd.report.streams import replace_closed_streams

SOON = 0.001
"""Seconds after which a thread lets others go on: the thread that writes must not wait for one that reads."""


def main(arguments: Sequence[str]) -> int:
    """Receive until a signal ends it; return the exit code."""
    try:
        configure(level_of(None))
        line = command(Path(arguments[0]) if arguments else None)
        run(lambda: loaded(line), ServiceManager())
    except NotLoaded as error:
        # The child has told people why.
        return error.exit_code
    except BaseException as error:  # noqa: BLE001 (nothing above sees it)
        say_error(message_of(error))
        return code_of(error)
    return DONE


if __name__ == "__main__":
    replace_closed_streams()
    sys.setswitchinterval(SOON)
    code = main(sys.argv[1:])
    logging.shutdown()
    # A reading of the configuration that is under way must not hold the end up.
    os._exit(code)
