"""The HTTP client: what a status and a body mean, what is final, and what is never logged or shown."""

import ssl
import threading

import httpx
import pytest
import structlog

from syncd.errors import AccessDenied, ConfigError, SourceUnavailable, TargetRefused
from syncd.rest import TARGET, Bounds, Client, Failures, surroundings
from syncd.surroundings.certificates import VARIABLES
from tests.worlds.rest_server import KEY, OK, World

PAGE = "<html><body>Bad Gateway</body></html>"


def test_an_answer_is_parsed() -> None:
    answer = World(200).get()
    assert (answer.status, answer.body, answer.is_json, answer.attempts) == (200, OK, True, 1)


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
        (b'"' + b"x" * 2000 + b'"', "the answer was longer than allowed (max_answer)"),
    ],
)
def test_what_is_not_json_is_an_answer_without_a_body(content: bytes, problem: str) -> None:
    answer = World(
        httpx.Response(200, content=content), bounds=Bounds(max_answer=1000 if b"x" in content else 1 << 20)
    ).get()
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
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    surroundings.authorities.cache_clear()
    read: list[bool] = []
    real = httpx.create_ssl_context

    def counted(*, trust_env: bool) -> ssl.SSLContext:
        read.append(trust_env)
        return real(trust_env=trust_env)

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    for host in ("127.0.0.1", "api.example.com", "127.0.0.1", "crm.example.com"):
        Client(f"https://{host}/v1", headers={}).close()
    assert read == [False]


def test_threads_share_a_client() -> None:
    world = World(200)
    threads = [threading.Thread(target=lambda: [world.get() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.requests) == 80
