"""OAuth tokens: renewed ahead of time, exchanged once, and never lost."""

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from connectors.http_parts.sign_in import Grant, OAuth2, Static, basic, judge_tokens
from connectors.http_parts.tokens import TokenFile, Tokens
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Client, source_failures

URL = "https://login.example.com/oauth/token?tenant=a"


class Server:
    """A token server that exchanges each refresh token once, for a new one."""

    def __init__(self, *, rotates: bool = True) -> None:
        self.rotates = rotates
        self.good = "r0"
        self.count = 0
        self.forms: list[dict[str, str]] = []
        self.headers: list[httpx.Headers] = []
        self.before_answer: Callable[[], None] = lambda: None
        self.reply: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.forms.append(form)
        self.headers.append(request.headers)
        if self.reply:
            return self.reply
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.good:
            body = {"error": "invalid_grant", "error_description": "the refresh token was used before"}
            return httpx.Response(400, json=body)
        self.count += 1
        told: dict[str, Any] = {"access_token": f"a{self.count}", "expires_in": 1800}
        if self.rotates and form["grant_type"] == "refresh_token":
            self.good = told["refresh_token"] = f"r{self.count}"
        self.before_answer()
        return httpx.Response(200, json=told)


class World:
    def __init__(self, folder: Path, server: Server, **grant: Any) -> None:
        self.server = server
        self.now = 1000.0
        self.path = folder / "tokens.json"
        self.grant = Grant(
            **{"token_url": URL, "client_id": "id", "client_secret": "s", "refresh_token": "r0", **grant}
        )

    def oauth(self) -> OAuth2:
        return OAuth2(self.grant, TokenFile(self.path), self.client, clock=lambda: self.now)

    def client(self) -> Client:
        return Client(
            "https://login.example.com",
            headers={},
            transport=httpx.MockTransport(self.server),
            sleep=lambda _: None,
            attempts=2,
            judge=judge_tokens,
            failures=source_failures("login.example.com", key="check the client"),
        )


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def world(tmp_path: Path, server: Server) -> World:
    return World(tmp_path, server)


def signed(oauth: OAuth2) -> str:
    return oauth.headers()["Authorization"]


def test_a_token_is_got_once_and_renewed_ahead_of_its_end(world: World) -> None:
    oauth = world.oauth()
    assert (signed(oauth), signed(oauth)) == ("Bearer a1", "Bearer a1")
    world.now += 1800 - 120
    assert signed(oauth) == "Bearer a2"
    assert [form["refresh_token"] for form in world.server.forms] == ["r0", "r1"]


def test_another_process_goes_on_with_the_kept_tokens(world: World) -> None:
    assert signed(world.oauth()) == "Bearer a1"
    assert signed(world.oauth()) == "Bearer a1"
    world.now += 1800
    assert signed(world.oauth()) == "Bearer a2"


def test_a_server_that_keeps_the_refresh_token_is_fine(tmp_path: Path) -> None:
    world = World(tmp_path, Server(rotates=False))
    signed(world.oauth())
    world.now += 1800
    assert signed(world.oauth()) == "Bearer a2"
    assert [form["refresh_token"] for form in world.server.forms] == ["r0", "r0"]


def test_a_refused_token_is_exchanged_though_it_has_not_ended(world: World) -> None:
    oauth = world.oauth()
    refused = oauth.headers()
    assert oauth.renew(refused)
    assert signed(oauth) == "Bearer a2"
    assert oauth.renew(refused)  # another thread's refusal: there is a newer one already
    assert world.server.count == 2


def test_a_short_life_is_used_for_half_of_it(world: World) -> None:
    world.server.reply = httpx.Response(200, json={"access_token": "x", "expires_in": 60})
    oauth = world.oauth()
    signed(oauth)
    world.now += 29
    signed(oauth)
    assert len(world.server.forms) == 1


def test_the_file_is_the_owners_alone_and_replaced_at_once(world: World) -> None:
    signed(world.oauth())
    assert stat.S_IMODE(world.path.stat().st_mode) == 0o600
    assert [each.name for each in world.path.parent.iterdir() if each.suffix == ".new"] == []


def test_that_tokens_can_be_kept_is_proved_before_any_is_exchanged(world: World) -> None:
    world.path = world.path.parent / "absent" / "tokens.json"
    with pytest.raises(SourceInvalid, match=r"auth\.oauth2\.tokens"):
        signed(world.oauth())
    assert world.server.forms == []


def test_the_new_refresh_token_is_on_disk_before_the_access_token_is_used(world: World) -> None:
    signed(world.oauth())
    [entry] = json.loads(world.path.read_text()).values()
    assert (entry["refresh"], entry["exchanging"]) == ("r1", False)


def test_a_crash_between_the_answer_and_the_file_is_named(world: World) -> None:
    class Crash(BaseException):
        pass

    def crash() -> None:
        raise Crash

    world.server.before_answer = crash
    with pytest.raises(Crash):
        signed(world.oauth())
    world.server.before_answer = lambda: None
    with pytest.raises(SourceDenied, match=r"broken off, so its answer.* may be lost: get a new refresh token"):
        signed(world.oauth())


def test_an_answer_that_was_lost_on_the_way_is_asked_for_again(tmp_path: Path) -> None:
    server = Server(rotates=False)
    world = World(tmp_path, server)
    failing = iter([httpx.ReadTimeout("lost")])

    def lose() -> None:
        for error in failing:
            raise error

    server.before_answer = lose
    assert signed(world.oauth()) == "Bearer a2"


def test_a_new_refresh_token_in_the_configuration_replaces_the_kept_one(world: World) -> None:
    signed(world.oauth())
    world.now += 1800
    world.server.good = "fresh"
    world.grant = Grant(token_url=URL, client_id="id", client_secret="s", refresh_token="fresh")
    assert signed(world.oauth()) == "Bearer a2"


def test_a_refused_refresh_token_says_why_and_what_to_do(world: World) -> None:
    world.server.good = "other"
    with pytest.raises(
        SourceDenied, match=r'invalid_grant: "the refresh token was used before"\): get a new'
    ) as raised:
        signed(world.oauth())
    assert "broken off" not in str(raised.value)
    with pytest.raises(SourceDenied) as again:
        signed(world.oauth())
    assert "broken off" not in str(again.value)
    assert len(world.server.forms) == 2


def test_a_token_server_that_fails_is_unavailable_and_forgets_nothing(world: World) -> None:
    world.server.reply = httpx.Response(503)
    with pytest.raises(SourceUnavailable):
        signed(world.oauth())
    world.server.reply = None
    assert signed(world.oauth()) == "Bearer a1"


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": 5}])
def test_an_answer_without_a_token_is_no_token(world: World, body: dict[str, Any]) -> None:
    world.server.reply = httpx.Response(200, json=body)
    with pytest.raises(SourceUnavailable, match="without an access token"):
        signed(world.oauth())


def test_two_processes_exchange_a_token_once(world: World) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(signed(world.oauth()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Bearer a1"] * 8
    assert world.server.count == 1


def test_client_credentials_need_no_refresh_token(tmp_path: Path, server: Server) -> None:
    world = World(tmp_path, server, kind="client_credentials", refresh_token="", fields={"scope": "x/.default"})
    assert signed(world.oauth()) == "Bearer a1"
    assert server.forms == [
        {"grant_type": "client_credentials", "scope": "x/.default", "client_id": "id", "client_secret": "s"}
    ]


def test_the_client_may_sign_by_a_header_and_the_token_have_a_prefix_of_its_own(tmp_path: Path, server: Server) -> None:
    world = World(tmp_path, server, client_auth="basic", header="Zoho-oauthtoken {access_token}")
    assert signed(world.oauth()) == "Zoho-oauthtoken a1"
    assert server.headers[0]["authorization"] == basic("id", "s")
    assert "client_secret" not in server.forms[0]


def test_a_file_that_is_none_of_tokens_is_named(world: World) -> None:
    world.path.write_text("x")
    with pytest.raises(SourceInvalid, match=r"tokens\.json: this is no file of tokens"):
        signed(world.oauth())


def test_grants_share_a_file(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.write("a", Tokens("1"))
    file.write("b", Tokens("2"))
    assert (file.read("a"), file.read("b"), file.read("c")) == (Tokens("1"), Tokens("2"), Tokens())


def test_nothing_secret_is_shown() -> None:
    grant = Grant(token_url=URL, client_id="id", client_secret="hush", refresh_token="hush")
    assert "hush" not in repr([grant, Tokens("hush"), Static({"Authorization": "hush"})])


API: dict[str, Any] = {"api": "instance_url", "under": ("crm.example.com", "crm.example.org")}


def told(server: Server, api: object) -> None:
    server.reply = httpx.Response(200, json={"access_token": "a1", "expires_in": 1800, "instance_url": api})


@pytest.mark.parametrize("api", ["https://eu1.crm.example.com", "https://CRM.example.org/"])
def test_the_api_is_where_the_token_server_says(tmp_path: Path, server: Server, api: str) -> None:
    told(server, api)
    world = World(tmp_path, server, **API)
    assert world.oauth().api() == world.oauth().api() == api.rstrip("/")
    assert len(server.forms) == 1


@pytest.mark.parametrize(
    "api",
    [
        "https://evil.example.com",
        "https://crm.example.com.evil.net",
        "https://evilcrm.example.com",
        "http://eu1.crm.example.com",
        "https://eu1.crm.example.com:8443",
        "https://eu1.crm.example.com@evil.net",
        "https://evil.net/.crm.example.com",
        "https://crm.example.com/path",
        "https://crm.example.com?x=1",
        "//crm.example.com",
        "https://[",
        "",
        None,
        7,
    ],
)
def test_an_api_elsewhere_gets_no_token_and_the_refresh_token_is_kept(
    tmp_path: Path, server: Server, api: object
) -> None:
    server.reply = httpx.Response(200, json={"access_token": "a1", "refresh_token": "r1", "instance_url": api})
    world = World(tmp_path, server, **API)
    for ask in (world.oauth().api, world.oauth().headers):
        with pytest.raises(SourceInvalid, match=r"under crm\.example\.com, crm\.example\.org only: correct auth"):
            ask()
    assert TokenFile(world.path).read(world.grant.name).refresh == "r1"


def test_tokens_of_before_are_no_good_for_an_address_that_they_do_not_tell(tmp_path: Path, server: Server) -> None:
    signed(World(tmp_path, server).oauth())
    told(server, "https://crm.example.com")
    assert World(tmp_path, server, **API).oauth().api() == "https://crm.example.com"


def test_a_new_token_for_another_address_is_not_sent_to_the_old_one(tmp_path: Path, server: Server) -> None:
    told(server, "https://eu1.crm.example.com")
    world = World(tmp_path, server, **API)
    oauth = world.oauth()
    oauth.api()
    told(server, "https://eu2.crm.example.com")
    world.now += 1800
    with pytest.raises(SourceUnavailable, match="another address of the API: try again later"):
        signed(oauth)
    assert world.oauth().api() == "https://eu2.crm.example.com"
