"""The HTTP client of a connector: renewed credentials, its own rules, and addresses that a server names."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import httpx
import pytest

from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Client, Verdict, same_origin, source_failures

FAILURES = source_failures("the CRM", key="check options.secrets")


class Keys:
    """Credentials that change to their next key at each renewal, if there is one."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": self.keys[0]}

    def renew(self, refused: Mapping[str, str]) -> bool:
        self.keys = self.keys[1:] or self.keys
        return self.keys[0] != refused["Authorization"]


class World:
    """A server that accepts the key ``good`` and answers with ``reply``."""

    def __init__(self, reply: Callable[[httpx.Request], httpx.Response] | None = None, **options: object) -> None:
        self.requests: list[httpx.Request] = []
        self.keys: list[str | None] = []
        self.slept: list[float] = []
        self.reply = reply or self._locked
        settings = {"failures": FAILURES, "sleep": self.slept.append, **options}
        self.client = Client(
            "https://crm.example.com/v1",
            headers={},
            transport=httpx.MockTransport(self._answer),
            **settings,  # type: ignore[arg-type]
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.keys.append(request.headers.get("authorization"))
        return self.reply(request)

    def _locked(self, request: httpx.Request) -> httpx.Response:
        good = request.headers.get("authorization") == "good"
        return httpx.Response(200 if good else 401, json={})


def test_a_refused_key_is_renewed_once_and_the_request_sent_again() -> None:
    world = World(credentials=Keys("old", "good"))
    assert world.client.request("GET", "/x").status == 200
    assert world.keys == ["old", "good"]
    assert world.slept in ([], [0.0])


@pytest.mark.parametrize("keys", [("old",), ("old", "older"), ("old", "older", "good")])
def test_a_second_refusal_is_final_and_the_sources_own(keys: tuple[str, ...]) -> None:
    world = World(credentials=Keys(*keys))
    with pytest.raises(SourceDenied, match=r"check options\.secrets"):
        world.client.request("GET", "/x")
    assert len(world.requests) <= 2


def test_a_403_renews_nothing() -> None:
    world = World(lambda _: httpx.Response(403), credentials=Keys("old", "good"))
    with pytest.raises(SourceDenied):
        world.client.request("GET", "/x")
    assert len(world.requests) == 1


def judge(answer: Answer) -> Verdict | None:
    said = answer.body.get("say") if isinstance(answer.body, dict) else None
    return {
        "empty": Verdict("accept", "empty"),
        "later": Verdict("retry", "is being moved", seconds=3),
        "slow": Verdict("wait", seconds=7),
        "bad": Verdict("fail", error=SourceInvalid("it says: bad")),
    }.get(str(said))


def test_a_rule_comes_before_the_status() -> None:
    world = World(lambda _: httpx.Response(404, json={"say": "empty"}), judge=judge)
    assert world.client.request("GET", "/x").verdict == "empty"
    world = World(lambda _: httpx.Response(200, json={"say": "bad"}), judge=judge)
    with pytest.raises(SourceInvalid, match="it says: bad"):
        world.client.request("GET", "/x")


def test_a_rule_may_say_that_an_answer_is_a_failure() -> None:
    world = World(lambda _: httpx.Response(200, json={"say": "later"}), judge=judge, attempts=3)
    with pytest.raises(SourceUnavailable, match=r"is being moved \(GET /x was tried 3 times\)"):
        world.client.request("GET", "/x")
    assert all(wait >= 3 for wait in world.slept)


def test_a_rule_may_say_that_it_is_too_early() -> None:
    replies = [httpx.Response(400, json={"say": "slow"}), httpx.Response(200, json={})]
    world = World(lambda _: replies.pop(0), judge=judge)
    assert world.client.request("GET", "/x").status == 200
    assert world.slept == [7.0]


def test_waiting_for_limits_has_an_end_if_it_is_asked_for() -> None:
    world = World(lambda _: httpx.Response(429, headers={"Retry-After": "86400"}), patience=120)
    with pytest.raises(SourceUnavailable, match="for longer than syncd waits"):
        world.client.request("GET", "/x")
    assert world.slept == []


def test_an_address_of_the_same_origin_is_followed_with_the_key() -> None:
    world = World(credentials=Keys("good"))
    world.client.request("GET", "https://crm.example.com/v1/next?page=2")
    assert str(world.requests[0].url) == "https://crm.example.com/v1/next?page=2"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com/v1/next",
        "http://crm.example.com/v1/next",
        "https://crm.example.com:8443/v1",
        "https://crm.example.com@evil.example.com/",
        "https://x@crm.example.com/",
        "https://[",
    ],
)
def test_an_address_of_another_origin_gets_no_request(address: str) -> None:
    world = World(credentials=Keys("good"))
    with pytest.raises(SourceInvalid, match="another host"):
        world.client.request("GET", address)
    assert world.requests == []


def test_the_default_port_is_no_other_origin() -> None:
    assert same_origin("https://crm.example.com:443/a", "https://CRM.example.com/b")
    assert not same_origin("https://crm.example.com", "not a url")


def test_a_query_is_added_to_what_an_address_has() -> None:
    world = World(credentials=Keys("good"))
    world.client.request("GET", "https://crm.example.com/v1/next?page=2", params={"size": 5})
    assert dict(world.requests[0].url.params) == {"page": "2", "size": "5"}


def test_a_form_is_sent_as_one() -> None:
    world = World(credentials=Keys("good"))
    world.client.request("POST", "/token", form={"grant_type": "refresh_token", "scope": "a b"})
    assert world.requests[0].content == b"grant_type=refresh_token&scope=a+b"
    assert world.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_headers_that_are_asked_for_are_kept() -> None:
    world = World(
        lambda _: httpx.Response(200, json={}, headers={"Link": "<x>", "X-Other": "y"}), keep_headers={"link"}
    )
    assert dict(world.client.request("GET", "/x").headers) == {"link": "<x>"}


def test_fractions_keep_their_digits_when_asked() -> None:
    world = World(lambda _: httpx.Response(200, content=b'{"n": 1.10}'), exact=True)
    assert world.client.request("GET", "/x").body == {"n": Decimal("1.10")}


def test_the_query_of_an_address_is_in_no_message() -> None:
    world = World(lambda _: httpx.Response(404, json={}))
    with pytest.raises(SourceInvalid) as raised:
        world.client.request("GET", "https://crm.example.com/v1/next?token=5550100")
    assert "5550100" not in str(raised.value)
