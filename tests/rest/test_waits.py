"""The HTTP client: no wait for a server outlasts the deadline or a stop."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.errors import Stopped, SyncdError, TargetUnavailable
from syncd.rest import Bounds, Client, waits
from tests.worlds.hostile import Hostile, answer, head, hostile
from tests.worlds.patience import BUSY

SOON = 2.0 + BUSY
"""Seconds within which everything that waits has to end; two are promised."""


class Slow:
    """Ways of a server to let a client wait for ever."""

    @staticmethod
    def silent(server: Hostile, _: socket.socket) -> None:
        server.wait(60)

    @staticmethod
    def dripping_head(server: Hostile, connection: socket.socket) -> None:
        for byte in head(length=1_000_000, status=200) * 100:
            connection.sendall(bytes([byte]))
            if server.wait(0.05):
                return

    @staticmethod
    def dripping_body(server: Hostile, connection: socket.socket) -> None:
        connection.sendall(head(length=1_000_000))
        while not server.wait(0.05):
            connection.sendall(b" ")

    @staticmethod
    def dripping_chunks(server: Hostile, connection: socket.socket) -> None:
        connection.sendall(head())
        while not server.wait(0.05):
            connection.sendall(b"1\r\n \r\n")

    @staticmethod
    def always_continuing(server: Hostile, connection: socket.socket) -> None:
        while not server.leaving.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


WAYS = [Slow.silent, Slow.dripping_head, Slow.dripping_body, Slow.dripping_chunks, Slow.always_continuing]
Way = Callable[[Hostile, socket.socket], None]


@contextmanager
def slow(way: Way) -> Iterator[Hostile]:
    with hostile(lambda connection, _: way(server, connection)) as server:
        yield server


def ended(call: Callable[[], object]) -> tuple[float, SyncdError]:
    begun = time.monotonic()
    with pytest.raises(SyncdError) as raised:
        call()
    return time.monotonic() - begun, raised.value


def stop_after(stopping: threading.Event, seconds: float) -> None:
    timer = threading.Timer(seconds, stopping.set)
    timer.daemon = True
    timer.start()


@pytest.mark.parametrize("way", WAYS)
def test_a_request_ends_at_its_deadline(way: Way) -> None:
    with slow(way) as server, Client(server.url, headers={}, bounds=Bounds(deadline=0.6)) as client:
        seconds, error = ended(lambda: client.request("GET", "/contacts"))
    assert isinstance(error, TargetUnavailable)
    assert "deadline" in str(error)
    assert error.in_doubt
    assert seconds < 0.6 + SOON
    assert server.asked == ["GET /contacts"]


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_ends_a_read(way: Way) -> None:
    stopping = threading.Event()
    stop_after(stopping, 0.3)
    with slow(way) as server, Client(server.url, headers={}, stopping=stopping) as client:
        seconds, error = ended(lambda: client.request("GET", "/contacts"))
    assert isinstance(error, Stopped)
    assert seconds < 0.3 + SOON


def test_a_write_that_was_begun_may_be_answered_after_a_stop() -> None:
    stopping = threading.Event()

    def later(connection: socket.socket, _request: str) -> None:
        stopping.set()
        server.wait(1.0)
        answer(connection, {"done": True})

    with hostile(later) as server, Client(server.url, headers={}, stopping=stopping) as client:
        assert client.request("POST", "/contacts", json={}, finish=True).body == {"done": True}


@pytest.mark.parametrize("way", WAYS)
def test_a_write_that_is_not_answered_after_a_stop_is_in_doubt(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "WRITE_GRACE", 0.5)
    stopping = threading.Event()
    stop_after(stopping, 0.3)
    with slow(way) as server, Client(server.url, headers={}, stopping=stopping) as client:
        seconds, error = ended(lambda: client.request("POST", "/contacts", json={}, finish=True))
    assert isinstance(error, Stopped)
    assert error.in_doubt
    assert seconds < 0.8 + SOON


def a_request(url: str, stopping: threading.Event, **bounds: Any) -> tuple[float, SyncdError]:
    with Client(url, headers={}, stopping=stopping, bounds=Bounds(**bounds), attempts=1) as client:
        return ended(lambda: client.request("POST", "/contacts", json={}, finish=True))


@contextmanager
def full_backlog() -> Iterator[str]:
    """An address whose connections are never made: the queue of its server is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        select.select([], waiting[:1], [], 1)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for each in waiting:
            each.close()


@contextmanager
def no_handshake() -> Iterator[str]:
    """An https address that never answers the first words of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def no_dns() -> Iterator[str]:
    """An address whose name DNS never looks up."""
    over = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_: over.wait(60))
        yield "http://api.example.com"
        over.set()


@pytest.mark.parametrize("place", [full_backlog, no_handshake, no_dns])
@pytest.mark.parametrize("how", ["stop", "deadline", "timeout"])
def test_a_connection_that_is_not_made_sends_nothing_and_ends_soon(place: Any, how: str) -> None:
    stopping = threading.Event()
    if how == "stop":
        stop_after(stopping, 0.3)
    with place() as url:
        seconds, error = a_request(url, stopping, **({how: 0.5} if how != "stop" else {}))
    assert seconds < 0.5 + SOON
    assert isinstance(error, Stopped if how == "stop" else TargetUnavailable)
    assert not error.in_doubt


def test_every_connection_of_a_client_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "https://127.0.0.1:9")
    with Client("https://api.example.com", headers={}) as client:
        transports = [client._http._transport, *filter(None, client._http._mounts.values())]
        assert len(transports) >= 2
        assert all(each._pool._network_backend is client._network for each in transports)  # type: ignore[attr-defined]


def test_a_server_that_closes_a_kept_connection_is_asked_again() -> None:
    def once(connection: socket.socket, _request: str) -> None:
        answer(connection, {})
        connection.shutdown(socket.SHUT_RDWR)

    with hostile(once) as server, Client(server.url, headers={}, sleep=lambda _: None) as client:
        for _ in range(3):
            assert client.request("GET", "/contacts").body == {}
