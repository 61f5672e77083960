"""``GET /media/{id}`` and the host of the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.sandbox_client import client_of
from tests.worlds.sandbox_in_memory import Clock

CLOCK = Clock()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    CLOCK.now = 1_800_000_000.0
    with Sandbox(limits=None, clock=CLOCK) as running:
        yield running


def recording(sandbox: Sandbox, **call: Any) -> Any:
    """Return the metadata of the recording of a new call."""
    sandbox.phones.call(**call)
    url = sandbox.phones.truth_calls()[-1]["journey"][0]["recording_url"]
    with client_of(sandbox) as api:
        return api.get(url).json()


def test_a_recording_is_described_and_fetched_without_the_key(sandbox: Sandbox) -> None:
    told = recording(sandbox, talk=30)
    url = told.pop("url")
    assert told == {
        "id": "rec_84001",
        "type": "recording",
        "content_type": "audio/mp3",
        "format": "mp3",
        "duration": 30,
        "expires_at": "2027-01-15T08:30:00.000Z",
    }
    file = httpx.get(url)
    assert (file.status_code, file.headers["Content-Type"], len(file.content)) == (200, "audio/mp3", 120_000)
    known = sandbox.medium("rec_84001")
    assert file.content == known.content()
    assert hashlib.sha256(file.content).hexdigest() == known.sha256
    assert httpx.URL(url).port != sandbox.port


def test_an_attachment_is_found_by_its_id(sandbox: Sandbox) -> None:
    sandbox.phones.message(attachments=[{"content_type": "image/png", "filename": "../scan.png", "size": 777}])
    [file] = sandbox.phones.truth_messages()[0]["attachments"]
    with client_of(sandbox) as api:
        told = api.get(f"/media/{file['id']}").json()
    assert (told["type"], told["content_type"], told["format"]) == ("attachment", "image/png", "png")
    content = httpx.get(told["url"]).content
    assert (len(content), content[:4]) == (777, b"\x89PNG")


@pytest.mark.parametrize("name", ["rec_1", "att_1", "rec_", "x_84001", "rec_84001x", "rec_-1", "rec_٣"])
def test_an_unknown_medium_is_not_found(sandbox: Sandbox, name: str) -> None:
    recording(sandbox)
    with client_of(sandbox) as api:
        assert api.get(f"/media/{name}").status_code == 404


def test_media_need_the_key(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/media/rec_84001").status_code == 401


def test_a_signed_address_is_valid_for_half_an_hour(sandbox: Sandbox) -> None:
    url = recording(sandbox)["url"]
    CLOCK.now += 1800
    assert httpx.get(url).status_code == 200
    CLOCK.now += 1
    assert httpx.get(url).status_code == 403


def test_an_altered_address_is_refused(sandbox: Sandbox) -> None:
    url = httpx.URL(recording(sandbox)["url"])
    other = recording(sandbox)["id"]
    for wrong in (
        url.copy_set_param("expires", "9999999999"),
        url.copy_set_param("signature", "0" * 64),
        url.copy_remove_param("signature"),
        url.copy_with(path=f"/{other}"),
    ):
        assert httpx.get(wrong).status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("bytes=0-9", 206, "bytes 0-9/4000"),
        ("bytes=3990-", 206, "bytes 3990-3999/4000"),
        ("bytes=-5", 206, "bytes 3995-3999/4000"),
        ("bytes=3000-9999", 206, "bytes 3000-3999/4000"),
        ("bytes=4000-", 416, "bytes */4000"),
        ("bytes=x", 416, "bytes */4000"),
    ],
)
def test_a_part_of_a_file(sandbox: Sandbox, asked: str, status: int, told: str) -> None:
    medium = recording(sandbox, talk=1)
    answer = httpx.get(medium["url"], headers={"Range": asked})
    assert (answer.status_code, answer.headers["Content-Range"]) == (status, told)
    if status == 206:
        begin, end = (int(part) for part in told.removeprefix("bytes ").partition("/")[0].split("-"))
        assert answer.content == sandbox.medium(medium["id"]).content(begin, end + 1)


def test_a_file_can_be_as_large_as_a_test_wants(sandbox: Sandbox) -> None:
    medium = recording(sandbox, size=1 << 30)
    part = httpx.get(medium["url"], headers={"Range": f"bytes={(1 << 30) - 100}-"})
    assert part.content == sandbox.medium(medium["id"]).content((1 << 30) - 100)


def test_a_lost_recording_is_gone_from_the_list_and_the_media(sandbox: Sandbox) -> None:
    url = recording(sandbox)["url"]
    sandbox.phones.lose_recording(sandbox.phones.truth_calls()[0]["call_id"])
    assert sandbox.phones.truth_calls()[0]["journey"][0]["recording_url"] is None
    assert httpx.get(url).status_code == 404


# Faults.


def test_an_address_can_be_expired_although_it_says_otherwise(sandbox: Sandbox) -> None:
    sandbox.arm({"kind": "file_expire"})
    first = recording(sandbox)
    assert first["expires_at"] == "2027-01-15T08:30:00.000Z"
    assert [httpx.get(first["url"]).status_code for _ in range(2)] == [403, 403]
    with client_of(sandbox) as api:
        again = api.get(f"/media/{first['id']}").json()
    assert httpx.get(again["url"]).status_code == 200


@pytest.mark.parametrize("status", [403, 404, 503])
def test_the_host_of_the_files_can_refuse_once(sandbox: Sandbox, status: int) -> None:
    url = recording(sandbox)["url"]
    sandbox.arm({"kind": "file_status", "status": status})
    assert [httpx.get(url).status_code for _ in range(2)] == [status, 200]


def test_the_host_of_the_files_can_redirect(sandbox: Sandbox) -> None:
    url = recording(sandbox)["url"]
    sandbox.arm({"kind": "file_status", "status": 302, "location": "https://elsewhere.example.com/x"})
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.example.com/x")


@pytest.mark.parametrize(("share", "length"), [(0.5, 2000), (0, 0)])
def test_a_short_file_can_pass_for_a_whole_one(sandbox: Sandbox, share: float, length: int) -> None:
    url = recording(sandbox, talk=1)["url"]
    sandbox.arm({"kind": "file_short", "share": share})
    assert len(httpx.get(url).content) == length
    assert len(httpx.get(url).content) == 4000


def test_a_short_file_can_break_off(sandbox: Sandbox) -> None:
    url = recording(sandbox, talk=1)["url"]
    sandbox.arm({"kind": "file_short", "told": False})
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)


def test_a_slow_file_comes_whole_in_the_end(sandbox: Sandbox) -> None:
    medium = recording(sandbox, talk=1)
    sandbox.arm({"kind": "file_slow", "seconds": 0.3})
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(medium["url"], timeout=0.1)
    sandbox.arm({"kind": "file_slow", "seconds": 0.05})
    assert httpx.get(medium["url"]).content == sandbox.medium(medium["id"]).content()


def test_a_fault_of_requests_can_strike_all_media(sandbox: Sandbox) -> None:
    sandbox.arm({"kind": "status", "status": 503, "path": "/media/*"})
    assert "error" in recording(sandbox)
