"""What the runs of one command share: the configuration, the state, the target, the budget and the leases."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from syncd.budget import Budget
from syncd.config import Settings
from syncd.config import Target as TargetSettings
from syncd.core.company.identity import Company
from syncd.core.schema import Schema
from syncd.errors import Stopped
from syncd.rest import Bounds, Client, Judge, Places
from syncd.run.leases import Leases, Proving, refuse
from syncd.state import State
from syncd.target.contacts import Target

_NOTED_EVERY = 2.0  # seconds


@dataclass(slots=True)
class Watcher:
    """Functions that are called with the progress of a run.

    ``reading``: source, rows read. ``pushing``: source, changes done, changes in all. ``waiting``: the seconds until
    the key's limits allow the next request.
    """

    reading: Callable[[str, int], None] = lambda _source, _rows: None
    pushing: Callable[[str, int, int], None] = lambda _source, _done, _total: None
    waiting: Callable[[float], None] = lambda _seconds: None


@dataclass(slots=True)
class Session:
    """Opened by :func:`open_session`. ``clock`` gives Unix seconds.

    ``sent_before``: requests that were sent for earlier sources. ``planned``: requests that the present source needs.
    ``noted_at``: the time of the last note of the progress. ``proved``: the company that the target was proved to be.
    ``schema``: the target's fields, once they were read.
    """

    settings: Settings
    state: State
    target: Target
    budget: Budget
    run: str
    leases: Leases
    dry_run: bool = False
    full: bool = False
    wait: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    watcher: Watcher = field(default_factory=Watcher)
    clock: Callable[[], float] = time.time
    sent_before: int = 0
    planned: int = 0
    noted_at: float = float("-inf")
    proved: Company | None = None
    schema: Schema | None = None

    def halt_if_asked(self) -> None:
        """End the run here if the process was asked to stop.

        Raises:
            Stopped: it was.
        """
        if self.stopping.is_set():
            raise Stopped("asked to stop; what was begun is recorded, the rest waits for the next run")

    def leased(self, source: str) -> AbstractContextManager[None]:
        """Return a context that holds the source for this process; entering it may raise ``SourceBusy``."""
        # A dry run changes nothing and cannot write the state, so it may look on while another run has the source.
        if self.dry_run:
            return nullcontext()
        return self.leases.held(source, self._wait if self.wait else refuse(source))

    def _wait(self, _holder: str) -> None:
        # A wait on the event, not a sleep: a signal ends it at once.
        self.stopping.wait(0.2)
        self.halt_if_asked()

    def note_plan(self, source: str, requests: int) -> None:
        """Note for ``syncd status`` that the present source needs so many more ``requests``."""
        self.planned = self.target.sent - self.sent_before + requests
        self.note_progress(source)

    def note_progress(self, source: str) -> None:
        """Note for ``syncd status`` how many requests were sent."""
        now = self.clock()
        # A note is a transaction, and nobody looks more often than this. The clock may have been set back.
        if 0 <= now - self.noted_at < _NOTED_EVERY:
            return
        self.noted_at = now
        sent = self.target.sent - self.sent_before
        self.state.runs.note_progress(self.run, source, requests=sent, planned=self.planned)

    def note_highest(self, highest: int) -> None:
        """Note the ``highest`` id seen, before anything is pushed."""
        if highest > self.state.facts.highest_id.get():
            self.state.facts.highest_id.set(highest)


@contextmanager
def open_session(
    settings: Settings,
    *,
    dry_run: bool = False,
    stopping: threading.Event | None = None,
    watcher: Watcher | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] | None = None,
) -> Iterator[Session]:
    """Open the state (read-only for a dry run) and the target. ``sleep`` replaces the waits between attempts.

    Raises:
        StateError: the state cannot be used.
    """
    stopping, watcher = stopping or threading.Event(), watcher or Watcher()
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state, read_only=dry_run, clock=clock))
        budget = Budget(state.requests, settings.target.limits, clock=clock, stopping=stopping, on_wait=watcher.waiting)
        # The host and the process tell who holds a source; the random part tells two runs of one process apart.
        leases = Leases(state, f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}", clock)
        client = stack.enter_context(client_of(settings.target, Proving(budget, leases), stopping, sleep))
        run = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(clock()))}-{secrets.token_hex(3)}"
        session = Session(settings, state, Target(client), budget, run, leases, dry_run=dry_run, clock=clock)
        session.stopping, session.watcher = stopping, watcher
        yield session


def client_of(
    target: TargetSettings,
    budget: Places,
    stopping: threading.Event,
    sleep: Callable[[float], object] | None = None,
    *,
    judge: Judge | None = None,
) -> Client:
    """Return the HTTP client of the target, with its key; ``judge`` sees every answer first."""
    headers = {"Authorization": f"Bearer {target.api_key.reveal()}"}
    bounds = Bounds(target.timeout, target.deadline, target.max_answer)
    return Client(
        target.base_url, headers=headers, bounds=bounds, budget=budget, stopping=stopping, sleep=sleep, judge=judge
    )
