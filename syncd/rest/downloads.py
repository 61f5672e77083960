"""Downloads files from addresses that an API gave out: without its key, piece by piece, and without following anything.

The address itself is a secret, since whoever has it may fetch the file: no message and no log line holds it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, Self, cast
from urllib.parse import urlsplit

import httpx

from syncd.errors import Stopped
from syncd.rest.addresses import may_be_fetched
from syncd.rest.bounds import Bounds
from syncd.rest.client import connections
from syncd.rest.network import Network
from syncd.rest.waits import Cut, Exchange

SLOWEST = 4_000
"""Bytes a second, on the average, that a file may come with after the deadline of a request: speech comes so fast."""

Problem = Literal["", "address", "redirect", "status", "long", "packed", "broken", "late"]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What became of a download.

    ``problem``: "" if the whole file came · ``address``: no address that may be fetched · ``redirect`` · ``status``:
    another one than 200 · ``long``: more bytes than allowed · ``packed`` · ``broken``: the connection · ``late``: too
    slow. ``status``: of HTTP, 0 without an answer. ``size``: the bytes that came. ``content_type``: as answered.
    """

    problem: Problem
    status: int = 0
    size: int = 0
    content_type: str = ""


class Downloads:
    """Downloads files; used by several threads at once. As a context manager it closes its connections.

    ``api``: the base URL of the API whose answers name the files. ``bounds``: ``timeout`` for each wait, ``deadline``
    for what is slower than :data:`SLOWEST`. Once ``stopping`` is set, downloads end. ``transport`` replaces the
    network.
    """

    def __init__(
        self, api: str, bounds: Bounds, stopping: threading.Event, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._api = api
        self._bounds = bounds
        self._stopping = stopping
        self._transport = transport
        self._lock = threading.Lock()
        self._network = Network()
        self._of_host: dict[str, httpx.Client] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def fetch(self, url: str, keep: Callable[[bytes], object], *, most: int) -> Downloaded:
        """Download a file of at most ``most`` bytes; each piece is given to ``keep``, whose errors end the download.

        Raises:
            Stopped: ``stopping`` was set.

        """
        if not may_be_fetched(url, self._api):
            return Downloaded("address")
        received = _Received(keep, most)
        exchange = Exchange(time.monotonic() + self._bounds.deadline, self._stopping)
        try:
            with self._network.during(exchange):
                return self._exchange(url, received, exchange)
        except httpx.InvalidURL:
            return Downloaded("address")
        except httpx.HTTPError:
            return received.outcome("broken")
        except Cut as cut:
            if cut.stopped:
                raise Stopped("stopped before a file was fetched; the next run fetches it") from None
            return received.outcome("late")

    def _exchange(self, url: str, received: _Received, exchange: Exchange) -> Downloaded:
        http = self._client(url)
        response = http.send(http.build_request("GET", url), stream=True)
        try:
            received.status = response.status_code
            received.content_type = response.headers.get("content-type", "")
            if 300 <= response.status_code < 400:
                return received.outcome("redirect")
            if response.status_code != 200:
                return received.outcome("status")
            # Unpacked it would have another size than the one that is known.
            if response.headers.get("content-encoding", "").lower() not in {"", "identity"}:
                return received.outcome("packed")
            begun = exchange.ends
            # As it comes: httpx gathers whole pieces, and follows what a header says of their form.
            for piece in cast(httpx.SyncByteStream, response.stream):
                if not received.take(piece):
                    return received.outcome("long")
                exchange.ends = begun + received.size / SLOWEST
            return received.outcome("")
        finally:
            response.close()
            # What the host asks to be told again is nothing to a file.
            http.cookies.clear()

    def _client(self, url: str) -> httpx.Client:
        """Return the connections to the host of ``url``; the way to another host may be another one."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            if base not in self._of_host:
                headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
                made = self._open.enter_context(connections(base, headers, self._bounds.timeout, self._transport))
                self._network.serve(made)
                self._of_host[base] = made
            return self._of_host[base]


@dataclass(slots=True)
class _Received:
    """What has come of a file so far."""

    keep: Callable[[bytes], object]
    most: int
    status: int = 0
    content_type: str = ""
    size: int = 0

    def take(self, piece: bytes) -> bool:
        """Keep a piece; return False, and do not keep it, if the file is too long with it."""
        self.size += len(piece)
        if self.size > self.most:
            return False
        self.keep(piece)
        return True

    def outcome(self, problem: Problem) -> Downloaded:
        return Downloaded(problem, self.status, self.size, self.content_type)
