"""``syncd activity run --events``: merges what was received, and for a while what comes next.

Its start costs more than its work, so the daemon's process stays while deliveries come one after the other. It imports
no more than it needs: the daemon starts it whenever the phone rings.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.options import ActivityRunOptions
from syncd.commands.running import error_of, finished
from syncd.commands.settings import activity_of, loaded
from syncd.core.wording import counted
from syncd.errors import Stopped
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.attributing.work import Attributed, Attributing
    from syncd.activity.events import Merged
    from syncd.activity.store.store import ActivityStore

LOOK = 0.5
"""Seconds between two looks for what came: each is one look into an index that is nearly always empty."""

LONGEST = 300.0
"""Seconds after which it ends in any case: a new process reads the configuration again."""


def merge(config: Path | None, options: ActivityRunOptions) -> int:
    """Merge what was received, print how much that was, and return the exit code."""
    from syncd.activity.attributing.work import Attributed
    from syncd.activity.events import Merged

    merged, attributed = Merged(), Attributed()
    error = error_of(partial(_work, config, options, merged, attributed))
    return finished(partial(_print, options, merged, attributed, error), (), error)


def _work(
    config: Path | None, options: ActivityRunOptions, merged: Merged, attributed: Attributed, stopping: threading.Event
) -> None:
    # Who only merges needs no key.
    settings = loaded(config, keyless=True)
    activity = activity_of(settings)
    from syncd.activity.attributing.work import Attributing, policy_of
    from syncd.activity.opening import open_store
    from syncd.state import State

    with open_store(settings, activity) as store:
        # Before anything is asked of the state: what was received is merged whatever becomes of that.
        _merge(store, merged, stopping)
        with State(settings.state, read_only=True) as state:
            policy = policy_of(settings, activity)
            attributing = Attributing(policy, store, state, halt_if_asked=partial(_halt_if, stopping))
            _attribute(attributing, attributed)
            begun = last = time.monotonic()
            # A stop is no error: what waits is the next process's.
            while time.monotonic() < min(begun + LONGEST, last + options.stay) and not stopping.wait(LOOK):
                if _merge(store, merged, stopping):
                    _attribute(attributing, attributed)
                    last = time.monotonic()


def _merge(store: ActivityStore, merged: Merged, stopping: threading.Event) -> bool:
    """Merge what waits; return whether anything did."""
    from syncd.activity.events import merge_events

    before = merged.events
    merge_events(store, merged, partial(_halt_if, stopping))
    return merged.events > before


def _attribute(attributing: Attributing, attributed: Attributed) -> None:
    # A stop is no error here either: nothing that was received is lost.
    with suppress(Stopped):
        attributing.run(attributed)


def _halt_if(stopping: threading.Event) -> None:
    if stopping.is_set():
        raise Stopped("asked to stop; what was merged is kept, the rest waits for the next run")


def _print(
    options: ActivityRunOptions, merged: Merged, attributed: Attributed, error: BaseException | None, code: int
) -> None:
    if options.as_json:
        parts = {"events": merged.to_json(), "attribution": attributed.to_json()}
        print_json({"exit": code, **parts, "error": None, **error_json(error)})
        return
    from syncd.report.screen import Screen

    Screen().line(f"received: {counted(merged.events, 'event')} merged")
