"""Opens the store alone: without the clients of a session it takes half the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from syncd.activity.erasing import sweep
from syncd.activity.store.store import ActivityStore
from syncd.config import Settings
from syncd.config.activity import Activity
from syncd.state.leaving.forgotten import Forgotten


def open_store(
    settings: Settings, activity: Activity, *, read_only: bool = False, clock: Callable[[], float] = time.time
) -> ActivityStore:
    """Open the store alone, for a command that asks the target nothing.

    Raises:
        StateError: the store cannot be used.
        ConfigError: ``activity.only`` is no condition.

    """
    region = region_of(settings)
    forgotten = Forgotten(settings.state)
    store = ActivityStore(
        activity.store, read_only=read_only, clock=clock, region=region, only=activity.only, forgotten=forgotten
    )
    if not read_only:
        try:
            sweep(store, activity, forgotten)
        except BaseException:
            store.close()
            raise
    return store


def region_of(settings: Settings) -> str:
    """Return in whose form numbers are stored (an ISO 3166 code)."""
    # Numbers have the form in which contacts are sent, or they would not meet; all sources are of one company.
    return next((source.rules.phones.region for source in settings.sources.values()), "US")
