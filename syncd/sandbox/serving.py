"""Serves an ASGI application on loopback from a thread of its own, until a signal or the caller ends it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Mapping, Sequence

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.errors import ConfigError
from syncd.sandbox.app import TRANSPORT

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Return a socket that is bound to loopback; port 0 takes a free port.

    Raises:
        ConfigError: the port is taken.

    """
    # The protocol is named since asyncio sets TCP_NODELAY only then; without it each answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"the sandbox cannot listen on port {port} ({error}): choose another --port") from error
    return listener


class Served:
    """Serves ``app`` on ``listeners`` until it is stopped; ``dated``: answers get a Date of this machine's clock.

    Raises:
        RuntimeError: the server did not start.

    """

    def __init__(self, app: ASGIApp, *listeners: socket.socket, dated: bool = True) -> None:
        self._server = _Server(_config(app, dated=dated))
        self._thread = threading.Thread(target=self._server.run_on, args=listeners, name="sandbox", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            raise RuntimeError("the sandbox's server did not start")

    def stop(self) -> None:
        """End the server, without waiting for requests that a fault still holds back."""
        self._server.stop()
        self._thread.join()


def _config(app: ASGIApp, *, dated: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=dated,
        # Long enough that a client's idle connection is not closed under its next request.
        timeout_keep_alive=120,
    )


class ByPort:
    """Hands each request to the application of the port that it came in on."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self.apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.apps[scope["server"][1]](scope, receive, send)


class _Protocol(H11Protocol):
    """Shows each request its connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base declares
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    """A server on a loop of its own thread, started and stopped from another."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._leave: asyncio.Event

    def run_on(self, *listeners: socket.socket) -> None:
        try:
            asyncio.run(self._run(listeners))
        finally:
            self.ready.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)

    async def _run(self, listeners: Sequence[socket.socket]) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        await self._serve([*listeners])

    # In place of uvicorn's loop, which wakes every 0.1 seconds: a test's sandbox must end at once.
    async def main_loop(self) -> None:
        self.ready.set()
        tick = 0
        while not self._leave.is_set():
            await self.on_tick(tick)
            try:
                await asyncio.wait_for(self._leave.wait(), timeout=1)
            except TimeoutError:
                tick += 10

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Without uvicorn's own grace: a request that still runs is held back by a fault, and nobody wants its answer.
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        held_back = list(self.server_state.tasks)
        for task in held_back:
            task.cancel()
        await asyncio.gather(*held_back, return_exceptions=True)


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
