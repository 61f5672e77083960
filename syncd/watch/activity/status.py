"""The status of the work on calls and messages: for ``syncd status``, the alarms and the metrics."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.core.activity.facts import ENDPOINT, FAILURE, FIRST, FOREIGN, GOOD, SEEN, SKEW
from syncd.errors import StateError
from syncd.watch.activity.glance import StoreGlance
from syncd.watch.activity.settings import WatchedActivity
from syncd.watch.activity.times import age_of, iso_of

DOWN = 180.0
"""Seconds without a note of the receiver after which it counts as down: a restart takes less."""

WEEK = 7 * 86_400.0
"""Seconds for which it is counted how many calls were announced, and how many lack a summary."""

LATE = 900.0
"""Seconds after the begin of a call from which on its announcement is missed."""


def activity_status(watched: WatchedActivity, now: float, *, running: bool, counted: bool = True) -> dict[str, Any]:
    """Return what ``syncd status --json`` prints under ``activity``. Times are ISO 8601 in UTC, ages in seconds.

    ``running``: whether a run has the lease. ``counted``: count calls, which takes a while for a million.
    ``error``: why the store cannot be read; then hardly anything else is known.
    """
    found: dict[str, Any] = {"store": watched.store, "running": running, "error": None, "disk": list(_disk(watched))}
    try:
        with StoreGlance(Path(watched.store)) as glance:
            known = _known(glance, watched, now, counted=counted)
    except StateError as error:
        return {**found, **_NOTHING, "error": str(error)}
    return {**found, **known}


_NOTHING: Mapping[str, Any] = dict.fromkeys(
    ("pull", "days", "events", "receiver", "endpoint", "coverage", "calls", "media", "clock_skew")
)


def _known(glance: StoreGlance, watched: WatchedActivity, now: float, *, counted: bool) -> dict[str, Any]:
    return {
        "pull": _pull(glance, watched, now),
        "days": {state: glance.days().get(state, 0) for state in ("proved", "read", "changed", "open")},
        "events": _events(glance, now),
        "receiver": _receiver(glance, now) if watched.receives else None,
        "endpoint": _endpoint(glance) if watched.receives else None,
        "coverage": _coverage(glance, now) if counted and watched.receives else None,
        "calls": {"open": glance.open_calls(), "text_overdue": glance.overdue(now - WEEK, now)} if counted else None,
        "media": _media(glance, watched),
        "clock_skew": glance.moment(SKEW),
    }


def _media(glance: StoreGlance, watched: WatchedActivity) -> dict[str, dict[str, Any]]:
    fetched = {folder.kind for folder in watched.folders}
    # The ids of files are noted in any case, so that they can be fetched once a folder is configured.
    return {kind: each if kind in fetched else {**each, "wanted": 0} for kind, each in glance.media().items()}


def _pull(glance: StoreGlance, watched: WatchedActivity, now: float) -> dict[str, Any]:
    first, good, failure = glance.moment(FIRST), glance.moment(GOOD), glance.described(FAILURE)
    # A pull that never was good is late from its first attempt on, not from the beginning of time.
    since = first if good is None else good
    return {
        "good": iso_of(good),
        "age": age_of(good, now),
        "waiting_for": _distance(since, now),
        "max_age": watched.max_age,
        "failures": failure["times"] if failure else 0,
        "failure": {"kind": failure["kind"], "message": failure["message"]} if failure else None,
    }


def _events(glance: StoreGlance, now: float) -> dict[str, Any]:
    newest, (waiting, since) = glance.newest_event(), glance.waiting()
    return {"newest": iso_of(newest), "age": age_of(newest, now), "waiting": waiting, "waiting_for": age_of(since, now)}


def _receiver(glance: StoreGlance, now: float) -> dict[str, Any]:
    seen, refused, delivered = glance.moment(SEEN), glance.refused(), glance.delivered()
    return {
        "up": seen is not None and abs(now - seen) < DOWN,
        "seen": iso_of(seen),
        "age": age_of(seen, now),
        # One that never was there is missed from the first pull on.
        "missed_for": _distance(glance.moment(FIRST) if seen is None else seen, now),
        "delivered": iso_of(delivered),
        "refused": {kind: iso_of(at) for kind, at in sorted(refused.items())},
        "refused_since": _refused_since(refused, delivered, now),
        "foreign_age": age_of(glance.moment(FOREIGN), now),
    }


def _refused_since(refused: Mapping[str, float], delivered: float | None, now: float) -> float | None:
    """Return how long ago the newest delivery was refused for its signature; None if a good one came after it."""
    newest = max(
        (at for kind, at in refused.items() if kind in {"signature", "no secret", "unreadable secret"}), default=None
    )
    # Good deliveries are noted once a minute.
    if newest is None or (delivered is not None and newest <= delivered + 60):
        return None
    return age_of(newest, now)


def _endpoint(glance: StoreGlance) -> dict[str, Any] | None:
    seen = glance.described(ENDPOINT)
    return seen and {"seen": iso_of(seen["at"]), "problem": seen["problem"] or None, "differs": seen["differs"]}


def _coverage(glance: StoreGlance, now: float) -> dict[str, Any] | None:
    first = glance.oldest_event()
    if first is None:
        return None
    since = max(first, now - WEEK)
    found = glance.coverage(since, now - LATE)
    by_direction = {name or "unknown": {"calls": calls, "announced": said} for name, (calls, said) in found.items()}
    calls, announced = (sum(each[name] for each in by_direction.values()) for name in ("calls", "announced"))
    return {"since": iso_of(since), "calls": calls, "announced": announced, "by_direction": by_direction}


def _disk(watched: WatchedActivity) -> Iterator[dict[str, Any]]:
    store = Path(watched.store)
    yield {"what": "store", "at_most": None, **_room(store.parent, [store, store.parent] if store.exists() else [])}
    for folder in watched.folders:
        path = Path(folder.path)
        yield {"what": folder.kind, "at_most": folder.at_most, **_room(path, [path] if path.exists() else [])}


def _room(folder: Path, written: Iterable[Path]) -> dict[str, Any]:
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    try:
        free: int | None = shutil.disk_usage(there).free
    except OSError:
        free = None
    return {"free": free, "writable": all(os.access(each, os.W_OK) for each in (*written, there))}


def _distance(moment: float | None, now: float) -> float | None:
    """Return how far away a moment is: one that lies ahead was noted before the clock was set back, and is as old."""
    return None if moment is None else round(abs(now - moment))
