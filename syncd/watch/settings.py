"""The settings of alarms, notifications and metrics, for a process that does not load the configuration.

Loading the configuration imports connectors and Polars. These settings are made from it once, and travel as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from syncd.budget import Window
from syncd.watch.activity.settings import WatchedActivity, watched

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.state.requests import Tier

Clock = Callable[[], float]
"""Returns a time in seconds."""

LEAST_AGE = 86_400.0
"""The shortest ``max_age`` (seconds) that is derived from an interval."""

INTERVALS = 3.0
"""The number of a source's intervals after which its data is too old, if ``max_age`` is not set."""


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One source; ``max_age``: the greatest age of its last good run in seconds; None: any age is fine."""

    name: str
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """The settings of one company. ``config`` and ``state`` are paths.

    More than ``rejected`` or ``invalid`` contacts of a source, or ``failures`` failed runs in a row, are an alarm.
    ``tiers``: the windows of further kinds of requests, by name. ``digest``: the time ``HH:MM`` of the daily digest.
    ``notifies``: whether anybody is notified, of the kinds in ``about``. ``listen``: the ``HOST:PORT``, or the path of
    the socket, where ``/metrics`` is served. ``activity``: None if no calls and messages are fetched.
    """

    config: str
    state: str
    windows: tuple[Window, ...] = ()
    tiers: tuple[tuple[Tier, tuple[Window, ...]], ...] = ()
    sources: tuple[WatchedSource, ...] = ()
    rejected: int = 10
    invalid: int = 100
    failures: int = 1
    notifies: bool = False
    about: tuple[str, ...] = ()
    digest: str | None = None
    listen: str | None = None
    activity: WatchedActivity | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that :func:`dataclasses.asdict` made plain."""
        # JSON knows no tuples: with lists the settings would not be equal to those that were written.
        windows = tuple(Window(*each) for each in values["windows"])
        sources = tuple(WatchedSource(**each) for each in values["sources"])
        tiers = tuple((name, tuple(Window(*each) for each in listed)) for name, listed in values["tiers"])
        read: dict[str, Any] = {"windows": windows, "tiers": tiers, "sources": sources, "about": tuple(values["about"])}
        read["activity"] = WatchedActivity.from_json(values["activity"]) if values["activity"] else None
        return cls(**{**values, **read})


def watch_of(settings: Settings) -> Watch:
    """Return the part of ``settings`` that alarms, notifications and metrics need."""
    notify, target = settings.notify, settings.target
    tiers: dict[Tier, tuple[Window, ...]] = {}
    # Only what the configuration uses: the other windows are never touched.
    tiers |= {"reports": target.reports} if settings.activity else {}
    tiers |= {"messaging": target.messaging} if notify.sms else {}
    return Watch(
        config=str(settings.path),
        state=str(settings.state),
        windows=target.limits,
        tiers=tuple(tiers.items()),
        sources=tuple(WatchedSource(source.name, max_age_of(source)) for source in settings.sources.values()),
        notifies=notify.tells,
        listen=settings.listen,
        activity=watched(settings.activity, settings.sinks) if settings.activity else None,
        **notify.at_most.model_dump(),
        **notify.model_dump(include={"about", "digest", "failures"}),
    )


def digest_due(watch: Watch, now: float) -> float | None:
    """Return when today's digest was due (Unix seconds), or None if it is not due yet."""
    if watch.digest is None:
        return None
    hour, minute = map(int, watch.digest.split(":"))
    # People mean the wall clock of the machine, not UTC.
    due = datetime.fromtimestamp(now).astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)
    return due.timestamp() if due.timestamp() <= now else None


def max_age_of(source: Source) -> float | None:
    """Return ``max_age``; if it is not set, a few intervals of the schedule, and at least :data:`LEAST_AGE`."""
    if source.max_age is not None:
        return source.max_age
    # A cron text has no interval: its runs may be days apart, such as over a weekend, and nobody knows what is late.
    seconds: float | None = getattr(source.schedule, "seconds", None)
    return None if seconds is None else max(LEAST_AGE, seconds * INTERVALS)
