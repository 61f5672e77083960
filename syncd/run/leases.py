"""The right to run a source: one process has it at a time, and proves it before each request.

A lease runs out unless it is renewed, so that a process that is gone holds nothing for ever. A process that stood still
(a suspended machine, a stopped container) may wake up without it, and must not send what another run has since sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from syncd.errors import LeaseLost, SourceBusy, StateBusy
from syncd.processes import is_dead
from syncd.rest import Places
from syncd.state import State

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
        """Hold the source, and renew that while the block lasts. ``wait`` is called while another run has it.

        Raises:
            SourceBusy: from ``wait``, to give up.
        """
        self._take(source, wait)
        done = threading.Event()
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
        """Whether another process that still runs has the source."""
        holder = self._state.leases.holder(source)
        return holder is not None and holder != self._owner and not is_dead(holder)

    def check(self) -> None:
        """Prove that what is held still is; costs nothing as long as no lease has run out.

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
        until = self._clock() + SECONDS
        if self._state.leases.renew(source, self._owner, SECONDS):
            self._until[source] = until
        else:
            self._lost.add(source)


class Proving:
    """Places in the key's windows, for those who still hold what they run."""

    def __init__(self, places: Places, leases: Leases) -> None:
        self._places = places
        self._leases = leases

    def take(self) -> float:
        """Wait for a place and take it.

        Raises:
            Stopped: the process was asked to stop.
            LeaseLost: another run took a source over; nothing may be sent.
        """
        place = self._places.take()
        self._leases.check()
        return place

    def answered(self, place: float) -> None:
        self._places.answered(place)

    def pause(self, seconds: float) -> None:
        self._places.pause(seconds)


def refuse(source: str) -> Callable[[str], None]:
    """What to do while another run holds the source: give up."""

    def give_up(holder: str) -> None:
        pid = holder.split(":")[1]
        raise SourceBusy(f"{source}: another run holds it (process {pid}); --wait waits until it is done")

    return give_up
