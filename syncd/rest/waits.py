"""Waits for a server in short pieces, so that each looks whether its time is up or the process is to stop.

A blocking wait would end only when the server says something: one that sends a byte now and then would never let go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

LOOK_EVERY = 0.2
"""Seconds after which a wait looks again."""

WRITE_GRACE = 27.0
"""Seconds that a request which changes something may still take to be answered after a stop was asked for."""

T = TypeVar("T")


class Cut(Exception):
    """This side ended an exchange.

    ``stopped``: a stop was asked for, or else the deadline has passed. ``sent``: the server may have seen the request.
    """

    def __init__(self, *, stopped: bool, sent: bool) -> None:
        super().__init__("stopped" if stopped else "late")
        self.stopped = stopped
        self.sent = sent


@dataclass(slots=True)
class Exchange:
    """One attempt of a request and its answer.

    ``ends``: when it must be over (monotonic seconds). ``stopping``: the stop of the process. ``finish``: it changes
    something, so its answer is awaited for :data:`WRITE_GRACE` after a stop. ``sent``: the server may have seen it.
    """

    ends: float = float("inf")
    stopping: threading.Event = field(default_factory=threading.Event)
    finish: bool = False
    sent: bool = True
    grace_ends: float = float("inf")

    def seconds_left(self) -> float:
        """Return how long a wait may last until it looks again.

        Raises:
            Cut: the exchange is over.

        """
        now = time.monotonic()
        if self.stopping.is_set():
            if not (self.finish and self.sent):
                raise Cut(stopped=True, sent=self.sent)
            self.grace_ends = min(self.grace_ends, now + WRITE_GRACE)
            if now >= self.grace_ends:
                raise Cut(stopped=True, sent=True)
        if now >= self.ends:
            raise Cut(stopped=False, sent=self.sent)
        # Not 0, which would mean to httpcore's sockets: do not wait at all.
        return max(0.001, min(LOOK_EVERY, self.ends - now))

    def in_pieces(self, wait: Callable[[float], T], timeout: float | None) -> T:
        """Call ``wait`` with some seconds until it raises no TimeoutError.

        Raises:
            TimeoutError: nothing happened for ``timeout`` seconds.
            Cut: the exchange is over.

        """
        silent = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            seconds = min(self.seconds_left(), max(0.001, silent - time.monotonic()))
            try:
                return wait(seconds)
            except TimeoutError:
                if time.monotonic() >= silent:
                    raise

    @contextmanager
    def unsent(self) -> Iterator[None]:
        """Note that the server cannot have seen the request while the block lasts."""
        self.sent = False
        try:
            yield
        finally:
            self.sent = True
