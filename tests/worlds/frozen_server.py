"""A server that takes connections and answers no more from a certain moment on."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class FrozenServer:
    """Passes everything on to the server on ``port``, until a client sends ``word``; an empty word: nothing at all.

    From then on it takes connections, and answers nothing. ``frozen`` is set at that moment.
    """

    def __init__(self, port: int, word: bytes = b"") -> None:
        self._behind, self._word = port, word
        self._sockets: list[socket.socket] = []
        self.frozen = threading.Event()

    def freeze_at(self, word: bytes) -> None:
        """Freeze when a client sends ``word`` from now on; b"": when a client connects."""
        self._word = word

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in [self._listening, *self._sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._sockets.append(client)
                if not self._word:
                    self.frozen.set()
                if not self.frozen.is_set():
                    server = socket.create_connection(("127.0.0.1", self._behind))
                    self._sockets.append(server)
                    for ends in ((client, server, True), (server, client, False)):
                        threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_clients: bool) -> None:
        seen = b""
        with suppress(OSError):
            while data := source.recv(65536):
                seen = seen[-1000:] + data
                if is_clients and self._word and self._word in seen:
                    self.frozen.set()
                if self.frozen.is_set():
                    return
                target.sendall(data)
