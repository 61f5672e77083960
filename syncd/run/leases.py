"""The right to run a source: one process has it at a time, and proves it before each request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from syncd.errors import LeaseLost, SourceBusy, StateBusy
from syncd.processes import is_dead
from syncd.rest import Places
from syncd.state import State

# A lease runs out unless it is renewed, so that a process that is gone holds nothing for ever. The price: a process
# that stood still (a suspended machine, a stopped container) may wake up without its lease.
SECONDS = 60.0
"""How long a source is leased for; the lease is renewed while the run lasts."""


class Leases:
    """The sources that this process may run. ``owner`` is its name; ``clock`` gives Unix seconds."""

    def __init__(self, state: State, owner: str, clock: Callable[[], float]) -> None:
        self._state = state
        self._owner = owner
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lost: set[str] = set()

    @contextmanager
    def held(self, source: str, wait: Callable[[str], None]) -> Iterator[None]:
        """Hold the source, and renew its lease while the block lasts.

        ``wait``: called again and again with the name of the process that holds the source, while there is one.

        Raises:
            SourceBusy: from ``wait``, to give up.
        """
        self._take(source, wait)
        done = threading.Event()
        # A thread of its own: a push may wait for an hour for its next request.
        renewing = threading.Thread(target=self._keep, args=(source, done), daemon=True, name="lease")
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()
            self._until.pop(source, None)
            self._lost.discard(source)
            self._state.leases.release(source, self._owner)

    def elsewhere(self, source: str) -> bool:
        """Tell whether another process that still runs has the source."""
        holder = self._state.leases.holder(source)
        return holder is not None and holder != self._owner and not is_dead(holder)

    def check(self) -> None:
        """Prove that this process still has its sources; the state is asked only if a lease has run out.

        Raises:
            LeaseLost: another run took a source over.
        """
        for source, until in list(self._until.items()):
            if self._clock() >= until or source in self._lost:
                self._renew(source)
            if source in self._lost:
                raise LeaseLost(
                    f"{source}: this run stood still for more than {SECONDS:g} s and another run has taken the source "
                    "over; it stops here, and what is unknown is settled by the next run"
                )

    def _take(self, source: str, wait: Callable[[str], None]) -> None:
        while holder := self._state.leases.take(source, self._owner, SECONDS):
            # A run that was killed a moment ago still has its lease: nobody must wait until that runs out.
            if is_dead(holder):
                self._state.leases.release(source, holder)
            else:
                wait(holder)
        self._until[source] = self._clock() + SECONDS

    def _keep(self, source: str, done: threading.Event) -> None:
        while not done.wait(SECONDS / 4):
            with suppress(StateBusy):  # a moment's lock must not end the renewing
                self._renew(source)

    def _renew(self, source: str) -> None:
        # The clock is read first: so the lease lasts at least as long as this process believes.
        until = self._clock() + SECONDS
        if self._state.leases.renew(source, self._owner, SECONDS):
            self._until[source] = until
        else:
            self._lost.add(source)


class Proving:
    """Places in the key's windows, for a process that still has its leases."""

    def __init__(self, places: Places, leases: Leases) -> None:
        self._places = places
        self._leases = leases
        self.answered = places.answered
        self.pause = places.pause

    def take(self) -> float:
        """Wait for a place and take it.

        Raises:
            Stopped: the process was asked to stop.
            LeaseLost: another run took a source over; nothing may be sent.
        """
        place = self._places.take()
        # After the wait, which may have been the time in which the lease was lost.
        self._leases.check()
        return place


def refuse(source: str, remedy: str = "--wait waits until it is done") -> Callable[[str], None]:
    """Return a ``wait`` that gives up at once, because another run holds the source; ``remedy``: for the message."""

    def give_up(holder: str) -> None:
        pid = holder.split(":")[1]
        raise SourceBusy(f"{source}: another run holds it (process {pid}); {remedy}")

    return give_up
