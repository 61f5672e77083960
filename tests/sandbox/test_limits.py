"""The sliding windows of requests, one set for each key, on a clock that the test moves."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.sandbox.limits import DEFAULT_LIMITS, Windows, parse_limits
from syncd.sandbox.server import Sandbox
from tests.worlds.sandbox_client import client_of
from tests.worlds.sandbox_in_memory import Clock


def test_the_61st_request_of_a_minute_is_told_to_wait() -> None:
    clock = Clock()
    with Sandbox(clock=clock) as sandbox, client_of(sandbox) as api:
        assert {api.get("/contacts").status_code for _ in range(60)} == {200}
        clock.now += 12.5
        refused = api.get("/contacts")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "48")
        assert refused.json()["error"] == {
            "code": 429,
            "type": "RATE_LIMIT_EXCEEDED",
            "message": "Rate limit exceeded.",
        }
        clock.now += 48
        assert api.get("/contacts").status_code == 200


def test_a_wrong_key_and_the_control_paths_take_no_place() -> None:
    clock = Clock()
    with Sandbox(limits=[(1, 60)], clock=clock) as sandbox, client_of(sandbox) as api:
        for _ in range(3):
            assert httpx.get(sandbox.url + "/contacts", headers={"Authorization": "Bearer x"}).status_code == 401
            assert httpx.get(sandbox.url.removesuffix("/v1") + "/_sandbox/health").status_code == 200
        assert api.get("/contacts").status_code == 200
        assert api.get("/contacts").status_code == 429


def test_each_key_has_windows_of_its_own() -> None:
    with Sandbox(limits=[(1, 60)], key=None, clock=Clock()) as sandbox:
        for key in ("a", "b"):
            headers = {"Authorization": f"Bearer {key}"}
            assert [httpx.get(sandbox.url + "/contacts", headers=headers).status_code for _ in range(2)] == [200, 429]


def test_the_longest_wait_of_all_windows_is_told() -> None:
    windows = Windows([(1, 60), (2, 3600)])
    assert windows.take("k", 0) == 0
    assert windows.take("k", 60) == 0
    assert windows.take("k", 120) == 3480


def test_a_refused_request_takes_no_place() -> None:
    windows = Windows([(1, 10)])
    assert [windows.take("k", at) for at in (0, 9, 10, 19, 20)] == [0, 1, 0, 1, 0]


@given(
    limits=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 20)), min_size=1, max_size=3),
    steps=st.lists(st.integers(0, 6), max_size=60),
)
def test_no_window_ever_holds_more_and_the_wait_is_exact(limits: list[tuple[int, int]], steps: list[int]) -> None:
    windows, now = Windows(limits), 0
    taken: list[int] = []
    for step in steps:
        now += step
        full = any(sum(at > now - seconds for at in taken) >= requests for requests, seconds in limits)
        wait = windows.take("k", now)
        assert (wait > 0) == full
        if full:
            now += int(wait)
            assert windows.take("k", now) == 0
        taken.append(now)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("60/1m,1000/1h,20000/1d", DEFAULT_LIMITS),
        ("5/m", ((5, 60.0),)),
        (" 5 / 10m , 1/0.5s ", ((5, 600.0), (1, 0.5))),
        ("none", None),
    ],
)
def test_limits_are_read(text: str, limits: object) -> None:
    assert parse_limits(text) == limits


@pytest.mark.parametrize("text", ["", "60", "60/", "60/1w", "0/1m", "5/0s", "60/1m,", "-1/1m"])
def test_limits_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="limits: "):
        parse_limits(text)
