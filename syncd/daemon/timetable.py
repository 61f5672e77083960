"""The jobs of the daemon, as a value that travels as JSON from the child that read the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.watch.settings import Watch

JITTER = 60.0
"""The longest delay of a start (seconds): the machines of many companies must not all begin at once."""

JITTER_SHARE = 0.05
"""A start is delayed by no more than this part of the time until the next one."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command with a schedule. ``name`` is its identity: ``run tenants``.

    ``arguments``: the command line of ``syncd`` that does the job. ``timeout`` and ``jitter`` (the longest delay of its
    start) are in seconds. ``last``: when it last began (Unix seconds); None if it never did, or if it was broken off
    and is due again. Two jobs of one ``source`` never run at once.

    ``beside``: it takes none of the workers' places. ``woken``: it also starts soon after somebody has rung, such as
    the receiver. ``store``: the path of the activity store, if the job also starts when a delivery to a sink is due;
    else "".
    """

    name: str
    source: str
    arguments: tuple[str, ...]
    schedule: Schedule
    timeout: float
    jitter: float = JITTER
    last: float | None = None
    beside: bool = False
    woken: bool = False
    store: str = ""


@dataclass(frozen=True, slots=True)
class Timetable:
    """All jobs of one configuration, and its ``watch`` settings; ``config`` and ``state`` are absolute paths.

    ``receives``: whether the receiver of webhooks is to run.
    """

    config: str
    state: str
    workers: int
    jobs: tuple[Job, ...] = field(default=())
    watch: Watch | None = None
    receives: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which :func:`timetable_of` reads."""
        # asdict() keeps no types: an interval and a cron text need forms that can be told apart.
        return {**asdict(self), "jobs": [{**asdict(job), "schedule": _plain(job.schedule)} for job in self.jobs]}


def jitter_of(schedule: Schedule, most: float = JITTER) -> float:
    """Return the jitter of a job in seconds: a share of the time between two starts, and at most ``most``."""
    # The times of a cron text are not evenly apart: the agenda takes the share of each gap.
    return min(most, JITTER_SHARE * schedule.seconds) if isinstance(schedule, Every) else most


def timetable_of(text: str) -> Timetable:
    """Read what :meth:`Timetable.to_json` wrote.

    Raises:
        ValueError: the text is no timetable.
    """
    try:
        values = json.loads(text)
        watch = Watch.from_json(values["watch"]) if values["watch"] else None
        return Timetable(**{**values, "watch": watch, "jobs": tuple(_job(job) for job in values["jobs"])})
    # Another release of syncd may have written it: its fields need not be ours.
    except (TypeError, KeyError) as error:
        raise ValueError("this is no timetable") from error


def _job(values: Mapping[str, Any]) -> Job:
    return Job(**{**values, "arguments": tuple(values["arguments"]), "schedule": _schedule(values["schedule"])})


def _plain(schedule: Schedule) -> dict[str, Any]:
    if isinstance(schedule, Every):
        return {"every": schedule.seconds}
    return {"cron": schedule.text, "timezone": schedule.timezone}


def _schedule(values: Mapping[str, Any]) -> Schedule:
    return Every(values["every"]) if "every" in values else Cron(values["cron"], values["timezone"])
