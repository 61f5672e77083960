"""The HTTP client over TLS: whole bodies in both directions, refusals, proxies, and waits that end."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from syncd.errors import Stopped, TargetUnavailable
from syncd.rest import Client, surroundings
from tests.worlds.hostile import answer, head, hostile
from tests.worlds.patience import BUSY

NAME = "/CN=localhost"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "made.pem", folder / "key.pem"
    alternative = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    line = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        NAME,
        "-addext",
        alternative,
    ]
    subprocess.run([*line, "-keyout", key, "-out", made], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


@contextmanager
def tunnel(certificate: Path, upstream: str = "") -> Iterator[str]:
    """A port that speaks TLS and hands on to ``upstream``, or as a proxy to where a CONNECT leads."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as near:
            place = upstream
            if not place:
                place = near.recv(65536).split(b" ")[1].decode()
                near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            host, port = place.rsplit(":", 1)
            with socket.create_connection((host, int(port))) as far:
                threading.Thread(target=pump, args=(far, near), daemon=True).start()
                pump(near, far)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(surroundings, "authorities", lambda: context)
    return context


def echo(size: int) -> Callable[[socket.socket, str], None]:
    return lambda connection, _: answer(connection, ["x" * size])


def test_whole_bodies_travel_in_both_directions(certificate: Path, trusting: ssl.SSLContext) -> None:
    with (
        hostile(echo(3_000_000)) as server,
        tunnel(certificate, server.url.removeprefix("http://")) as place,
        Client(f"https://{place}", headers={}) as made,
    ):
        for _ in range(3):
            assert made.request("POST", "/contacts", json={"x": "y" * 5_000_000}).body == ["x" * 3_000_000]
        assert server.asked == ["POST /contacts"] * 3


def test_tls_travels_through_a_proxy_that_speaks_tls(certificate: Path, trusting: ssl.SSLContext) -> None:
    with (
        hostile(echo(300_000)) as server,
        tunnel(certificate, server.url.removeprefix("http://")) as place,
        tunnel(certificate) as proxy,
        Client(f"https://{place}", headers={}) as made,
    ):
        made._http = httpx.Client(proxy=httpx.Proxy(f"https://{proxy}", ssl_context=trusting), verify=trusting)
        made._network.serve(made._http)
        for _ in range(2):
            assert made.request("POST", "/contacts", json={"x": "y" * 500_000}).body == ["x" * 300_000]


def test_a_stop_ends_a_wait_in_the_middle_of_an_answer(certificate: Path, trusting: ssl.SSLContext) -> None:
    stopping = threading.Event()

    def dripping(connection: socket.socket, _request: str) -> None:
        connection.sendall(head(length=1000))
        threading.Timer(0.3, stopping.set).start()
        while not server.wait(0.05):
            connection.sendall(b" ")

    with (
        hostile(dripping) as server,
        tunnel(certificate, server.url.removeprefix("http://")) as place,
        Client(f"https://{place}", headers={}, stopping=stopping) as made,
    ):
        begun = time.monotonic()
        with pytest.raises(Stopped):
            made.request("GET", "/contacts")
        assert time.monotonic() - begun < 0.3 + 2 + BUSY


def test_a_certificate_that_is_not_trusted_is_named(certificate: Path) -> None:
    with hostile(echo(1)) as server, tunnel(certificate, server.url.removeprefix("http://")) as place:
        with (
            Client(f"https://{place}", headers={}, attempts=1) as made,
            pytest.raises(TargetUnavailable, match="certificate that this machine does not trust") as raised,
        ):
            made.request("POST", "/contacts", json={})
        assert not raised.value.in_doubt
        assert server.asked == []


def test_a_server_without_tls_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            with plain.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        with (
            Client(f"https://127.0.0.1:{plain.getsockname()[1]}", headers={}, attempts=1) as made,
            pytest.raises(TargetUnavailable, match="does not speak TLS"),
        ):
            made.request("GET", "/contacts")
