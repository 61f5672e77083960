"""What the work on calls and messages shares: the configuration, the store, the state and the clients of the target.

Contacts go first. The lists may use ``pull.share`` of the windows of reports; recordings and attachments have a share
of the default windows; webhooks, which take a few requests a day, may use all.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from syncd.activity.opening import open_store
from syncd.activity.server_time import ServerTime
from syncd.activity.store.store import ActivityStore
from syncd.budget import Budget, Together
from syncd.config import Settings
from syncd.config.activity import Activity, Recordings
from syncd.core.activity.facts import LEASE
from syncd.errors import ConfigError, Stopped
from syncd.rest import Client, Places
from syncd.run.leases import Leases, Proving, refuse
from syncd.run.session import Watcher, client_of
from syncd.state import State
from syncd.state.requests import Tier

__all__ = ["ActivitySession", "open_activity", "open_store"]


@dataclass(slots=True)
class ActivitySession:
    """Opened by :func:`open_activity`. ``clock`` gives Unix seconds; ``run`` names this run.

    ``reports``: the client of ``GET /calls`` and ``GET /messages``; ``default``: of the webhooks; ``media``: of ``GET
    /media/{id}``; ``messaging``: of ``POST /messages``. ``server``: the target's own time, as its answers tell it.
    ``reports_budget``, ``media_budget``: forecast how long requests will take.
    """

    settings: Settings
    activity: Activity
    store: ActivityStore
    state: State
    reports: Client
    default: Client
    media: Client
    messaging: Client
    server: ServerTime
    run: str
    leases: Leases
    reports_budget: Together
    media_budget: Budget
    dry_run: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    watcher: Watcher = field(default_factory=Watcher)
    clock: Callable[[], float] = time.time

    @property
    def sent(self) -> int:
        """How many requests were sent, every attempt included."""
        return self.reports.sent + self.default.sent + self.media.sent + self.messaging.sent

    def halt_if_asked(self) -> None:
        """End the run here if the process was asked to stop.

        Raises:
            Stopped: it was.

        """
        if self.stopping.is_set():
            raise Stopped("asked to stop; what was read is kept, the rest waits for the next run")

    def leased(self) -> AbstractContextManager[None]:
        """Return a context in which no other process pulls or fetches; entering it may raise ``SourceBusy``."""
        # A dry run writes nothing, so it may look on.
        give_up = refuse("activity", "try again when it is done")
        return nullcontext() if self.dry_run else self.leases.held(LEASE, give_up)


@contextmanager
def open_activity(
    settings: Settings,
    *,
    dry_run: bool = False,
    stopping: threading.Event | None = None,
    watcher: Watcher | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] | None = None,
) -> Iterator[ActivitySession]:
    """Open the store and the state (read-only for a dry run) and the clients. ``sleep`` replaces waits for attempts.

    Raises:
        ConfigError: no activity is configured.
        StateError: the store or the state cannot be used.

    """
    activity = settings.activity
    if activity is None:
        raise ConfigError(f"{settings.path}: calls and messages are not configured: add activity: {{}}")
    stopping, watcher = stopping or threading.Event(), watcher or Watcher()
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state, read_only=dry_run, clock=clock))
        store = stack.enter_context(open_store(settings, activity, read_only=dry_run, clock=clock))
        leases = Leases(state, f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}", clock)
        server = ServerTime(clock)

        target = settings.target
        windows = {"default": target.limits, "reports": target.reports, "messaging": target.messaging}

        def budget(tier: Tier, share: float) -> Budget:
            log = state.requests.tier(tier)
            return Budget(log, windows[tier], share=share, clock=clock, stopping=stopping, on_wait=watcher.waiting)

        def client(places: Places) -> Client:
            made = client_of(settings.target, Proving(places, leases), stopping, sleep, judge=server.judge)
            return stack.enter_context(made)

        # Whether the server counts a list in both tiers is open. With a share of the default one, a first load of
        # contacts, which fills it for hours, would keep the few requests of a pull waiting as long.
        reports = Together(budget("reports", activity.pull.share), budget("default", 1.0))
        media = budget("default", (activity.recordings or activity.attachments or Recordings()).share)
        yield ActivitySession(
            settings=settings,
            activity=activity,
            store=store,
            state=state,
            reports=client(reports),
            default=client(budget("default", 1.0)),
            media=client(media),
            messaging=client(budget("messaging", 1.0)),
            server=server,
            run=f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(clock()))}-{secrets.token_hex(3)}",
            leases=leases,
            reports_budget=reports,
            media_budget=media,
            dry_run=dry_run,
            stopping=stopping,
            watcher=watcher,
            clock=clock,
        )
