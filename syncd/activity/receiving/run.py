"""``syncd receive`` from its start to its end: load, open, serve; load again after SIGHUP; end after SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
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
from syncd.processes import daemon_start

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
        self._daemon = os.getppid() if daemon_start() else None
        self._next: tuple[Plain, socket.socket] | None = None
        self._serving: _Serving | None = None
        # One after the other, so that the newest file is the one in force.
        self._one_by_one = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until a signal ends it.

        Raises:
            SyncdError: the settings cannot be read, or it cannot listen.
        """
        plain = self._loaded()
        self._next = plain, sockets.listener(plain.listen)
        while begun := self._begun():
            plain, listener = begun
            await self._serve(plain, listener)
            if self._place() != plain.listen:
                sockets.removed(plain.listen)

    def _loaded(self) -> Plain:
        """Return the settings, loaded again if SIGHUP comes meanwhile: by itself it would end the process."""
        asked = [True]
        signal.signal(signal.SIGHUP, lambda *_: asked.append(True))
        while asked:
            asked.clear()
            plain = self._load()
        return plain

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
            # The next daemon starts a receiver of its own, which needs this place.
            if self._daemon not in {None, os.getppid()}:
                log.warning("the daemon is gone, and so the receiver ends")
                self._stop(server)

        server = Server(app, certificate.context if certificate else None, tick)
        writer.start()
        try:
            self._serving = _Serving(server, app, plain, listener)
            self._handle_signals(server)
            await server.run_on(listener, lambda: self._ready(listener, plain))
        finally:
            app.close()
            writer.stop()

    def _ready(self, listener: socket.socket, plain: Plain) -> None:
        address = plain.listen if "/" in plain.listen else _shown(listener)
        log.info("receiving", listen=address, tls=bool(plain.certificate))
        self._manager.ready()
        self._manager.status(f"receives at {address}")

    def _handle_signals(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, server)

        def hang_up() -> None:
            # Kept, since the loop itself keeps no task alive.
            task = loop.create_task(self._reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, hang_up)

    def _stop(self, server: Server) -> None:
        self._leaving, self._next = True, None
        self._manager.stopping()
        if self._serving:
            self._serving.app.writer.hurry()
        server.stop()

    async def _reload(self) -> None:
        async with self._one_by_one:
            self._manager.reloading()
            try:
                self._take(await _aside(self._load))
            except SyncdError as error:
                log.error("the configuration could not be read again; the old one stays", why=str(error))  # noqa: TRY400 (no traceback)
                self._manager.ready()

    def _take(self, plain: Plain) -> None:
        """Let new settings be in force: at once, or by serving anew."""
        now = self._serving
        if now is None or self._leaving:
            return
        if self._next or plain.place() != now.plain.place():
            self._begin_anew(plain, now)
            return
        now.app.secrets = Secrets(plain.secrets, plain.secret_file)
        now.app.path, now.app.tolerance = plain.path, plain.tolerance
        now.plain = plain
        log.info("configuration in force")
        self._manager.ready()

    def _begin_anew(self, plain: Plain, now: _Serving) -> None:
        if plain.certificate:
            Certificate(plain.certificate, plain.key)
        # The same place is handed on, so that nobody is turned away meanwhile.
        waiting, here = self._next, (now.plain, now.listener)
        same = next((each for of, each in (here, *filter(None, [waiting])) if of.listen == plain.listen), None)
        self._next = plain, same.dup() if same else sockets.listener(plain.listen)
        if waiting:
            # It never served: what was loaded since is another place, or the same.
            waiting[1].close()
            if waiting[0].listen not in {plain.listen, now.plain.listen}:
                sockets.removed(waiting[0].listen)
        now.server.stop()


@dataclass(slots=True)
class _Serving:
    """What serves now, and with which settings."""

    server: Server
    app: App
    plain: Plain
    listener: socket.socket


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
