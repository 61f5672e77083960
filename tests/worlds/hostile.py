"""A server that answers as no honest server would: each request's bytes are written by hand, over a plain socket."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

Script = Callable[[socket.socket, str], None]
"""Answers one request on a connection; it gets the method and the path, such as ``GET /v1/contacts``."""

SECONDS = 60.0


class Hostile:
    """``script`` may be replaced at any time; ``asked`` holds the method and the path of each request so far."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[str] = []
        self.leaving = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that leaves in the middle of an answer is what these tests want.
        with connection, suppress(OSError):
            connection.settimeout(SECONDS)
            while (request := _request(connection)) and not self.leaving.is_set():
                self.asked.append(request)
                self.script(connection, request)

    def wait(self, seconds: float) -> bool:
        """Wait in a script; return whether the server is to leave."""
        return self.leaving.wait(seconds)

    def close(self) -> None:
        self.leaving.set()
        # Only this wakes a thread that accepts.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _request(connection: socket.socket) -> str:
    """Read one request and return its method and path, or an empty text at the end."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return ""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0 and (piece := connection.recv(65536)):
        left -= len(piece)
    method, target, _ = head.split(b" ", 2)
    return f"{method.decode()} {target.decode().partition('?')[0]}"


@contextmanager
def hostile(script: Script) -> Iterator[Hostile]:
    server = Hostile(script)
    try:
        yield server
    finally:
        server.close()


def head(*lines: str, status: int = 200, length: int | None = None) -> bytes:
    """Return the head of an answer; without a ``length``, its body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    first = (f"HTTP/1.1 {status} Said", "Content-Type: application/json", size)
    return "\r\n".join((*first, *lines, "", "")).encode()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def answer(connection: socket.socket, body: Any, *lines: str, status: int = 200) -> None:
    """Write a whole answer; a ``body`` that is no bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.sendall(head(*lines, status=status, length=len(content)) + content)


def endless(connection: socket.socket, begin: bytes, again: bytes, megabytes: int, *lines: str) -> None:
    """Write ``begin`` and then ``again``, for so many megabytes or until the client leaves."""
    connection.sendall(head(*lines) + chunk(begin))
    piece = chunk(again * max(1, (1 << 20) // len(again)))
    for _ in range(megabytes):
        connection.sendall(piece)
    connection.sendall(b"0\r\n\r\n")


@cache
def bomb(megabytes: int, of: bytes = b" ", times: int = 1) -> bytes:
    """Return so many megabytes, packed by gzip so many times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    piece = of * ((1 << 20) // len(of))
    packed = b"".join(packer.compress(piece) for _ in range(megabytes)) + packer.flush()
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    return packed
