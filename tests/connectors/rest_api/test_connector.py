"""A REST source as a whole: its rows, its columns, its look-ups and what a read costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_api.connector import RestApi
from syncd.errors import SourceDenied
from syncd.source import Needs
from tests.contract.suite import drain
from tests.worlds.rest_api_world import ANN, BOB, TIME, World


def test_a_plain_list_needs_an_address_and_a_path() -> None:
    rows, end = World(lambda _: [ANN, BOB]).read()
    assert rows == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}]
    assert end.proof == "complete"


def test_nested_values_and_lists_of_phones_are_text() -> None:
    rows, _ = World(lambda _: [{**ANN, "phones": [{"n": "2125550100"}, {"n": "2125550101"}], "a": {"b": 1.50}}]).read()
    assert rows == [{"id": "1", "name": "Ann", "phones.n": "2125550100;2125550101", "a.b": "1.5"}]


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
    # For the sample, and for the page. The id without an answer is asked for once beside one that is there.
    assert [ids for ids in world.asked("ids") if ids] == ["0,1", "2", "2,0", "2", "0,1", "2"]


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
    """An older Odoo has one path for everything, the key in the body, and errors inside a 200."""

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
