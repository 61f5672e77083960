"""What the runs of one command share: the configuration, the state, the target, and the right to run a source."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.budget import Budget
from syncd.config import Settings
from syncd.errors import StateError, Stopped
from syncd.rest import Client, Places
from syncd.run.leases import Leases, Proving, refuse
from syncd.state import State
from syncd.target.contacts import Target

if TYPE_CHECKING:
    from syncd.config import Target as TargetSettings

_NOTED_EVERY = 2.0  # seconds


@dataclass(slots=True)
class Watcher:
    """Is told how far a run is: rows read; changes done, of how many; seconds that the key's limits make it wait."""

    reading: Callable[[str, int], None] = lambda _source, _rows: None
    pushing: Callable[[str, int, int], None] = lambda _source, _done, _total: None
    waiting: Callable[[float], None] = lambda _seconds: None


@dataclass(slots=True)
class Session:
    """Opened by :func:`open_session`. ``clock`` gives Unix seconds.

    ``sent_before``: requests that were sent before the source that is run now; ``planned``: those that it takes.
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

    def halt_if_asked(self) -> None:
        """End the run here if the process was asked to stop.

        Raises:
            Stopped: it was.
        """
        if self.stopping.is_set():
            raise Stopped("asked to stop; what was begun is recorded, the rest waits for the next run")

    @contextmanager
    def leased(self, source: str) -> Iterator[None]:
        """Hold the source for this process. A dry run holds nothing.

        Raises:
            SourceBusy: another run holds it (and ``wait`` is not set).
        """
        if self.dry_run:
            yield
            return
        with self.leases.held(source, self._wait if self.wait else refuse(source)):
            yield

    def _wait(self, _holder: str) -> None:
        self.stopping.wait(0.2)
        self.halt_if_asked()

    def note_plan(self, source: str, requests: int) -> None:
        """Let ``syncd status`` say how far the run is: ``requests`` more are planned."""
        self.planned = self.target.sent - self.sent_before + requests
        self.note_progress(source)

    def note_progress(self, source: str) -> None:
        """Note how many requests were sent; more often than every two seconds nobody looks."""
        now = self.clock()
        if 0 <= now - self.noted_at < _NOTED_EVERY:
            return
        self.noted_at = now
        sent = self.target.sent - self.sent_before
        self.state.runs.note_progress(self.run, source, requests=sent, planned=self.planned)

    def bind_state(self, highest: int) -> None:
        """Note which target the ledger speaks of, before anything is pushed there, and the highest id seen."""
        self.state.facts.target_address.set(self.settings.target.base_url)
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
        StateError: the state cannot be used, or speaks of another target than the configuration does.
    """
    stopping, watcher = stopping or threading.Event(), watcher or Watcher()
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state, read_only=dry_run, clock=clock))
        _check_address(state, settings)
        budget = Budget(state.requests, settings.target.limits, clock=clock, stopping=stopping, on_wait=watcher.waiting)
        leases = Leases(state, f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}", clock)
        client = stack.enter_context(client_of(settings.target, Proving(budget, leases), stopping, sleep))
        yield Session(
            settings=settings,
            state=state,
            target=Target(client),
            budget=budget,
            run=f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(clock()))}-{secrets.token_hex(3)}",
            leases=leases,
            dry_run=dry_run,
            stopping=stopping,
            watcher=watcher,
            clock=clock,
        )


def client_of(
    target: TargetSettings,
    budget: Places,
    stopping: threading.Event,
    sleep: Callable[[float], object] | None = None,
) -> Client:
    """The HTTP client of the target, with its key."""
    headers = {"Authorization": f"Bearer {target.api_key.reveal()}"}
    return Client(
        target.base_url, headers=headers, timeout=target.timeout, budget=budget, stopping=stopping, sleep=sleep
    )


def _check_address(state: State, settings: Settings) -> None:
    known = state.facts.target_address.get()
    if known is not None and known != settings.target.base_url:
        raise StateError(
            f"{state.path}: this state file says what was sent to {known}, but target.base_url is "
            f"{settings.target.base_url}; set state: to another file for another target"
        )
