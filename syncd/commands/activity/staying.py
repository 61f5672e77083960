"""``syncd activity deliver --stay``: delivers what comes, each call at the moment when it is due.

Its start costs more than its work, so the daemon's process stays while calls come one after the other.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.options import DeliverOptions
from syncd.commands.running import error_of, finished
from syncd.commands.settings import loaded, needed_sinks
from syncd.errors import ConfigError
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.delivering.report import SinkReport

LOOK = 0.5
"""Seconds between two looks at what has changed: each is one look at one number."""

LONGEST = 300.0
"""Seconds after which it ends in any case: a new process reads the configuration again."""

NEAR = 180.0
"""A delivery that is due within so many seconds is waited for: to start again would cost more."""


def stay(config: Path | None, options: DeliverOptions) -> int:
    """Deliver what comes, print what was delivered last, and return the exit code."""
    if options.dry_run:
        raise ConfigError("--stay delivers: leave out --dry-run")
    done: dict[str, SinkReport] = {}
    ended = error_of(partial(_work, config, options, done))
    return finished(partial(_print, options, done, ended), list(done.values()), ended)


def _work(config: Path | None, options: DeliverOptions, done: dict[str, SinkReport], stopping: threading.Event) -> None:
    settings = loaded(config, keyless=True)
    sinks = needed_sinks(settings, options.sinks or ())
    from syncd.activity.delivering.session import open_deliveries
    from syncd.activity.delivering.vigil import Vigil

    with open_deliveries(settings, stopping=stopping) as session:
        session.eager = False
        vigil = Vigil(session, sinks)
        begun = last = time.monotonic()
        while time.monotonic() < begun + LONGEST:
            if vigil.look(done):
                last = time.monotonic()
            due = vigil.next_due()
            is_near = due is not None and due - session.clock() < NEAR
            # A stop is no error: what waits is the next process's.
            if (not is_near and time.monotonic() >= last + options.stay) or stopping.wait(LOOK):
                return


def _print(options: DeliverOptions, done: dict[str, SinkReport], error: BaseException | None, code: int) -> None:
    if options.as_json:
        sinks = [each.to_json() for each in done.values()]
        print_json({"exit": code, "sinks": sinks, "error": None, **error_json(error)})
        return
    from syncd.commands.activity.deliver import show

    show(list(done.values()), None, dry_run=False)
