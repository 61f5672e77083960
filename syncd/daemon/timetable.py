"""What the daemon has to do, as a value that travels as JSON from the child that read the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.watch.settings import Watch

JITTER = 60.0
"""Seconds that a start is put off at most, so that the machines of many companies do not all begin at once."""

JITTER_SHARE = 0.05
"""A start is put off by no more than this part of the time until the next one."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command that is due by a schedule. ``name`` is its identity: ``run tenants``.

    ``arguments``: those of ``syncd`` that carry it out. ``timeout`` and ``jitter`` (the most that its start is put
    off) are in seconds. ``last``: when it last began (Unix seconds), so far as the state knows; None if never, or if
    it was broken off and is due again. Two jobs of one ``source`` never run at once.
    """

    name: str
    source: str
    arguments: tuple[str, ...]
    schedule: Schedule
    timeout: float
    jitter: float = JITTER
    last: float | None = None


@dataclass(frozen=True, slots=True)
class Timetable:
    """All jobs of one configuration; ``config`` and ``state`` are absolute paths; ``watch``: what is watched."""

    config: str
    state: str
    workers: int
    jobs: tuple[Job, ...] = field(default=())
    watch: Watch | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values; :func:`timetable_of` reads them."""
        watch = self.watch.to_json() if self.watch else None
        return {
            **asdict(self),
            "watch": watch,
            "jobs": [{**asdict(job), "schedule": _plain(job.schedule)} for job in self.jobs],
        }


def put_off(schedule: Schedule, most: float = JITTER) -> float:
    """The jitter of a job: its share of the time between two starts, at ``most`` so many seconds.

    Times of cron are not evenly apart: there the share is looked at each time.
    """
    return min(most, JITTER_SHARE * schedule.seconds) if isinstance(schedule, Every) else most


def timetable_of(text: str) -> Timetable:
    """Read what :meth:`Timetable.to_json` wrote.

    Raises:
        ValueError: it did not write that.
    """
    try:
        found = json.loads(text)
        watch = Watch.from_json(found["watch"]) if found["watch"] else None
        return Timetable(**{**found, "watch": watch, "jobs": tuple(_job(job) for job in found["jobs"])})
    except (TypeError, KeyError) as error:
        raise ValueError("this is no timetable") from error


def _job(found: Mapping[str, Any]) -> Job:
    return Job(
        **{**found, "arguments": tuple(found["arguments"]), "schedule": _schedule(found["schedule"])},
    )


def _plain(schedule: Schedule) -> dict[str, Any]:
    if isinstance(schedule, Every):
        return {"every": schedule.seconds}
    return {"cron": schedule.text, "timezone": schedule.timezone}


def _schedule(found: Mapping[str, Any]) -> Schedule:
    return Every(found["every"]) if "every" in found else Cron(found["cron"], found["timezone"])
