"""Serves the application: connections that are slow are cut, and a stop ends within two seconds."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.activity.receiving.body import PATIENCE

GRACE = 1.2
"""Seconds that requests which have arrived have for their answers after a stop."""
IDLE = 150
"""Seconds that an idle connection stays: longer than proxies keep theirs (Caddy: 120), so that they close first."""
MOST_CONNECTIONS = 900
"""More get a 503, and more than ``REFUSED_FROM`` get nothing: the store and the secrets need open files too."""
REFUSED_FROM = 950
OPEN_FILES = 4096
"""How many files may be open, if the machine lets it: at first it is 1,024 on most."""
ACCEPTED_AT_ONCE = 100
"""New connections that are taken before anything else is done."""
TICK = 1.0
"""Seconds between two looks at files that may have changed."""


class Protocol(H11Protocol):
    """Cuts a connection whose request does not begin in full in time; the application bounds the rest of it."""

    _begins: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base declares
        super().connection_made(transport)
        if len(self.connections) > REFUSED_FROM:
            transport.abort()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        if self._begins is None and not self._is_under_way():
            self._wait_for_head()
        super().data_received(data)
        if self._begins and self._is_under_way():
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._begins = self.loop.call_later(PATIENCE, self._cut)

    def _stop_waiting(self) -> None:
        if self._begins:
            self._begins.cancel()
        self._begins = None

    def _cut(self) -> None:
        self._begins = None
        if not self._is_under_way():
            self.transport.abort()


class Server(uvicorn.Server):
    """A server on a socket that is open already. ``tick`` is called each second."""

    def __init__(self, app: Any, tls: ssl.SSLContext | None, tick: Callable[[], None]) -> None:
        super().__init__(_config(app, tls))
        self._tick = tick
        self._leave = asyncio.Event()

    async def run_on(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until :meth:`stop`; ``ready`` is called as soon as it does."""
        self._ready = ready
        _allow_open_files()
        await self._serve([listener])

    def stop(self) -> None:
        self._leave.set()

    # In place of uvicorn's loop, which wakes ten times a second.
    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready()
        while not self._leave.is_set():
            try:
                await asyncio.wait_for(self._leave.wait(), TICK)
            except TimeoutError:
                await self.on_tick(0)
                self._tick()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            # Idle ones end now, the others after their answer.
            connection.shutdown()
        tasks, late = list(self.server_state.tasks), set[asyncio.Task[None]]()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE)
        # Before the late requests are ended: nobody is told that one of them was handled.
        for connection in list(self.server_state.connections):
            if connection.transport:
                connection.transport.close()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _config(app: Any, tls: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        backlog=ACCEPTED_AT_ONCE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE,
    )
    config.load()
    config.ssl = tls
    return config
