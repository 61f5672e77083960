"""One file from an API and a host that answer as no honest ones would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.media.fetching import Fetched, Fetching
from syncd.activity.media.folder import Folder
from syncd.activity.store.media import Item
from syncd.errors import TargetMoved
from syncd.rest import TARGET, Bounds, Client, Downloads
from tests.worlds.hostile import answer, head, hostile

NOON = 1_773_144_000.0
PHOTO = Item("att_1", "attachment", "message:text:1", 1, at=NOON, filename="a.jpg", content_type="image/jpeg", size=5)
Script = Callable[[socket.socket], object]


def fetched(folder: Path, named: Any, file: Script, item: Item = PHOTO, status: int = 200) -> Fetched:
    """Try to fetch a file that the API names so (``{url}``: the address of the file), and whose host answers so."""

    def script(connection: socket.socket, request: str) -> None:
        if request == "GET /v1/media/att_1":
            url = f"{server.url}/file?signature=secret"
            body = {key: url if each == "{url}" else each for key, each in named.items()} if named else named
            answer(connection, body, status=status)
        else:
            assert request == "GET /file"
            file(connection)
            connection.shutdown(socket.SHUT_RDWR)

    place = Folder(folder / "attachments")
    place.prepare()
    bounds = Bounds(5.0, 5.0, 1_000_000)
    with (
        hostile(script) as server,
        Client(f"{server.url}/v1", headers={"Authorization": "Bearer test-key"}, sleep=lambda _: None) as client,
        Downloads(failures=TARGET, bounds=bounds, stopping=threading.Event()) as downloads,
    ):
        found = Fetching(client, downloads, place, 1_000, lambda: NOON).fetch(item)
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert len(files) == (found.cause is None)
    return found


def typed(content_type: str, content: bytes = b"12345") -> Script:
    lines = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    return lambda connection: connection.sendall(lines.encode() + content)


NAMED = {"id": "att_1", "content_type": "image/jpeg", "format": "jpg", "url": "{url}"}


def test_a_file_that_is_what_was_named_is_kept(tmp_path: Path) -> None:
    found = fetched(tmp_path, NAMED, typed("image/jpeg"))
    assert (found.cause, found.size, found.columns["path"]) == (None, 5, "2026-03-10/att_1-a.jpg")


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        (typed("text/html; charset=utf-8"), "type"),
        (typed("application/xml"), "type"),
        (typed("image/jpeg", b""), "empty"),
        (typed("image/jpeg", b"1234"), "size"),
        (typed("image/jpeg", b"123456"), "size"),
        (typed("image/jpeg", b"1" * 1_001), "broken"),
        (lambda connection: connection.sendall(head("Content-Encoding: gzip", length=5) + b"12345"), "broken"),
        (lambda connection: connection.sendall(head(length=5) + b"123"), "broken"),
        (lambda connection: answer(connection, b"", "Location: http://127.0.0.1:1/", status=302), "unsafe"),
        (lambda connection: answer(connection, b"", status=403), "denied"),
        (lambda connection: answer(connection, b"", status=400), "denied"),
        (lambda connection: answer(connection, b"", status=404), "lost"),
        (lambda connection: answer(connection, b"", status=503), "broken"),
    ],
)
def test_what_is_not_the_file_is_not_kept(tmp_path: Path, file: Script, cause: str) -> None:
    assert fetched(tmp_path, NAMED, file).cause == cause


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"url": "http://files.example.com/1"}, "unsafe"),
        ({"url": "https://user@files.example.com/1"}, "unsafe"),
        ({"url": "file:///etc/passwd"}, "unsafe"),
        ({"url": None}, "odd"),
        ({"id": "att_2"}, "odd"),
        ({"size": 6}, "size"),
    ],
)
def test_an_odd_answer_of_the_api_fetches_nothing(tmp_path: Path, change: dict[str, Any], cause: str) -> None:
    assert fetched(tmp_path, NAMED | change, typed("image/jpeg")).cause == cause


@pytest.mark.parametrize(
    ("status", "cause"), [(404, "missing"), (410, "missing"), (403, "forbidden"), (422, "forbidden")]
)
def test_a_refusal_of_the_api_has_a_cause(tmp_path: Path, status: int, cause: str) -> None:
    assert fetched(tmp_path, {"error": {"type": "X"}}, typed("image/jpeg"), status=status).cause == cause


def test_an_api_that_is_at_another_address_ends_it(tmp_path: Path) -> None:
    with pytest.raises(TargetMoved):
        fetched(tmp_path, {"moved": True}, typed("image/jpeg"), status=301)


def test_without_a_size_and_a_time_it_is_kept_all_the_same(tmp_path: Path) -> None:
    found = fetched(tmp_path, {"url": "{url}"}, typed("", b"1"), replace(PHOTO, at=None, size=None, content_type=None))
    assert found.columns["path"] == "2026-03-10/att_1-a.jpg"
