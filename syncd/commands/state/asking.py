"""What the commands about the state file share: the file that must be there, a question, and a forecast."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.budget import Budget
from syncd.budget.wording import describe_requests
from syncd.core.plan import BATCH
from syncd.errors import ConfigError
from syncd.report.streams import print_on_stderr
from syncd.run.signals import handled
from syncd.state.glance import Glance
from syncd.state.place import is_there

if TYPE_CHECKING:
    from syncd.config import Settings


def need_state(settings: Settings) -> None:
    """Make sure that there is a state file.

    Raises:
        ConfigError: there is none yet.
    """
    if not is_there(settings.state):
        raise ConfigError(f"{settings.state}: there is no state file yet: syncd run makes it")


def can_ask(*, as_json: bool) -> bool:
    """Tell whether a person can answer a question."""
    return not as_json and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask on the terminal; anything but y and yes means no, and so do Ctrl-C and SIGTERM."""
    # The handlers of a command only note that it is to stop, and a read from the terminal would wait on.
    try:
        with handled(signal.default_int_handler):
            print_on_stderr(f"{question} [y/N] ")
            return sys.stdin.readline().strip().casefold() in {"y", "yes"}
    except KeyboardInterrupt:
        print_on_stderr("\n")
        return False


def list_forecast(settings: Settings, contacts: int) -> Mapping[str, Any]:
    """Return what it takes to read a target's list of so many contacts: ``requests``, ``seconds``, and ``text``."""
    requests = max(1, -(-contacts // BATCH))
    with Glance(settings.state) as glance:
        seconds = Budget(glance.requests("default"), settings.target.limits, clock=time.time).forecast(requests)
    return {"requests": requests, "seconds": round(seconds), "text": describe_requests(requests, seconds)}
