"""``syncd daemon``: the scheduler, and ``--check``, which says when it would run what."""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.core.activity.facts import LEASE
from syncd.core.settings.schedules import Every
from syncd.daemon.timetable import Job, Timetable, jitter_of
from syncd.report.exit_code import DONE
from syncd.watch.activity.glance import last_pull
from syncd.watch.settings import watch_of

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.core.settings.schedules import Schedule
    from syncd.state import State

# Commands look for garbage in circles rarely (see syncd/__main__.py), but the daemon lives for months: as often as
# Python does by itself.
OFTEN = (700, 10, 10)

RECONCILE_JITTER = 3600.0
"""Seconds by which the start of a reconcile is put off at most."""

ACTIVITY, EVENTS = "activity run", "activity events"
"""The jobs of calls and messages: all of it, in its rhythm; and what was received, and whose it is, as soon as it is
known."""

DELIVER = "activity deliver"
"""The job that delivers to sinks, at the moment when each call is due."""

DELIVER_TIMEOUT = 6 * 3600.0
"""Seconds that a delivery may take: a backfill that was approved has a hundred thousand records."""

ACTIVITY_TIMEOUT = 6 * 3600.0
"""Seconds that a run may take: a first pull goes back for weeks, within its share of the key's limits."""

EVENTS_TIMEOUT, EVENTS_AGAIN, EVENTS_STAY = 900.0, 3600.0, "30"
"""Seconds: of a merge · until the next one where nobody rings · without news after which a merge ends."""


def serve(config: Path | None, log_level: str | None) -> int:
    """Run the daemon until a signal ends it."""
    gc.set_threshold(*OFTEN)
    from syncd.daemon.children import Children, syncd
    from syncd.daemon.keeper import Keeper
    from syncd.daemon.loading import Loader
    from syncd.daemon.onlooker import Onlooker
    from syncd.daemon.service import Service, steady
    from syncd.daemon.signals import Signals
    from syncd.daemon.systemd import ServiceManager

    common = [*(["--config", str(config)] if config else []), *(["--log-level", log_level] if log_level else [])]
    loader = Loader(syncd(*common, "daemon", "--check", "--json"), elapsed=steady)
    children = Children(lambda job: syncd(*common, *job.arguments), steady)
    with Signals() as signals:
        watchers = [Onlooker(syncd(*common, "notify", "send"))]
        keeper = Keeper(syncd(*common, "receive"), steady)
        manager = ServiceManager()
        service = Service(loader, children, chance=random.random, manager=manager, watchers=watchers, keeper=keeper)
        return service.run(signals)


def check(config: Path | None, *, as_json: bool) -> int:
    """Print when the daemon would start which run, if it were started now."""
    from syncd.commands.settings import loaded
    from syncd.state import State

    # This also is how the daemon reads its configuration: in a child, which prints the timetable (daemon/loading.py).
    settings = loaded(config)
    with State(settings.state, read_only=True) as state:
        jobs = (*_jobs(settings, state), *_of_activity(settings))
    receives = settings.activity is not None and settings.activity.receive is not None
    where = str(settings.path), str(settings.state)
    timetable = Timetable(*where, settings.workers, jobs, watch_of(settings), receives)
    if as_json:
        sys.stdout.write(json.dumps(timetable.to_json()) + "\n")
    else:
        _show(settings, timetable)
    return DONE


def _jobs(settings: Settings, state: State) -> Iterator[Job]:
    for source in settings.sources.values():
        if source.schedule is None:
            continue
        yield _job(source, ("run",), source.schedule, last=state.runs.last_begun(source.name))
        if source.reconcile is not None:
            words = ("reconcile", "--repair") if source.repair else ("reconcile",)
            # A source that never was reconciled is not overdue: its first runs read the list anyway.
            last = state.facts.reconciled(source.name).get() or time.time()
            # The list of contacts is long, and nobody needs a comparison at a certain minute.
            yield _job(source, words, source.reconcile, RECONCILE_JITTER, last=last)


def _of_activity(settings: Settings) -> Iterator[Job]:
    if settings.activity is None:
        return
    # They take no place of the workers: a contact run may wait for its requests for hours, and so may a first pull.
    every, last = Every(settings.activity.pull.every), last_pull(settings.activity.store)
    words = ("activity", "run", "--json")
    yield Job(ACTIVITY, LEASE, words, every, ACTIVITY_TIMEOUT, jitter_of(every), last, beside=True)
    receives = settings.activity.receive is not None
    # A contact run rings too: who called before is looked up among the new contacts.
    if receives or any(source.schedule is not None for source in settings.sources.values()):
        # Beside the pull too: what was received is merged while the lists are read. It needs no lease.
        merge = ("activity", "run", "--events", *(("--stay", EVENTS_STAY) if receives else ()), "--json")
        again = Every(EVENTS_AGAIN)
        yield Job(EVENTS, EVENTS, merge, again, EVENTS_TIMEOUT, jitter=0.0, beside=True, woken=True)
    if settings.sinks:
        # A process of its own: what was received is merged while a sink takes its time.
        deliver = ("activity", "deliver", "--stay", EVENTS_STAY, "--json")
        again, store = Every(EVENTS_AGAIN), str(settings.activity.store)
        yield Job(DELIVER, DELIVER, deliver, again, DELIVER_TIMEOUT, jitter=0.0, beside=True, woken=True, store=store)


def _job(source: Source, words: Sequence[str], schedule: Schedule, *jitter: float, last: float | None) -> Job:
    command, *options = words
    name, arguments = f"{command} {source.name}", (command, source.name, *options, "--json")
    return Job(name, source.name, arguments, schedule, source.timeout, jitter_of(schedule, *jitter), last)


def _show(settings: Settings, timetable: Timetable) -> None:
    from syncd.daemon.agenda import Agenda
    from syncd.report.screen import Screen

    screen, now = Screen(), time.time()
    for job, start in Agenda(timetable, now, chance=lambda: 0.0).upcoming():
        when = "at once" if start <= now else time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(start))
        screen.line((job.name, "bold"), f": {when}", hanging=2)
    if timetable.receives:
        screen.line(("receive", "bold"), ": all the time", hanging=2)
    unscheduled = [name for name, source in settings.sources.items() if source.schedule is None]
    if unscheduled:
        screen.line(f"without a schedule, only by hand: {', '.join(unscheduled)}", hanging=2)
