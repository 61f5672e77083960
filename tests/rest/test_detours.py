"""The HTTP client: a gateway's page is no answer of the API, and a redirect names the address to write."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from syncd.errors import AccessDenied, SourceInvalid, TargetMoved, TargetRefused, TargetUnavailable
from syncd.rest import Bounds, source_failures
from tests.worlds.rest_server import KEY, World

HTML = {"content-type": "text/html; charset=UTF-8"}
PAGE = "<!DOCTYPE html><title>Just a moment...</title>"


def page(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, text=PAGE, headers={**HTML, **headers})


@pytest.mark.parametrize(
    "answer",
    [
        page(403),
        page(401),
        page(407),
        page(403, **{"cf-mitigated": "challenge"}),
        page(503, **{"cf-mitigated": "challenge"}),
        page(200, **{"cf-mitigated": "challenge"}),
        httpx.Response(202, headers={"x-amzn-waf-action": "challenge"}),
        httpx.Response(405, headers={"x-amzn-waf-action": "captcha"}, text=""),
        httpx.Response(403, text="  <html><body>Access Denied</body></html>"),
        httpx.Response(403, text="error code: 1020", headers={"content-type": "text/plain; charset=UTF-8"}),
    ],
)
def test_a_page_of_a_gateway_is_temporary_and_no_refusal_of_the_key(answer: httpx.Response) -> None:
    with pytest.raises(TargetUnavailable, match="a gateway's page, not the API's answer") as raised:
        World(answer, bounds=Bounds()).get()
    assert "key" not in str(raised.value)
    assert "try again later" in str(raised.value)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b'{"error": {}}', b"", b"Forbidden"])
def test_a_refusal_that_is_no_page_is_the_key_s(status: int, body: bytes) -> None:
    with pytest.raises(AccessDenied):
        World(httpx.Response(status, content=body)).get()


def test_a_page_that_says_that_it_is_too_early_is_not_waited_for_without_end() -> None:
    world = World(page(429, **{"retry-after": "7"}), attempts=3)
    with pytest.raises(TargetUnavailable, match="tried 3 times"):
        world.get()
    assert len(world.requests) == 3
    assert max(world.slept) >= 7


@pytest.mark.parametrize(("status", "in_doubt"), [(403, False), (401, False), (202, True)])
def test_what_a_gateway_refuses_never_reached_the_api(status: int, in_doubt: bool) -> None:
    with pytest.raises(TargetUnavailable) as raised:
        World(page(status, **{"cf-mitigated": "challenge"})).client.request("POST", "/contacts", json={})
    assert raised.value.in_doubt is in_doubt


class Keys:
    """Credentials whose second key is good."""

    def __init__(self) -> None:
        self.key = "old"

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": self.key}

    def renew(self, _refused: Mapping[str, str], /) -> bool:
        self.key = "good"
        return True


def test_a_page_that_refuses_an_old_token_lets_it_be_renewed() -> None:
    world = World(page(401), 200, credentials=Keys())
    assert world.get().status == 200
    assert len(world.requests) == 2
    assert world.requests[-1].headers["authorization"] == "good"


def test_a_page_behind_a_wrong_address_is_still_a_refusal() -> None:
    with pytest.raises(TargetRefused, match="check the base URL"):
        World(page(404)).get()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("https://api2.example.com/v2/contacts", "write https://api2.example.com/v2 in target.base_url"),
        ("https://api.example.com:8443/v1/contacts/", "write https://api.example.com:8443/v1 in target.base_url"),
        ("//api.example.org/v1/contacts", "write https://api.example.org/v1 in target.base_url"),
        ("/v3/contacts", "write https://api.example.com/v3 in target.base_url"),
        ("https://login.example.net/", "points to https://login.example.net, which is not followed: check target"),
        ("http://portal.example.net/contacts", "in clear"),
        ("/v1/contacts/", "check target.base_url"),
        ("", "check target.base_url"),
        ("https://", "check target.base_url"),
        ("https://[", "check target.base_url"),
    ],
)
def test_a_redirect_names_the_address_to_write(status: int, location: str, says: str) -> None:
    world = World(httpx.Response(status, headers={"location": location}))
    with pytest.raises(TargetMoved, match="not followed") as raised:
        world.get()
    assert says in str(raised.value)
    assert raised.value.exit_code == 2
    assert [request.url.host for request in world.requests] == ["api.example.com"]


def test_a_redirect_s_user_and_query_are_not_shown() -> None:
    location = f"https://ann:{KEY}@api2.example.com/v1/contacts?token={KEY}#{KEY}"
    with pytest.raises(TargetMoved) as raised:
        World(httpx.Response(301, headers={"location": location})).get()
    assert KEY not in str(raised.value)
    assert "ann" not in str(raised.value)
    assert "write https://api2.example.com/v1 in" in str(raised.value)


def test_a_source_that_moved_names_its_own_setting() -> None:
    gone = httpx.Response(308, headers={"location": "https://id.example.com/oauth/token?x=1"})
    failures = source_failures("crm", key="", address="options.auth.oauth2.token_url", is_base=False)
    with pytest.raises(SourceInvalid) as raised:
        World(gone, failures=failures).get("/token")
    assert "write https://id.example.com/oauth/token in options.auth.oauth2.token_url" in str(raised.value)
