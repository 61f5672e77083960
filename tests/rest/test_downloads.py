"""Large files: streamed into a file within bounds, from https only, without a key, and never taken for whole if cut."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from syncd.errors import Stopped, SyncdError, TargetMoved, TargetRefused, TargetUnavailable
from syncd.rest import TARGET, Bounds, Downloaded, Downloads
from tests.worlds.hostile import Hostile, hostile
from tests.worlds.patience import BUSY

SOUND = b"ID3" + bytes(range(256)) * 400
PIECES = httpx.ByteStream(SOUND * 20)
SIGNED = "https://storage.example.com/a.mp3?signature=s3cret"
MB = 1_000_000


def fetched(response: httpx.Response, url: str = SIGNED, *, into: BytesIO | None = None, most: int = MB) -> Downloaded:
    transport = httpx.MockTransport(lambda _request: response)
    with Downloads(failures=TARGET, bounds=Bounds(max_answer=most), transport=transport) as downloads:
        return downloads.fetch(url, into or BytesIO())


def test_a_file_is_written_and_described() -> None:
    into = BytesIO()
    got = fetched(httpx.Response(200, content=SOUND, headers={"Content-Type": "Audio/MPEG; x=1"}), into=into)
    assert into.getvalue() == SOUND
    assert got == Downloaded(200, len(SOUND), "audio/mpeg", hashlib.sha256(SOUND).hexdigest())


def test_no_key_and_no_cookie_is_sent() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"x", headers={"Set-Cookie": "a=b; Domain=example.com"})

    with Downloads(failures=TARGET, bounds=Bounds(), transport=httpx.MockTransport(answer)) as downloads:
        downloads.fetch(SIGNED, BytesIO())
        downloads.fetch(SIGNED, BytesIO())
    assert [str(each.url) for each in seen] == [SIGNED, SIGNED]
    assert not {"authorization", "cookie"} & {name for each in seen for name in each.headers}
    assert seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_expired_or_gone_is_returned_and_nothing_is_written(status: int) -> None:
    into = BytesIO()
    assert fetched(httpx.Response(status, content=b"<Error/>"), into=into) == Downloaded(status)
    assert into.getvalue() == b""


@pytest.mark.parametrize(
    ("response", "error", "told"),
    [
        (httpx.Response(302, headers={"Location": "http://10.0.0.1/"}), TargetMoved, "redirects to another address"),
        (httpx.Response(503), TargetUnavailable, "answered with status 503"),
        (httpx.Response(429), TargetUnavailable, "answered with status 429"),
        (httpx.Response(400), TargetRefused, "answered with status 400"),
        (httpx.Response(206, content=b"x"), TargetRefused, "answered with status 206"),
        (httpx.Response(200, stream=PIECES, headers={"Content-Encoding": "gzip"}), TargetUnavailable, "packed"),
        (httpx.Response(200, content=SOUND * 20), TargetUnavailable, "has a file of 2,048,060 bytes"),
        (httpx.Response(200, stream=PIECES), TargetUnavailable, "sends more than the 1,000,000 bytes"),
    ],
)
def test_what_is_no_file_is_the_callers_error_and_shows_no_signature(
    response: httpx.Response, error: type[SyncdError], told: str
) -> None:
    with pytest.raises(error, match=told) as raised:
        fetched(response)
    assert "storage.example.com" in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.example.com/a",
        "ftp://storage.example.com/a",
        "/v1/media/x",
        "https://user:s3cret@storage.example.com/a",
        "file:///etc/passwd",
        "https://[",
        "http://127.0.0.1.example.com/a",
        "https://storage.example.com/\n",
    ],
)
def test_only_https_is_asked(url: str) -> None:
    with pytest.raises(TargetRefused, match="is not https") as raised:
        fetched(httpx.Response(200), url)
    assert "s3cret" not in str(raised.value)


@pytest.fixture
def storage() -> Iterator[Hostile]:
    with hostile(lambda _connection, _request: None) as server:
        yield server


def from_(server: Hostile, into: BytesIO, stopping: threading.Event | None = None, **bounds: float) -> Downloaded:
    limits = Bounds(max_answer=MB, **bounds)
    with Downloads(failures=TARGET, bounds=limits, stopping=stopping) as downloads:
        return downloads.fetch(f"{server.url}/a?signature=s3cret", into)


def test_a_short_file_is_no_file(storage: Hostile) -> None:
    def short(connection: socket.socket, _request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 999)
        connection.close()

    storage.script = short
    with pytest.raises(TargetUnavailable, match="broke the connection off"):
        from_(storage, BytesIO())


def test_a_storage_that_says_nothing_is_given_up(storage: Hostile) -> None:
    def silent(connection: socket.socket, _request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        storage.wait(20)

    storage.script = silent
    with pytest.raises(TargetUnavailable, match="did not answer in time"):
        from_(storage, BytesIO(), timeout=0.4)


def drip(server: Hostile, connection: socket.socket, length: int) -> None:
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    for _ in range(length):
        if server.wait(0.05):
            break
        connection.sendall(b"x")


def test_a_storage_that_sends_a_byte_now_and_then_is_given_up(storage: Hostile) -> None:
    storage.script = lambda connection, _request: drip(storage, connection, 1000)
    begun = time.monotonic()
    with pytest.raises(TargetUnavailable, match="deadline"):
        from_(storage, BytesIO(), deadline=0.5)
    assert time.monotonic() - begun < 5


def test_a_large_file_has_more_time_than_a_small_one(storage: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.rest.downloads.SLOWEST", 10.0)
    storage.script = lambda connection, _request: drip(storage, connection, 20)
    assert from_(storage, BytesIO(), deadline=0.3).size == 20


def test_a_stop_ends_it_within_two_seconds(storage: Hostile) -> None:
    storage.script = lambda connection, _request: drip(storage, connection, 1000)
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        from_(storage, BytesIO(), stopping)
    assert time.monotonic() - begun < 0.3 + 2 + BUSY


LARGE = 300 * MB

CHILD = """
import re, sys
from pathlib import Path
from syncd.rest import TARGET, Bounds, Downloads
with Downloads(failures=TARGET, bounds=Bounds(max_answer=10**9)) as downloads, Path(sys.argv[2]).open("wb") as file:
    got = downloads.fetch(sys.argv[1], file)
# Not ru_maxrss: a child begins with its parent's.
print(got.size, got.sha256, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def test_a_file_of_300_megabytes_takes_less_than_64_of_memory(storage: Hostile, tmp_path: Path) -> None:
    piece = bytes(range(250)) * 4000  # a million bytes

    def large(connection: socket.socket, _request: str) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n".encode())
        for _ in range(LARGE // MB):
            connection.sendall(piece)

    storage.script = large
    command = [sys.executable, "-c", CHILD, f"{storage.url}/a", str(tmp_path / "a.mp3")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size, sha256, kilobytes = done.stdout.split()
    assert (int(size), (tmp_path / "a.mp3").stat().st_size) == (LARGE, LARGE)
    assert sha256 == hashlib.sha256(piece * (LARGE // MB)).hexdigest()
    assert int(kilobytes) * 1024 < 64 * MB
