"""What the connector makes of a server's answers: refusals, floods, redirects, and lists that are no lists."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from tests.worlds.rest_api_world import ANN, BOB, World


def test_a_list_that_is_not_there_is_no_empty_list() -> None:
    with pytest.raises(SourceInvalid, match=r"answer to GET /people has no list at 'data': correct records\.path"):
        World(lambda _: {"items": []}, records={"path": "data"}).read()


def test_an_id_that_no_record_has_is_told_before_anything_is_read() -> None:
    with pytest.raises(SourceInvalid, match=r"no record has anything at 'ident': correct records\.id"):
        World(lambda _: [ANN, BOB], records={"id": "ident"}).connector.check()


def test_a_rule_that_asks_for_a_full_read_of_a_full_read_is_told() -> None:
    world = World(lambda _: httpx.Response(400), errors=[{"status": 400, "do": "full"}])
    for reading in (world.connector.check, world.read):
        with pytest.raises(SourceInvalid, match="do: full"):
            reading()


def test_no_answer_at_all_is_no_empty_list() -> None:
    with pytest.raises(SourceUnavailable, match="the answer was empty"):
        World(lambda _: httpx.Response(200, content=b"")).read()
    with pytest.raises(SourceUnavailable, match="a gateway answered with a page"):
        World(lambda _: httpx.Response(200, text="<html>sign in</html>")).read()


def test_an_answer_that_is_too_long_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(b"[" + b" " * 5_000_000 + b"]")
    packed = httpx.Response(200, content=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceUnavailable, match="longer than allowed"):
        World(lambda _: packed, max_answer=100_000).read()


def test_more_records_than_allowed_are_an_error() -> None:
    with pytest.raises(SourceInvalid, match="more than 1 records"):
        World(lambda _: [ANN, BOB], max_records=1).read()


def test_a_server_that_repeats_a_page_leaves_the_read_unproved() -> None:
    paging: dict[str, Any] = {"request": {"path": "/people", "query": {"page": "{page}"}}, "page": {"by": "number"}}
    rows, end = World(lambda _: [ANN, BOB], **paging).read()
    assert len(rows) == 2
    assert (end.proof, end.cursor) == ("unproved", None)
    assert "a page came twice" in end.why


def test_the_key_goes_to_no_other_host() -> None:
    paging: dict[str, Any] = {"page": {"by": "next_url", "from": "next"}, "records": {"path": "data"}}
    world = World(
        lambda _: {"data": [ANN], "next": "https://evil.example.com/people?page=2"},
        **paging,
        auth={"headers": {"Authorization": "Bearer {key}"}},
        secrets={"key": "hush"},
    )
    with pytest.raises(SourceInvalid, match="another host, to which the key is not sent"):
        world.read()
    assert {request.url.host for request in world.requests} == {"crm.example.com"}


def test_a_redirect_is_not_followed() -> None:
    moved = httpx.Response(302, headers={"Location": "https://evil.example.com/"})
    with pytest.raises(SourceInvalid, match="not followed"):
        World(lambda _: moved).read()


def test_a_key_in_the_query_is_sent_with_every_page_and_told_nowhere() -> None:
    def answer(request: httpx.Request) -> Any:
        return {"data": [ANN], "next": "/v1/people?page=2"} if "page" not in request.url.params else {"data": [BOB]}

    world = World(
        answer,
        page={"by": "next_url", "from": "next"},
        records={"path": "data"},
        auth={"query": {"api_key": "{key}"}},
        secrets={"key": "hush"},
    )
    rows, _ = world.read()
    assert len(rows) == 2
    assert set(world.asked("api_key")) == {"hush"}


def test_basic_signs_every_request() -> None:
    world = World(lambda _: [ANN], auth={"basic": {"user": "{key}", "password": ""}}, secrets={"key": "k"})
    world.read()
    assert {request.headers["authorization"] for request in world.requests} == {"Basic azo="}


def test_a_refusal_is_told_in_the_servers_words_and_ours() -> None:
    body = {"message": "this key lacks the scope contacts.read", "code": "FORBIDDEN"}
    world = World(lambda _: httpx.Response(403, json=body))
    expected = (
        r'crm answered with status 403, FORBIDDEN: "this key lacks the scope contacts\.read": check options\.secrets'
    )
    with pytest.raises(SourceDenied, match=expected):
        world.connector.check()


def test_a_limit_without_end_is_left_for_later() -> None:
    world = World(lambda _: httpx.Response(429, headers={"Retry-After": "3600"}), patience="1m")
    with pytest.raises(SourceUnavailable, match="later"):
        world.read()
    assert sum(world.slept) <= 60


def test_a_rule_makes_silence_an_empty_list() -> None:
    rows, end = World(lambda _: httpx.Response(304), errors=[{"status": 304, "do": "empty"}]).read()
    assert (rows, end.proof) == ([], "complete")


def test_a_path_that_is_not_there_is_told_with_the_request() -> None:
    world = World(lambda _: httpx.Response(404, json={"message": "nothing here"}))
    with pytest.raises(SourceInvalid, match=r'404: "nothing here" \(it was asked for GET /people\)'):
        world.connector.check()


def test_a_short_key_is_hidden_in_the_servers_words_and_not_in_ours() -> None:
    world = World(lambda _: httpx.Response(401, json={"message": "no key r"}), **KEYED, secrets={"key": "r"})
    with pytest.raises(SourceDenied, match=r'^crm answered with status 401: "no key …": check options\.secrets'):
        world.connector.check()


KEYED: dict[str, Any] = {"auth": {"headers": {"X-Key": "{key}"}}}

TWO: dict[str, Any] = {
    "request": {"path": "/people", "query": {"limit": "{size}", "after": "{token}"}},
    "records": {"path": "data"},
}


def by_token(request: httpx.Request) -> Any:
    if "after" in request.url.params:
        return {"data": [{"id": 3}]}
    return {"data": [ANN, BOB], "paging": {"next": {"after": "x"}}}


def test_a_full_page_and_no_token_where_one_is_looked_for_is_no_whole_list() -> None:
    wrong = {"by": "token", "from": "paging.next.aftr", "size": 2}
    rows, end = World(by_token, **TWO, page=wrong).read()
    assert (len(rows), end.proof) == (2, "unproved")
    assert "nothing at 'paging.next.aftr', the place of the next page: correct page.from" in end.why
    _, end = World(by_token, **TWO, page={**wrong, "from": "paging.next.after"}).read()
    assert end.proof == "complete"


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"paging": {"next": {"after": None}}}, {}),
        ({"paging": {"next": {"after": ""}}}, {}),
        ({"total": 2}, {"total": "total"}),
        ({"more": False}, {"more": "more"}),
        ({}, {"size": 3}),
    ],
)
def test_a_full_page_may_be_the_only_one_where_the_server_says_so(body: dict[str, Any], more: dict[str, Any]) -> None:
    page = {"by": "token", "from": "paging.next.after", "size": 2, **more}
    _, end = World(lambda _: {"data": [ANN, BOB], **body}, **TWO, page=page).read()
    assert end.proof == "complete"
