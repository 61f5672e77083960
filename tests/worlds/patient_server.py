"""A place that can be away, or let a sink wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from connectors.http_parts.surroundings import Surroundings


@dataclass
class Patience:
    """Stands before the server of a test. Nothing waits in truth, but for a delivery while the place is stalled."""

    answer: Callable[[httpx.Request], httpx.Response]
    available: bool = True
    now: float = 0.0
    busy: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)

    def around(self) -> Surroundings:
        """Return the surroundings of a new sink."""
        stopping = threading.Event()

        def sleep(seconds: float) -> bool:
            if not self.busy.is_set():
                self.now += seconds
                return stopping.is_set()
            self.waiting.set()
            return stopping.wait(0.01)

        return Surroundings(httpx.MockTransport(self._reply), sleep=sleep, timer=lambda: self.now, stopping=stopping)

    @contextmanager
    def stalled(self) -> Iterator[threading.Event]:
        """Let every request wait while the block lasts."""
        self.busy.set()
        try:
            yield self.waiting
        finally:
            self.busy.clear()

    def _reply(self, request: httpx.Request) -> httpx.Response:
        if not self.available:
            raise httpx.ConnectError("refused")
        if self.busy.is_set():
            return httpx.Response(429, headers={"Retry-After": "30"})
        return self.answer(request)
