"""The client: what is tried again, what is final, what a status means, and what is never told."""

import ssl
import threading
import time
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import AccessDenied, ConfigError, SourceUnavailable, Stopped, TargetRefused, TargetUnavailable
from syncd.rest import TARGET, Answer, Client, Failures, retry_after
from syncd.rest import client as rest

KEY = "a-very-secret-key"
OK: dict[str, Any] = {"fields": []}
PAGE = "<html><body>Bad Gateway</body></html>"


Reply = int | Exception | httpx.Response


class Places:
    """A budget that counts."""

    def __init__(self) -> None:
        self.taken = 0
        self.free = 0
        self.pauses: list[float] = []

    def take(self) -> float:
        self.taken += 1
        return float(self.taken)

    def answered(self, place: float) -> None:
        self.free += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class World:
    """A server that answers as told, one reply after another (the last one for ever), and a client of it."""

    def __init__(self, *replies: Reply, budget: Places | None = None, **options: Any) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.budget = budget
        self.client = Client(
            "https://api.example.com/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            transport=httpx.MockTransport(self._reply),
            budget=budget,
            **{"sleep": self.slept.append, **options},
        )

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(reply, json=OK if reply < 400 else {"error": {"code": reply, "type": "SOME_TYPE"}})

    def get(self, path: str = "/contacts", **options: Any) -> Answer:
        return self.client.request("GET", path, **options)


def test_an_answer_is_parsed() -> None:
    answer = World(200).get()
    assert (answer.status, answer.body, answer.is_json, answer.attempts) == (200, OK, True, 1)


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
    world = World(500, attempts=1000, max_wait=100)
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


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_at_once_and_names_the_remedy(status: int) -> None:
    world = World(status)
    with pytest.raises(AccessDenied, match=r"portal.*support@vocatech\.com") as raised:
        world.get()
    assert len(world.requests) == 1
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 422])
def test_other_refusals_are_final(status: int) -> None:
    world = World(status)
    with pytest.raises(TargetRefused, match=f"status {status}, SOME_TYPE") as raised:
        world.get()
    assert (raised.value.status, len(world.requests)) == (status, 1)


def test_a_refusal_that_the_caller_reads_is_returned() -> None:
    answer = World(422).get(returned={422})
    assert (answer.status, answer.is_json) == (422, True)


def test_a_servers_message_is_never_repeated() -> None:
    told = {"error": {"code": 404, "type": "Pat Example is unknown", "message": "Pat Example, 212 555 0100"}}
    with pytest.raises(TargetRefused) as raised:
        World(httpx.Response(404, json=told)).get(params={"search": "Pat Example"})
    assert "Pat" not in str(raised.value)
    assert "555" not in str(raised.value)


def test_a_page_of_a_gateway_is_told_from_an_answer() -> None:
    with pytest.raises(TargetRefused, match="a gateway answered with a page"):
        World(httpx.Response(404, text=PAGE)).get()
    answer = World(httpx.Response(200, text=PAGE)).get()
    assert (answer.is_json, answer.body, answer.problem) == (False, None, "a gateway answered with a page")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the answer was empty"),
        (b'{"contacts": [', "the answer was cut off or is not JSON"),
        (b"[" * 100_000, "the answer was cut off or is not JSON"),
        (b"\xff\xfe\x00", "the answer was cut off or is not JSON"),
        (b'"' + b"x" * 2000 + b'"', "the answer was longer than allowed"),
    ],
)
def test_what_is_not_json_is_an_answer_without_a_body(content: bytes, problem: str) -> None:
    answer = World(httpx.Response(200, content=content), max_bytes=1000 if b"x" in content else 1 << 20).get()
    assert (answer.is_json, answer.problem) == (False, problem)


def test_a_redirect_is_not_followed() -> None:
    world = World(httpx.Response(302, headers={"Location": "https://evil.example.com/"}))
    with pytest.raises(TargetRefused, match="not followed"):
        world.get()
    assert [request.url.host for request in world.requests] == ["api.example.com"]


def test_a_delete_carries_its_body() -> None:
    world = World(200)
    world.client.request("DELETE", "/contacts", json={"ids": [1, 2]})
    request = world.requests[0]
    assert (request.method, request.content) == ("DELETE", b'{"ids":[1,2]}')
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "number", ["18446744073709551615", "18446744073709551617", "-9223372036854775809", "100200300400500600700800"]
)
def test_a_number_of_an_answer_keeps_all_its_digits(number: str) -> None:
    content = f'{{"contacts": [{{"fields": {{"External ID":{number}}}}}]}}'.encode()
    answer = World(httpx.Response(200, content=content)).get()
    assert answer.body == {"contacts": [{"fields": {"External ID": int(number)}}]}


def test_half_of_a_surrogate_pair_can_be_sent() -> None:
    world = World(200)
    world.client.request("POST", "/contacts", json={"Company": "\ud83d"})
    assert world.requests[0].content == b'{"Company":"\\ud83d"}'


def test_failures_are_raised_as_the_caller_wants_them() -> None:
    source = Failures(
        who="the CRM",
        key="check options.token",
        refused=lambda message, status: SourceUnavailable(message),
        unavailable=lambda message, in_doubt: SourceUnavailable(message),
    )
    with pytest.raises(SourceUnavailable, match="the CRM"):
        World(404, failures=source).get()
    with pytest.raises(AccessDenied, match=r"check options\.token"):
        World(401, failures=source).get()


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel", " blank "])
def test_a_key_that_http_cannot_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Client("https://api.example.com", headers={"Authorization": key}, failures=TARGET)
    assert key.strip() not in str(raised.value)


def test_nothing_private_is_logged() -> None:
    world = World(httpx.ConnectError(f"to {KEY}"), 429, 503, 200)
    with structlog.testing.capture_logs() as logs:
        world.client.request("POST", "/contacts", params={"search": "Pat"}, json={"Contact": "Pat"})
    assert [line["event"] for line in logs] == ["request_failed", "request_limited", "request_failed"]
    assert KEY not in str(logs)
    assert "Pat" not in str(logs)


def test_certificates_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    rest._authorities.cache_clear()
    read: list[bool] = []
    real = httpx.create_ssl_context

    def counted(*, trust_env: bool) -> ssl.SSLContext:
        read.append(trust_env)
        return real(trust_env=trust_env)

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    for host in ("127.0.0.1", "api.example.com", "127.0.0.1", "crm.example.com"):
        Client(f"https://{host}/v1", headers={}).close()
    assert read == [False, True]


def test_threads_share_a_client() -> None:
    world = World(200)
    threads = [threading.Thread(target=lambda: [world.get() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.requests) == 80


def test_the_last_failure_of_a_request_announces_no_wait() -> None:
    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(TargetUnavailable, match=r"status 503 \(GET /contacts was tried 6 times\)"),
    ):
        World(*[503] * 6).get()
    assert ["seconds" in line for line in logs] == [True] * 5 + [False]
