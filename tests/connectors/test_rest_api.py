"""A REST source as a whole: what is proved, what is gone, what it costs, and what a server can do to it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.rest_api.connector import RestApi
from connectors.rest_api.options import RestOptions
from connectors.rest_api.session import Surroundings
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.source import EVERYTHING, End, Needs
from tests.contract.suite import drain, rows_of

NOON = 1_770_000_000.0

Answering = Callable[[httpx.Request], Any]


class World:
    """A server that answers as told (a response, or a body), and a connector of it."""

    def __init__(self, answer: Answering, needs: Needs = EVERYTHING, **options: Any) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = NOON
        said = {"base_url": "https://crm.example.com/v1", "request": {"path": "/people"}, **options}
        around = Surroundings(httpx.MockTransport(self._reply), clock=lambda: self.now, sleep=self.slept.append)
        self.connector = RestApi("crm", RestOptions.model_validate(said), needs, around=around)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answer(request)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    def read(self, cursor: str | None = None) -> tuple[list[dict[str, str]], End]:
        pages, end = drain(self.connector, cursor)
        return rows_of(pages), end

    def asked(self, name: str) -> list[str | None]:
        return [request.url.params.get(name) for request in self.requests]


ANN, BOB = {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}
SINCE: dict[str, Any] = {"request": {"path": "/people", "query": {"since": "{since}", "until": "{until}"}}}
TIME: dict[str, Any] = {**SINCE, "changes": {"by": "time", "form": "unix", "overlap": 60}}


def test_a_plain_list_needs_an_address_and_a_path() -> None:
    rows, end = World(lambda _: [ANN, BOB]).read()
    assert rows == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}]
    assert end.proof == "complete"


def test_nested_values_and_lists_of_phones_are_text() -> None:
    rows, _ = World(lambda _: [{**ANN, "phones": [{"n": "2125550100"}, {"n": "2125550101"}], "a": {"b": 1.50}}]).read()
    assert rows == [{"id": "1", "name": "Ann", "phones.n": "2125550100;2125550101", "a.b": "1.5"}]


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


def test_a_chain_of_merges_ends_at_the_one_that_is_left() -> None:
    merged = [{"id": 1, "into": 2, "gone": True}, {"id": 2, "into": 3, "gone": True}, {"id": 3}]
    inline = {"inline": {"when": "gone", "into": "into"}}
    world = World(lambda request: merged if "since" in request.url.params else [ANN, BOB], **TIME, deletes=inline)
    _, first = world.read()
    _, end = world.read(first.cursor)
    assert (end.merged, end.deleted) == ({"1": "3", "2": "3"}, frozenset())


def test_no_answer_at_all_is_no_empty_list() -> None:
    with pytest.raises(SourceUnavailable, match="the answer was empty"):
        World(lambda _: httpx.Response(200, content=b"")).read()
    with pytest.raises(SourceUnavailable, match="a gateway answered with a page"):
        World(lambda _: httpx.Response(200, text="<html>sign in</html>")).read()


def test_an_answer_that_is_too_long_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(b"[" + b" " * 5_000_000 + b"]")
    packed = httpx.Response(200, content=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceUnavailable, match="longer than allowed"):
        World(lambda _: packed, max_bytes=100_000).read()


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


def test_a_read_asks_for_what_changed_since_the_last_one_began() -> None:
    world = World(lambda _: [ANN], **TIME)
    _, first = world.read()
    world.now += 600
    rows, end = world.read(first.cursor)
    assert world.asked("since")[-1] == str(int(NOON) - 60)
    assert world.asked("until")[-1] == str(int(NOON) + 600)
    assert (len(rows), end.proof) == (1, "partial")


def test_a_server_whose_clock_is_behind_loses_no_change() -> None:
    dated = httpx.Response(200, json=[ANN], headers={"Date": "Mon, 02 Feb 2026 02:00:00 GMT"})  # 40 min before noon
    world = World(lambda _: dated, **TIME)
    _, first = world.read()
    world.read(first.cursor)
    assert int(world.asked("since")[-1] or 0) == int(NOON) - 40 * 60 - 60


def test_a_full_read_comes_again_in_time() -> None:
    world = World(lambda _: [ANN], **TIME, full_every="1h")
    _, first = world.read()
    world.now += 1800
    _, second = world.read(first.cursor)
    world.now += 1800
    _, third = world.read(second.cursor)
    assert [end.proof for end in (first, second, third)] == ["complete", "partial", "complete"]


def test_a_cursor_of_another_version_means_a_full_read() -> None:
    assert World(lambda _: [ANN], **TIME).read('{"version": 0}')[1].proof == "complete"


def test_changes_of_which_some_may_be_missing_are_unproved() -> None:
    paged: dict[str, Any] = {
        "request": {"path": "/people", "query": {"since": "{since}", "page": "{page}"}},
        "page": {"by": "number"},
    }
    world = World(lambda request: [ANN] if request.url.params["page"] == "1" else [], **{**TIME, **paged})
    _, first = world.read()
    world.answer = lambda _: [ANN]
    _, end = world.read(first.cursor)
    assert (end.proof, end.cursor) == ("unproved", None)


def test_the_last_word_of_a_stream_of_changes_counts() -> None:
    def answer(request: httpx.Request) -> Any:
        if "sync" not in request.url.params:
            return {"data": [ANN, BOB], "sync": "s1"}
        edited = [
            {"id": 1, "name": "Ann Lee"},
            {"id": 2, "gone": True},
            {"id": 1, "name": "Ann Poe"},
            {"id": 3, "gone": True},
        ]
        return {"data": [*edited, {"id": 3, "name": "Cy"}], "sync": "s2"}

    world = World(
        answer,
        request={"path": "/people", "query": {"sync": "{cursor}"}},
        records={"path": "data"},
        changes={"by": "token", "from": "sync"},
        deletes={"inline": {"when": "gone"}},
    )
    _, first = world.read()
    rows, end = world.read(first.cursor)
    assert [row["name"] for row in rows] == ["Ann Poe", "Cy"]
    assert end.deleted == {"2"}


def test_a_full_read_in_which_a_record_came_twice_is_not_gone_on_from() -> None:
    pages = {"": {"data": [ANN], "next": "b"}, "b": {"data": [{"id": 1, "name": "Ann Lee"}, BOB], "sync": "s"}}
    world = World(
        lambda request: pages[request.url.params.get("after", "")],
        request={"path": "/people", "query": {"after": "{token}", "sync": "{cursor}"}},
        records={"path": "data"},
        page={"by": "token", "from": "next"},
        changes={"by": "token", "from": "sync"},
    )
    rows, end = world.read()
    assert [row["id"] for row in rows] == ["1", "2"]
    assert (end.proof, end.cursor) == ("complete", None)


def test_a_feed_of_deletes_that_reaches_less_far_back_than_the_last_read_is_not_used() -> None:
    deletes = {"feed": {"request": {"path": "/gone", "query": {"since": "{since}"}}, "horizon": "15d"}}
    world = World(
        lambda request: [] if request.url.path.endswith("gone") else [ANN], **TIME, deletes=deletes, full_every="60d"
    )
    _, first = world.read()
    world.now += 14 * 86400
    assert world.read(first.cursor)[1].proof == "complete"


def test_a_deleted_record_that_is_there_again_is_there() -> None:
    deletes = {"feed": {"request": {"path": "/gone", "query": {"since": "{since}"}}}}
    world = World(
        lambda request: [{"id": 1}, {"id": 2}] if request.url.path.endswith("gone") else [ANN], **TIME, deletes=deletes
    )
    _, first = world.read()
    _, end = world.read(first.cursor)
    assert end.deleted == {"2"}


def test_a_sweep_names_the_keys_that_are_there_and_only_now_and_then() -> None:
    world = World(
        lambda _: [ANN, BOB], Needs(("id",), frozenset({"id", "name"})), **TIME, deletes={"sweep": {"every": "1h"}}
    )
    _, first = world.read()
    _, second = world.read(first.cursor)
    world.now += 3600
    _, third = world.read(second.cursor)
    _, fourth = world.read(third.cursor)
    assert [end.present is None for end in (second, third, fourth)] == [True, False, True]
    assert third.present is not None
    assert third.present.to_dict(as_series=False) == {"id": ["1", "2"]}


def test_a_sweep_that_is_not_whole_says_nothing() -> None:
    totals: dict[str, Any] = {"records": {"path": "data"}, "page": {"by": "none", "total": "total"}}
    world = World(
        lambda _: {"data": [ANN], "total": 1},
        **TIME,
        **totals,
        deletes={"sweep": {"every": 1, "request": {"path": "/ids"}}},
    )
    _, first = world.read()
    world.now += 3600
    world.answer = lambda request: {"data": [ANN], "total": 2 if request.url.path.endswith("ids") else 1}
    _, end = world.read(first.cursor)
    assert (end.proof, end.present) == ("partial", None)


def test_deletes_told_by_id_need_the_id_as_key() -> None:
    world = World(lambda _: [ANN], Needs(("name",), frozenset({"name"})), **TIME, deletes={"inline": {"when": "gone"}})
    with pytest.raises(SourceInvalid, match="key must be 'id'"):
        world.connector.check()


@pytest.mark.parametrize("told", [["7", 8, "1"], "7; 8;1"])
def test_merged_ids_may_be_a_list_or_a_text(told: Any) -> None:
    world = World(lambda _: [{**ANN, "olds": told}], **TIME, deletes={"merged": "olds"})
    _, first = world.read()
    assert world.read(first.cursor)[1].merged == {"7": "1", "8": "1"}


def company_server(request: httpx.Request) -> Any:
    ids = request.url.params.get("ids")
    if ids is None:
        return [{"id": number, "company": {"id": number % 3}, "none": None} for number in range(250)]
    return [{"id": int(id_), "name": f"Company {id_}"} for id_ in ids.split(",") if id_ != "2"]


ENRICH: dict[str, Any] = {
    "enrich": [
        {"into": "firm", "by": "company.id", "request": {"path": "/firms", "query": {"ids": "{ids}"}}, "chunk": 2}
    ]
}


def test_lookups_go_in_batches_once_for_each_id() -> None:
    world = World(company_server, **ENRICH)
    rows, _ = world.read()
    assert [row["firm.name"] for row in rows[:3]] == ["Company 0", "Company 1", None]
    assert [ids for ids in world.asked("ids") if ids] == ["0,1", "2"] * 2  # once for the sample, once for the page


def test_a_lookup_whose_answer_is_a_first_page_only_is_asked_for_the_rest() -> None:
    def one_at_a_time(request: httpx.Request) -> Any:
        answer = company_server(request)
        return answer[:1] if request.url.path.endswith("firms") else answer

    world = World(one_at_a_time, **ENRICH)
    rows, _ = world.read()
    assert [row["firm.name"] for row in rows[:3]] == ["Company 0", "Company 1", None]


def test_columns_that_are_declared_need_no_record() -> None:
    world = World(lambda _: [], columns={"id": "id", "mobile": "phones[?kind=='m'].n"})
    assert world.connector.check() == ["id", "mobile"]
    world.answer = lambda _: [{"id": 1, "phones": [{"kind": "w", "n": "1"}, {"kind": "m", "n": "2125550100"}]}]
    assert world.read()[0] == [{"id": "1", "mobile": "2125550100"}]


def test_discovered_columns_are_checked_and_only_those_used_are_asked_for() -> None:
    def answer(request: httpx.Request) -> Any:
        if request.url.path.endswith("fields"):
            return {"names": [{"n": name} for name in ("id", "name", "phone", "owner")]}
        fields = request.url.params["fields"].split(",")
        return [{name: name.upper() for name in fields}]

    world = World(
        answer,
        Needs(("id",), frozenset({"id", "phone", "typo"})),
        request={"path": "/people", "query": {"fields": "{fields}"}},
        fields={"discover": {"request": {"path": "/fields"}, "path": "names[].n"}, "always": ["id"]},
    )
    assert world.connector.check() == ["id", "name", "phone", "owner"]
    assert world.read()[0] == [{"id": "ID", "phone": "PHONE"}]
    assert world.asked("fields")[-1] == "id,phone"


def test_each_branch_of_a_fan_out_goes_on_from_its_own_token() -> None:
    branches = ["a", "b"]

    def answer(request: httpx.Request) -> Any:
        path, asked = request.url.path.rpartition("/")[2], request.url.params
        if path == "views":
            return {"views": branches}
        if "cursor" not in asked:
            return {"data": [{"id": f"{path}1"}], "sync": f"{path}-token"}
        assert asked["cursor"] == f"{path}-token"
        return {"data": [{"id": f"{path}2"}], "sync": f"{path}-token"}

    world = World(
        answer,
        request={"path": "/views/{view}", "query": {"cursor": "{cursor}"}},
        records={"path": "data"},
        changes={"by": "token", "from": "sync"},
        fanout={"into": "view", "lists": [{"request": {"path": "/views"}, "path": "views"}]},
    )
    rows, first = world.read()
    assert rows == [{"id": "a1"}, {"id": "b1"}]
    rows, second = world.read(first.cursor)
    assert (rows, second.proof) == ([{"id": "a2"}, {"id": "b2"}], "partial")
    branches.append("c")
    rows, third = world.read(second.cursor)
    assert (len(rows), third.proof) == (3, "complete")


def test_a_fan_out_without_a_value_proves_nothing() -> None:
    fanout = {"into": "view", "lists": [{"request": {"path": "/views"}, "path": "@"}]}
    _, end = World(lambda _: [], request={"path": "/views/{view}"}, fanout=fanout).read()
    assert end.proof == "unproved"


def test_limits_are_kept() -> None:
    world = World(lambda _: [ANN], limits=["1/10s"])
    world.connector.check()
    world.read()
    assert world.slept == []  # each read has windows of its own; within one, only the second request waits
    world = World(company_server, limits=["1/10s"], **ENRICH)
    world.connector._around = Surroundings(world.connector._around.transport, sleep=_stop_after(2))
    with pytest.raises(InterruptedError):
        world.read()


def _stop_after(count: int) -> Callable[[float], object]:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) >= count:
            raise InterruptedError

    return sleep


def test_a_quiet_read_costs_two_requests() -> None:
    world = World(lambda request: [] if "since" in request.url.params else [ANN], **TIME)
    _, first = world.read()
    world.requests.clear()
    quiet = RestApi("crm", world.connector.options, around=world.connector._around)
    quiet.check()
    drain(quiet, first.cursor)
    assert len(world.requests) == 2  # the columns of the first page, and what changed


def test_json_rpc_needs_no_code() -> None:
    """An older Odoo: everything in one path, the key in the body, errors inside a 200."""

    def answer(request: httpx.Request) -> Any:
        called = json.loads(request.content)["params"]["args"]
        if called[2] != "hush":
            return {
                "jsonrpc": "2.0",
                "error": {"code": 200, "message": "Odoo Server Error", "data": {"message": "Access Denied"}},
            }
        domain = called[5][0]
        last = next((value for name, _, value in domain if name == "id"), 0)
        return {"jsonrpc": "2.0", "result": [{"id": id_, "phone": False} for id_ in range(last + 1, min(last + 3, 8))]}

    args = ["db", 2, "{key}", "res.partner", "search_read", [[{"if": "last_id", "then": ["id", ">", "{last_id}"]}]]]
    body = {"params": {"service": "object", "method": "execute_kw", "args": args}}
    options: dict[str, Any] = {
        "request": {"method": "POST", "path": "/jsonrpc", "body": body},
        "records": {"path": "result", "false_is_empty": True},
        "page": {"by": "keyset"},
        "errors": [{"when": "error", "do": "denied"}],
    }
    rows, end = World(answer, **options, secrets={"key": "hush"}).read()
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    assert end.proof == "complete"
    with pytest.raises(SourceDenied, match="Access Denied"):
        World(answer, **options, secrets={"key": "wrong"}).read()


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
