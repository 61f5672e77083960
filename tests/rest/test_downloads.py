"""Downloads of files from addresses that an API gave out."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable

import pytest

from syncd.errors import Stopped
from syncd.rest import Bounds, Downloaded, Downloads
from syncd.rest.addresses import may_be_fetched
from tests.worlds.hostile import answer, chunk, endless, head, hostile

API = "http://127.0.0.1:1/v1"
Script = Callable[[socket.socket, str], None]


def fetched(script: Script, *, bounds: Bounds | None = None, most: int = 1_000_000) -> tuple[Downloaded, bytes]:
    content = bytearray()
    with hostile(script) as server, Downloads(API, bounds or Bounds(5.0, 5.0), threading.Event()) as downloads:
        return downloads.fetch(f"{server.url}/file?signature=secret", content.extend, most=most), bytes(content)


@pytest.mark.parametrize(
    ("url", "api", "may_be"),
    [
        ("https://storage.example.com/a?b=c", "https://api.example.com/v1", True),
        ("https://storage.example.com:8443/a", "https://api.example.com/v1", True),
        ("http://storage.example.com/a", "https://api.example.com/v1", False),
        ("http://127.0.0.1:8080/a", "https://api.example.com/v1", False),
        ("http://storage.example.com/a", "http://127.0.0.1/v1", False),
        ("http://127.0.0.1:8080/a", "http://localhost:9/v1", True),
        ("https://user@storage.example.com/a", "https://api.example.com/v1", False),
        ("ftp://storage.example.com/a", "https://api.example.com/v1", False),
        ("file:///etc/passwd", "http://127.0.0.1/v1", False),
        ("https:///a", "https://api.example.com/v1", False),
        ("https://storage.example.com/a\r\nX: 1", "https://api.example.com/v1", False),
        ("https://[", "https://api.example.com/v1", False),
        ("", "https://api.example.com/v1", False),
    ],
)
def test_only_https_is_fetched_or_what_is_on_this_machine_with_its_api(url: str, api: str, may_be: bool) -> None:
    assert may_be_fetched(url, api) is may_be
    if not may_be:
        with Downloads(api, Bounds(), threading.Event()) as downloads:
            assert downloads.fetch(url, bytearray().extend, most=9) == Downloaded("address")


def test_a_whole_file_comes_as_it_is() -> None:
    done, content = fetched(lambda connection, _: answer(connection, b"ID3 and so on"))
    assert (done, content) == (Downloaded("", 200, 13, "application/json"), b"ID3 and so on")
    done, content = fetched(lambda connection, _: connection.sendall(head() + chunk(b"ID") + chunk(b"3") + chunk(b"")))
    assert (done.problem, content) == ("", b"ID3")


def test_no_key_is_sent_and_nothing_is_to_be_packed() -> None:
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    heads.append(connection.recv(65536))
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
                    )

        thread = threading.Thread(target=serve)
        thread.start()
        with Downloads(API, Bounds(5.0, 5.0), threading.Event()) as downloads:
            for _ in range(2):
                url = f"http://127.0.0.1:{server.getsockname()[1]}/file"
                assert downloads.fetch(url, bytearray().extend, most=9).problem == ""
        thread.join()
    for each in heads:
        assert b"authorization" not in each.lower()
        assert b"cookie" not in each.lower()
        assert b"accept-encoding: identity" in each.lower()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (
            lambda connection, _: answer(connection, b"", "Location: https://elsewhere.example.com/", status=302),
            "redirect",
        ),
        (lambda connection, _: answer(connection, b"<Error/>", status=403), "status"),
        (lambda connection, _: answer(connection, b"part", status=206), "status"),
        (lambda connection, _: connection.sendall(head(length=100) + b"half"), "broken"),
        (lambda connection, _: connection.sendall(b"\0" * 99), "broken"),
        (lambda connection, _: answer(connection, gzip.compress(b"x" * 99), "Content-Encoding: gzip"), "packed"),
        (lambda connection, _: endless(connection, b"x", b"x", 5), "long"),
    ],
)
def test_what_is_not_the_whole_file_is_named(script: Script, problem: str) -> None:
    def once(connection: socket.socket, request: str) -> None:
        script(connection, request)
        connection.shutdown(socket.SHUT_RDWR)

    done, content = fetched(once)
    assert done.problem == problem
    assert len(content) <= 1_000_000


def test_a_file_that_comes_too_slowly_ends() -> None:
    def drip(connection: socket.socket, _: str) -> None:
        connection.sendall(head(length=100_000))
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    begun = time.monotonic()
    done, _ = fetched(drip, bounds=Bounds(5.0, 1.0))
    assert (done.problem, time.monotonic() - begun < 4) == ("late", True)


def test_a_long_file_may_take_longer_than_a_request() -> None:
    def steady(connection: socket.socket, _: str) -> None:
        connection.sendall(head(length=100_000))
        for _piece in range(20):
            connection.sendall(b"x" * 5_000)
            time.sleep(0.1)

    done, content = fetched(steady, bounds=Bounds(5.0, 1.0))
    assert (done.problem, len(content)) == ("", 100_000)


def test_a_stop_ends_a_download() -> None:
    stopping = threading.Event()
    with (
        hostile(lambda connection, _: (connection.sendall(head(length=9)), time.sleep(30))[0]) as server,
        Downloads(API, Bounds(60.0, 60.0), stopping) as downloads,
    ):
        threading.Timer(0.3, stopping.set).start()
        begun = time.monotonic()
        with pytest.raises(Stopped) as stopped:
            downloads.fetch(f"{server.url}/file?signature=secret", bytearray().extend, most=9)
    assert time.monotonic() - begun < 3
    assert "secret" not in str(stopped.value)


def test_an_error_of_the_receiver_ends_it() -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "full")

    with (
        hostile(lambda connection, _: answer(connection, b"x")) as server,
        Downloads(API, Bounds(), threading.Event()) as downloads,
        pytest.raises(OSError, match="full"),
    ):
        downloads.fetch(server.url, full, most=9)
