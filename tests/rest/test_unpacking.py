"""The HTTP client: how an answer is unpacked, and where it is cut off."""

from __future__ import annotations

import gzip
import json
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest

from syncd.errors import TargetUnavailable
from syncd.rest import Answer, Bounds, Client, received
from tests.worlds.hostile import Script, answer, bomb, chunk, endless, head, hostile

LONG = "the answer was longer than allowed (max_answer)"
DENSE = "the answer would take more memory than allowed once it is parsed: raise max_answer, or have smaller pages sent"
GZIP = "Content-Encoding: gzip"


def asked(script: Script, *, status: int = 200, **bounds: Any) -> Answer:
    with (
        hostile(script) as server,
        Client(server.url, headers={}, bounds=Bounds(**bounds), attempts=2, sleep=lambda _: None) as client,
    ):
        return client.request("GET", "/x", returned={status})


def said(body: Any, *lines: str, status: int = 200) -> Script:
    return lambda connection, _request: answer(connection, body, *lines, status=status)


def packed(value: Any) -> bytes:
    return gzip.compress(json.dumps(value).encode(), mtime=0)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (packed({"n": 1}), [GZIP]),
        (packed({"n": 1}), ["Content-Encoding: X-GZIP"]),
        (packed({"n": 1}), [GZIP, "Content-Encoding: identity"]),
        (gzip.compress(b'{"n":', mtime=0) + gzip.compress(b"1}", mtime=0), [GZIP]),
        (packed({"n": 1}) + b"\0" * 512, [GZIP]),
        (b'{"n": 1}', ["Content-Encoding: identity"]),
        (b'{"n": 1}', ["Content-Encoding: UTF-8"]),
        (b'\xef\xbb\xbf{"n": 1}', []),
    ],
    ids=["gzip", "x-gzip", "identity too", "two members", "padding", "identity", "UTF-8", "a mark"],
)
def test_an_answer_that_is_packed_once_is_read(body: bytes, lines: list[str]) -> None:
    assert asked(said(body, *lines)).body == {"n": 1}


def test_a_long_answer_is_read_whole() -> None:
    rows = [{"id": number, "text": random.Random(number).randbytes(2000).hex()} for number in range(3000)]
    assert asked(said(rows)).body == rows
    assert asked(said(packed(rows), GZIP)).body == rows


def test_a_long_answer_is_read_whole_if_the_temporary_folder_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(received, "TemporaryFile", full)
    assert asked(said(["x" * 20_000_000])).body == ["x" * 20_000_000]


@pytest.mark.parametrize(
    "named", ["gzip, gzip", "gzip, gzip, br", "br", "zstd", "deflate", "compress", "x-secret-5550100"]
)
def test_an_encoding_that_was_not_asked_for_is_not_unpacked(named: str) -> None:
    found = asked(said(bomb(1, times=2), f"Content-Encoding: {named}"))
    assert not found.is_json
    assert "only gzip was asked for" in found.problem
    assert "5550100" not in found.problem


def test_only_gzip_is_asked_for() -> None:
    heads: list[str] = []

    def script(connection: socket.socket, _request: str) -> None:
        answer(connection, {})

    with hostile(script) as server, Client(server.url, headers={}) as client:
        heads.append(client._http.headers["accept-encoding"])
    assert heads == ["gzip"]


BOUNDS = {"max_answer": 2_000_000}


def bombed(of: bytes) -> Script:
    """A bomb that is packed where it is sent: whoever only collects tests need not wait for it."""

    def script(connection: socket.socket, request: str) -> None:
        said(bomb(40, of), GZIP)(connection, request)

    return script


@pytest.mark.parametrize(
    "script",
    [
        bombed(b" "),
        bombed(b"[1] "),
        said(gzip.compress(b"") * 120_000, GZIP),
        lambda connection, _: endless(connection, b"[", b" ", 100),
        lambda connection, _: connection.sendall(head(length=2_000_000_000) + b"[" * 1000),
        lambda connection, _: endless(connection, gzip.compress(b"x"), gzip.compress(b"x") * 10, 100, GZIP),
    ],
)
@pytest.mark.parametrize("status", [200, 422])
def test_an_answer_is_cut_off_at_its_limit(script: Script, status: int) -> None:
    found = asked(script, **BOUNDS)
    assert (found.is_json, found.problem in {LONG, DENSE}) == (False, True)


def test_the_body_of_an_error_is_bounded_too() -> None:
    found = asked(said(bomb(40), GZIP, status=422), status=422, **BOUNDS)
    assert (found.status, found.problem) == (422, LONG)


def test_an_answer_of_one_byte_at_a_time_takes_no_more_memory() -> None:
    def script(connection: socket.socket, _request: str) -> None:
        connection.sendall(head() + b"1\r\n \r\n" * 60_000)

    assert asked(script, max_answer=50_000).problem == LONG


@pytest.mark.parametrize("values", [b"[" * 3_000_000, b"{}," * 2_000_000, b'{"a":1},' * 800_000, b"1," * 5_000_000])
def test_many_values_in_few_bytes_are_refused_before_they_are_parsed(values: bytes) -> None:
    assert asked(said(b"[" + values)).problem == DENSE


def test_a_list_of_ordinary_records_is_read_whole_if_it_fits_into_the_memory() -> None:
    people = [{"id": number, "name": "Ann Example", "phone": "2125550100"} for number in range(70_000)]
    assert asked(said(people)).body == people
    assert asked(said(people * 3)).problem == DENSE
    assert asked(said(people * 3), max_answer=256_000_000).body == people * 3


@pytest.mark.parametrize("levels", [90, 110, 900, 5000, 400_000])
def test_deep_nesting_is_no_answer(levels: int) -> None:
    found = asked(said(b"[" * levels + b"]" * levels))
    assert found.is_json == (levels == 90)


@pytest.mark.parametrize("text", ['"["', '"{]"', '"]}"'])
def test_brackets_in_texts_hide_no_depth(text: str) -> None:
    deep = b"[" * 500 + text.encode() + b"]" * 500
    assert "more than 100 levels" in asked(said(deep)).problem
    flat = f"[{','.join([text] * 1000)}]".encode()
    assert asked(said(flat)).is_json


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "-1e999", "NaN", "Infinity"])
def test_strange_numbers_break_nothing(number: str) -> None:
    asked(said(f'{{"n": {number}}}'.encode()))


@pytest.mark.parametrize(
    "script",
    [
        said(gzip.compress(b'{"n": 1}')[:-9], GZIP),
        said(b"this is not packed", GZIP),
        lambda connection, _: (connection.sendall(head(length=100) + b"{}"), connection.shutdown(socket.SHUT_RDWR)),
        lambda connection, _: (connection.sendall(head() + chunk(b"{}")), connection.shutdown(socket.SHUT_RDWR)),
        lambda connection, _: connection.sendall(head(*(f"X-{n}: {'y' * 1000}" for n in range(1000)))),
    ],
)
def test_a_damaged_answer_is_a_failed_attempt(script: Callable[[socket.socket, str], Any]) -> None:
    with pytest.raises(TargetUnavailable, match="tried 2 times"):
        asked(script)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_may_name_an_encoding(status: int) -> None:
    empty = f"HTTP/1.1 {status} Said\r\n{GZIP}\r\n\r\n".encode()
    found = asked(lambda connection, _: connection.sendall(empty), status=status)
    assert (found.status, found.problem) == (status, "the answer was empty")
