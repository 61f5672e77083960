"""What a configuration says of being watched, small enough for a process that only looks on.

The configuration itself brings connectors and Polars with it; this is made of it once, and travels as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from syncd.budget import Window

if TYPE_CHECKING:
    from syncd.config import Settings, Source

LEAST_AGE = 86_400.0
"""Seconds that data may be old at least, where no ``max_age`` is set and the schedule is an interval ..."""

INTERVALS = 3.0
"""... and so many intervals of it."""


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One source; ``max_age``: seconds that its last good run may be ago, None if that does not matter."""

    name: str
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """One company. ``config`` and ``state`` are paths.

    More than ``rejected`` or ``invalid`` contacts of a source, and ``failures`` runs in a row that fail, are an alarm.
    ``digest``: ``HH:MM`` of the daily one. ``notifies``: there is somebody to tell, of the kinds in ``about``.
    ``listen``: ``HOST:PORT`` or the path of a socket where ``/metrics`` is served.
    """

    config: str
    state: str
    windows: tuple[Window, ...] = ()
    sources: tuple[WatchedSource, ...] = ()
    rejected: int = 10
    invalid: int = 100
    failures: int = 1
    notifies: bool = False
    about: tuple[str, ...] = ()
    digest: str | None = None
    listen: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        windows = tuple(Window(*each) for each in found["windows"])
        found = {**found, "about": tuple(found["about"])}
        return cls(
            **{**found, "windows": windows, "sources": tuple(WatchedSource(**each) for each in found["sources"])}
        )


def watch_of(settings: Settings) -> Watch:
    """What ``settings`` say of being watched."""
    notify = settings.notify
    return Watch(
        config=str(settings.path),
        state=str(settings.state),
        windows=settings.target.limits,
        sources=tuple(WatchedSource(source.name, max_age_of(source)) for source in settings.sources.values()),
        rejected=notify.at_most.rejected,
        invalid=notify.at_most.invalid,
        failures=notify.failures,
        notifies=notify.tells,
        about=notify.about,
        digest=notify.digest,
        listen=settings.listen,
    )


def digest_due(watch: Watch, now: float) -> float | None:
    """When today's digest is due (Unix seconds), if that is not still to come."""
    if watch.digest is None:
        return None
    hour, minute = map(int, watch.digest.split(":"))
    due = datetime.fromtimestamp(now).astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)
    return due.timestamp() if due.timestamp() <= now else None


def max_age_of(source: Source) -> float | None:
    """``max_age``, or what its schedule lets expect: an interval some times over, and a day at least."""
    if source.max_age is not None:
        return source.max_age
    seconds: float | None = getattr(source.schedule, "seconds", None)
    return None if seconds is None else max(LEAST_AGE, seconds * INTERVALS)
