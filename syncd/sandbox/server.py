"""The sandbox as a context manager (a server in a thread of its own) and as a foreground command."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.errors import ConfigError
from syncd.sandbox.app import TRANSPORT, build_app
from syncd.sandbox.backend import Backend, Logged
from syncd.sandbox.company import people
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Fault, Faults, parse_fault
from syncd.sandbox.limits import DEFAULT_LIMITS, Windows
from syncd.sandbox.store import Store

HOST = "127.0.0.1"
KEY = "sandbox-key"
"""The key of a sandbox that was not given another."""


class Sandbox:
    """A Vocatech contacts API on loopback while the context is open.

    ``data`` is its file (None: in memory). ``port`` 0 takes a free one. ``limits`` are (requests, seconds); None is no
    limit. ``key`` None lets any Bearer token in. ``seed`` is the number of invented contacts a new company has.
    ``fields`` replaces the company's fields (None: those of the file, else the default ones). ``clock`` returns
    seconds since 1970; the windows, ``read_lag`` and the log go by it. ``store`` and ``url`` are there inside the
    context; ``store`` may be used from any thread.

    Raises:
        ConfigError: a dialect is unknown, the port is taken, the file is not usable.

    """

    def __init__(
        self,
        data: Path | None = None,
        port: int = 0,
        *,
        limits: Sequence[tuple[int, float]] | None = DEFAULT_LIMITS,
        dialects: Mapping[str, str] | None = None,
        key: str | None = KEY,
        seed: int = 0,
        fields: Sequence[Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key or KEY
        self.port = port
        self._data = data
        self._any_key = key is None
        self._seed = seed
        self._fields = fields
        self._clock = clock
        self._windows = Windows(limits)
        self._dialects = Dialects(dialects)
        self._faults = Faults()
        self.store: Store
        self._backend: Backend
        self._server: _Server
        self._thread: threading.Thread

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:8123/v1``."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def requests(self) -> list[Logged]:
        """The API requests so far, oldest first; control paths are not among them."""
        return list(self._backend.log)

    def arm(self, fault: Fault | Mapping[str, Any]) -> None:
        """Arm a fault, or one given as ``{"kind": …}``."""
        self._faults.arm(fault if isinstance(fault, Fault) else parse_fault(fault))

    def disarm(self) -> None:
        """Forget all faults."""
        self._faults.disarm()

    def dialect(self, name: str, value: str) -> None:
        """Change a dialect.

        Raises:
            ConfigError: there is no such dialect or value.

        """
        self._dialects.choose(name, value)

    def __enter__(self) -> Self:
        listener = _listener(self.port)
        try:
            self.store = self._opened()
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._backend = Backend(
            store=self.store,
            dialects=self._dialects,
            faults=self._faults,
            windows=self._windows,
            key=None if self._any_key else self.key,
            clock=self._clock,
        )
        self._server = _Server(_config(self._backend))
        self._thread = threading.Thread(target=self._server.run_on, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            self.store.close()
            raise RuntimeError("the sandbox's server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join()
        self.store.close()

    def _opened(self) -> Store:
        store = Store(self._data, fields=self._fields, dialects=self._dialects, clock=self._clock)
        if self._seed and store.next_id == 1:
            names = store.fields.positions
            store.add_all(
                {name: value for name, value in person.items() if name in names} for person in people(self._seed)
            )
        return store


def _listener(port: int) -> socket.socket:
    # The protocol is named since asyncio sets TCP_NODELAY only then; without it each answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"the sandbox cannot listen on port {port} ({error}): choose another --port") from error
    return listener


def _config(backend: Backend) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(backend),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        # Long enough that a client's idle connection is not closed under its next request.
        timeout_keep_alive=120,
    )


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

    def run_on(self, listener: socket.socket) -> None:
        try:
            asyncio.run(self._run(listener))
        finally:
            self.ready.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)

    async def _run(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        await self._serve([listener])

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
        # Without the grace of the server's own: what still runs is held back by a fault, and nobody wants its answer.
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


def serve(
    *,
    port: int = 8088,
    data: Path | None = None,
    limits: Sequence[tuple[int, float]] | None = DEFAULT_LIMITS,
    dialects: Mapping[str, str] | None = None,
    seed: int = 0,
    key: str | None = KEY,
    say: Callable[[str], object] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Run the sandbox in the foreground until SIGINT or SIGTERM (or ``until`` is set), then return.

    ``say`` gets each line that is printed (default: standard output). The rest is as for :class:`Sandbox`.
    """
    leave = until or threading.Event()
    with Sandbox(data, port, limits=limits, dialects=dialects, key=key, seed=seed) as sandbox, _signals(leave):
        for line in _hints(sandbox):
            (say or _print)(line)
        leave.wait()


def _hints(sandbox: Sandbox) -> list[str]:
    control = sandbox.url.removesuffix("/v1") + "/_sandbox"
    return [
        f"The sandbox answers at {sandbox.url} with the key {sandbox.key} and {len(sandbox.store.ids())} contacts.",
        f"In the configuration:  target: {{base_url: {sandbox.url}, api_key: {sandbox.key}}}",
        f"Look at a contact:     curl -H 'Authorization: Bearer {sandbox.key}' '{sandbox.url}/contacts?limit=1'",
        f'Make it fail once:     curl -d \'{{"kind": "drop"}}\' {control}/faults   (log: {control}/requests)',
        "Ctrl-C ends it.",
    ]


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def _signals(leave: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set ``leave``, where this is the main thread; only there can they be taken."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: leave.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
