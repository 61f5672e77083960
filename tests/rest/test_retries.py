"""The HTTP client: which failures are tried again, how long it waits, and when it gives up."""

import threading
import time

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import Stopped, TargetUnavailable
from syncd.rest import Bounds, retry_after
from tests.worlds.rest_server import Places, Reply, World


@pytest.mark.parametrize("passing", [408, 425, 500, 502, 503, 504, httpx.ReadTimeout("x"), httpx.ConnectError("x")])
def test_what_may_pass_is_tried_again(passing: Reply) -> None:
    world = World(passing, passing, 200)
    assert world.get().status == 200
    assert len(world.requests) == 3
    assert len(world.slept) == 2


def test_waits_grow_and_differ() -> None:
    waits = [World(500, attempts=8) for _ in range(5)]
    for world in waits:
        with pytest.raises(TargetUnavailable):
            world.get()
    assert len({tuple(world.slept) for world in waits}) == 5
    assert max(max(world.slept) for world in waits) > 2
    assert all(0.1 <= wait <= 60 for world in waits for wait in world.slept)


def test_attempts_are_bounded() -> None:
    world = World(500, attempts=4)
    with pytest.raises(TargetUnavailable, match="4 times"):
        world.get()
    assert len(world.requests) == 4


def test_the_time_of_failing_is_bounded() -> None:
    world = World(500, attempts=1000, bounds=Bounds(deadline=100))
    with pytest.raises(TargetUnavailable):
        world.get()
    assert sum(world.slept) <= 100


@pytest.mark.parametrize(
    ("reply", "in_doubt"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (408, False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (httpx.WriteError("cut"), True),
        (503, True),
    ],
)
def test_doubt_remains_only_where_an_attempt_may_have_been_carried_out(reply: Reply, in_doubt: bool) -> None:
    with pytest.raises(TargetUnavailable) as raised:
        World(reply, attempts=2).get()
    assert raised.value.in_doubt is in_doubt


def test_the_sends_that_may_have_arrived_are_counted() -> None:
    assert World(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 200).get().attempts == 2


def test_a_429_waits_as_long_as_it_says_and_is_no_failure() -> None:
    world = World(*[httpx.Response(429, headers={"Retry-After": "7"}) for _ in range(50)], 200, attempts=2)
    assert world.get().status == 200
    assert world.slept == [7.0] * 50


def test_a_429_without_a_time_backs_off() -> None:
    world = World(429, 429, 200)
    world.get()
    assert all(wait >= 1 for wait in world.slept)


def test_a_429_pauses_the_budget_which_does_the_waiting() -> None:
    places = Places()
    world = World(httpx.Response(429, headers={"Retry-After": "30"}), 200, budget=places)
    world.get()
    assert (places.pauses, places.taken, places.free, world.slept) == ([30.0], 2, 2, [])


def test_a_429_for_hours_ends_when_asked_to_stop() -> None:
    stopping = threading.Event()
    world = World(429, stopping=stopping, sleep=lambda _: stopping.set())
    with pytest.raises(Stopped):
        world.get()


def test_every_attempt_takes_a_place() -> None:
    places = Places()
    World(500, httpx.ReadTimeout("x"), 200, budget=places).get()
    assert (places.taken, places.free) == (3, 3)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "has a host name that DNS does not know"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "could not be reached"),
    ],
)
def test_why_a_server_cannot_be_reached_is_told(error: Exception, told: str) -> None:
    with pytest.raises(TargetUnavailable, match=rf"\(api\.example\.com\) {told}"):
        World(error).get()


def test_a_503_may_ask_for_time() -> None:
    world = World(httpx.Response(503, headers={"Retry-After": "20"}), 200)
    world.get()
    assert world.slept[0] >= 20


def test_stopping_ends_a_wait() -> None:
    stopping = threading.Event()
    world = World(500, stopping=stopping, sleep=stopping.wait)
    threading.Timer(0.1, stopping.set).start()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        world.get()
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
        (
            {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            30.5,
        ),
        ({"Retry-After": "Wed, 21 Oct 2026 07:00:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_on_the_servers_clock(headers: dict[str, str], seconds: float) -> None:
    assert retry_after({name.lower(): value for name, value in headers.items()}) == seconds


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_retry_after_breaks_the_client(text: str) -> None:
    assert retry_after({"retry-after": text}) >= 0


def test_the_last_failure_of_a_request_announces_no_wait() -> None:
    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(TargetUnavailable, match=r"status 503 \(GET /contacts was tried 6 times\)"),
    ):
        World(*[503] * 6).get()
    assert ["seconds" in line for line in logs] == [True] * 5 + [False]
