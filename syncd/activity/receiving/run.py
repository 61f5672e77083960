"""``syncd receive`` from its start to its end: load, open, serve; load again after SIGHUP; end after SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from syncd.activity.receiving import sockets
from syncd.activity.receiving.app import App
from syncd.activity.receiving.plain import Plain
from syncd.activity.receiving.refusals import Refusals
from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.receiving.serving import Server
from syncd.activity.receiving.tls import Certificate
from syncd.activity.receiving.writer import Writer
from syncd.core.activity.facts import REFUSED
from syncd.errors import SyncdError

log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Manager(Protocol):
    """The service manager that is told how it goes (:class:`syncd.daemon.systemd.ServiceManager`)."""

    def ready(self) -> None: ...

    def reloading(self) -> None: ...

    def stopping(self) -> None: ...

    def alive(self) -> None: ...

    def status(self, text: str) -> None: ...


class Receiver:
    """``load`` reads the settings, at the start and after each SIGHUP; it blocks."""

    def __init__(self, load: Callable[[], Plain], manager: Manager) -> None:
        self._load, self._manager = load, manager
        self._leaving = False
        self._next: tuple[Plain, socket.socket] | None = None

    async def run(self) -> None:
        """Serve until a signal ends it.

        Raises:
            SyncdError: the settings cannot be read, or it cannot listen.
        """
        plain = self._load()
        self._next = plain, sockets.listener(plain.listen)
        while begun := self._begun():
            plain, listener = begun
            await self._serve(plain, listener)
            if self._place() != plain.listen:
                sockets.removed(plain.listen)

    def _begun(self) -> tuple[Plain, socket.socket] | None:
        found, self._next = self._next, None
        return found

    def _place(self) -> str | None:
        return self._next[0].listen if self._next else None

    async def _serve(self, plain: Plain, listener: socket.socket) -> None:
        certificate = Certificate(plain.certificate, plain.key) if plain.certificate else None
        writer = Writer(plain.store, plain.wake)
        refusals = Refusals(lambda kind: writer.note(REFUSED + kind, str(time.time())))
        app = App(writer, Secrets(plain.secrets, plain.secret_file), plain.path, plain.tolerance, refusals)

        def tick() -> None:
            self._manager.alive()
            if certificate:
                certificate.renew()

        server = Server(app, certificate.context if certificate else None, tick)
        writer.start()
        try:
            self._handle_signals(server, app, [plain], listener)
            await server.run_on(listener, lambda: self._ready(listener, plain))
        finally:
            app.close()
            writer.stop()

    def _ready(self, listener: socket.socket, plain: Plain) -> None:
        address = plain.listen if "/" in plain.listen else _shown(listener)
        log.info("receiving", listen=address, tls=bool(plain.certificate))
        self._manager.ready()
        self._manager.status(f"receives at {address}")

    def _handle_signals(self, server: Server, app: App, current: list[Plain], listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, server)
        reloads: set[asyncio.Task[None]] = set()

        def hang_up() -> None:
            # Kept, since the loop itself keeps no task alive.
            task = loop.create_task(self._reload(server, app, current, listener))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, hang_up)

    def _stop(self, server: Server) -> None:
        self._leaving, self._next = True, None
        self._manager.stopping()
        server.stop()

    async def _reload(self, server: Server, app: App, current: list[Plain], listener: socket.socket) -> None:
        self._manager.reloading()
        try:
            plain = await _aside(self._load)
            if plain.place() == current[0].place():
                app.secrets = Secrets(plain.secrets, plain.secret_file)
                app.path, app.tolerance = plain.path, plain.tolerance
                current[0] = plain
                log.info("configuration in force")
                self._manager.ready()
                return
            self._begin_anew(server, plain, current[0], listener)
        except SyncdError as error:
            log.error("the configuration could not be read again; the old one stays", why=str(error))  # noqa: TRY400 (no traceback)
            self._manager.ready()

    def _begin_anew(self, server: Server, plain: Plain, old: Plain, listener: socket.socket) -> None:
        if self._leaving:
            return
        if plain.certificate:
            Certificate(plain.certificate, plain.key)
        # The same place is handed on, so that nobody is turned away meanwhile.
        self._next = plain, listener.dup() if plain.listen == old.listen else sockets.listener(plain.listen)
        server.stop()


async def _aside(load: Callable[[], Plain]) -> Plain:
    """Return the settings, while the loop goes on."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Plain] = loop.create_future()

    def work() -> None:
        try:
            plain = load()
        except SyncdError as error:
            loop.call_soon_threadsafe(_settle, found, None, error)
        else:
            loop.call_soon_threadsafe(_settle, found, plain, None)

    # Not a thread of the loop's own: a stop would wait for its end.
    threading.Thread(target=work, name="loading", daemon=True).start()
    return await found


def _settle(found: asyncio.Future[Plain], plain: Plain | None, error: SyncdError | None) -> None:
    if found.done():
        return
    if plain is None:
        found.set_exception(error or SyncdError())
    else:
        found.set_result(plain)


def _shown(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run(load: Callable[[], Plain], manager: Manager) -> None:
    """Receive until a signal ends it; see :class:`Receiver`.

    Raises:
        SyncdError: the settings cannot be read, or it cannot listen.
    """
    asyncio.run(Receiver(load, manager).run())
