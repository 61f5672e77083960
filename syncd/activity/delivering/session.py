"""What deliveries share: the configuration, the store, the state and the leases; no client of the target."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from syncd.activity.delivering.book import Book
from syncd.activity.opening import open_store
from syncd.activity.session import ActivitySession
from syncd.activity.store.store import ActivityStore
from syncd.config import Settings
from syncd.errors import ConfigError, Stopped
from syncd.run.leases import Leases, refuse
from syncd.run.session import Watcher
from syncd.sink import Sink
from syncd.state import State

PATIENCE = 15.0
"""Seconds that a call has to end once the process was asked to stop."""

_LOOK = 0.2


@dataclass(slots=True)
class DeliverySession:
    """Opened by :func:`open_deliveries`. ``clock`` gives Unix seconds; ``run`` names this run.

    ``wait``: so many seconds another process that delivers to the same sink is waited for. ``eager``: what was sent
    with an unknown outcome does not wait for its next try. ``book``: takes the changes for people.
    """

    settings: Settings
    store: ActivityStore
    state: State
    leases: Leases
    run: str
    dry_run: bool = False
    wait: float = 0.0
    eager: bool = True
    stopping: threading.Event = field(default_factory=threading.Event)
    watcher: Watcher = field(default_factory=Watcher)
    clock: Callable[[], float] = time.time
    book: Book = field(default_factory=lambda: Book(page=0))

    def halt_if_asked(self) -> None:
        """End the run here if the process was asked to stop.

        Raises:
            Stopped: it was.
        """
        if self.stopping.is_set():
            raise Stopped("asked to stop; what was delivered is recorded, the rest waits for the next run")

    @contextmanager
    def cancelling(self, sink: Sink) -> Iterator[None]:
        """End what a sink does within the block, if the process was asked to stop and it does not end by itself."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_LOOK):
                # A call that is cancelled has no known outcome, so it gets the time to end.
                if self.stopping.is_set() and not done.wait(PATIENCE):
                    sink.cancel()
                    return

        watching = threading.Thread(target=watch, daemon=True, name="cancel")
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()

    def leased(self, sink: str) -> AbstractContextManager[None]:
        """Return a context in which no other process delivers to a sink; entering it may raise ``SourceBusy``."""
        if self.dry_run:
            return nullcontext()
        until = time.monotonic() + self.wait

        def wait(holder: str) -> None:
            if time.monotonic() >= until:
                refuse(sink)(holder)
            self.stopping.wait(0.2)
            self.halt_if_asked()

        return self.leases.held(sink, wait)


@contextmanager
def open_deliveries(
    settings: Settings,
    *,
    dry_run: bool = False,
    wait: float = 0.0,
    stopping: threading.Event | None = None,
    watcher: Watcher | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[DeliverySession]:
    """Open the store and the state (read-only for a dry run).

    Raises:
        ConfigError: no activity is configured.
        StateError: the store or the state cannot be used.
    """
    activity = settings.activity
    if activity is None:
        raise ConfigError(f"{settings.path}: calls and messages are not configured: add activity: {{}}")
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state, read_only=dry_run, clock=clock))
        store = stack.enter_context(open_store(settings, activity, read_only=dry_run, clock=clock))
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        yield DeliverySession(
            settings=settings,
            store=store,
            state=state,
            leases=Leases(state, owner, clock),
            run=new_run(clock()),
            dry_run=dry_run,
            wait=wait,
            stopping=stopping or threading.Event(),
            watcher=watcher or Watcher(),
            clock=clock,
        )


def new_run(now: float) -> str:
    """Return a name for a run that begins now."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"


def delivering_in(session: ActivitySession, *, wait: float) -> DeliverySession:
    """Return a session that delivers in a run of calls and messages."""
    return DeliverySession(
        settings=session.settings,
        store=session.store,
        state=session.state,
        leases=session.leases,
        run=session.run,
        dry_run=session.dry_run,
        wait=wait,
        stopping=session.stopping,
        watcher=session.watcher,
        clock=session.clock,
    )
