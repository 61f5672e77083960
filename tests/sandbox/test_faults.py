"""An armed fault strikes the requests that it is meant for, and no others."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox.faults import KINDS, Drop, Empty, Fault, Hold, Html, Poison, Slow, Status, Truncate, parse_fault
from syncd.sandbox.server import Sandbox
from tests.worlds.patience import BUSY, until
from tests.worlds.sandbox_client import client_of

ROW = {"External ID": "1"}


def push(api: httpx.Client) -> httpx.Response:
    return api.post("/contacts", json={"fields": ROW})


def stored(sandbox: Sandbox) -> int:
    return len(sandbox.store.contacts())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 425, 429, 500, 502, 503, 504])
def test_a_status_is_answered_once_and_nothing_is_done(sandbox: Sandbox, api: httpx.Client, status: int) -> None:
    sandbox.arm(Status(status=status))
    reply = push(api)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, status)
    assert stored(sandbox) == 0
    assert push(api).status_code == 201


def test_a_status_may_say_when_to_come_back(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=429, retry_after="7"))
    sandbox.arm(Status(status=429))
    assert [push(api).headers.get("Retry-After") for _ in range(2)] == ["7", None]


def test_an_error_may_be_answered_though_the_work_was_done(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=500, done=True))
    assert push(api).status_code == 500
    assert stored(sandbox) == 1


@pytest.mark.parametrize("status", [200, 502, 503])
def test_a_gateway_answers_in_html(sandbox: Sandbox, api: httpx.Client, status: int) -> None:
    sandbox.arm(Html(status=status))
    reply = push(api)
    assert reply.status_code == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.text.startswith("<html>")
    assert stored(sandbox) == 0


def test_a_success_may_come_without_a_body(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Empty())
    reply = push(api)
    assert (reply.status_code, reply.content) == (201, b"")
    assert stored(sandbox) == 1


@pytest.mark.parametrize("done", [False, True])
def test_a_connection_is_dropped_before_or_after_the_work(sandbox: Sandbox, api: httpx.Client, done: bool) -> None:
    sandbox.arm(Drop(done=done))
    with pytest.raises(httpx.RemoteProtocolError):
        push(api)
    assert stored(sandbox) == done
    assert sandbox.requests[-1].status == 0
    assert push(api).status_code == (200 if done else 201)


def test_a_body_ends_half_way_and_the_work_was_done(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Truncate())
    with pytest.raises(httpx.RemoteProtocolError):
        push(api)
    assert stored(sandbox) == 1
    assert push(api).status_code == 200


def test_a_slow_answer_comes_in_the_end(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Slow(seconds=0.05))
    began = time.monotonic()
    assert push(api).status_code == 201
    assert time.monotonic() - began >= 0.05


def test_others_are_answered_while_one_waits(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Slow(seconds=30, method="POST"))
    with pytest.raises(httpx.ReadTimeout):
        api.post("/contacts", json={"fields": ROW}, timeout=0.05)
    assert api.get("/contacts").status_code == 200


def test_a_slow_request_may_end_in_a_gateway_timeout(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Slow(seconds=0, done=False))
    assert push(api).status_code == 504
    assert stored(sandbox) == 0


def test_work_is_done_though_the_client_no_longer_waits(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Hold())
    with pytest.raises(httpx.ReadTimeout):
        api.post("/contacts", json={"fields": ROW}, timeout=0.05)
    assert stored(sandbox) == 0
    sandbox.disarm()
    until(lambda: stored(sandbox) == 1)


def test_a_sandbox_closes_at_once_though_a_request_is_held_back() -> None:
    with Sandbox(limits=None) as sandbox, client_of(sandbox) as api:
        sandbox.arm(Slow(seconds=60))
        with pytest.raises(httpx.ReadTimeout):
            api.get("/contacts", timeout=0.05)
        began = time.monotonic()
    assert time.monotonic() - began < BUSY


# Which requests are struck.


def test_only_the_method_and_path_that_were_named_are_struck(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=503, method="get", path="/contacts", times=None))
    assert push(api).status_code == 201
    assert api.get("/contacts/fields").status_code == 200
    assert [api.get("/contacts").status_code for _ in range(3)] == [503] * 3
    sandbox.disarm()
    assert api.get("/contacts").status_code == 200


def test_a_path_may_be_named_with_its_version(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=503, path="/v1/contacts"))
    assert [api.get(path).status_code for path in ("/contacts/fields", "/contacts")] == [200, 503]


def test_a_fault_lets_some_pass_and_strikes_as_often_as_was_said(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=503, after=2, times=2))
    assert [api.get("/contacts").status_code for _ in range(6)] == [200, 200, 503, 503, 200, 200]


def test_faults_are_struck_in_the_order_in_which_they_were_armed(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Status(status=500))
    sandbox.arm(Status(status=503))
    assert [api.get("/contacts").status_code for _ in range(3)] == [500, 503, 200]


# Poisoned rows.


def poisoned(api: httpx.Client) -> httpx.Response:
    rows: list[dict[str, str]] = [
        {"External ID": "1"},
        {"External ID": "2", "Contact": "bad"},
        {"External ID": "3", "Company": "bad"},
    ]
    return api.post("/contacts", json={"contacts": [{"fields": row} for row in rows]})


def test_a_poisoned_row_is_refused_and_the_others_are_stored(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Poison(value="bad", field="Contact"))
    for _ in range(2):
        assert [error["index"] for error in poisoned(api).json()["errors"]] == [1]
    assert stored(sandbox) == 2


def test_poison_may_be_in_any_field(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Poison(value="bad"))
    assert [error["index"] for error in poisoned(api).json()["errors"]] == [1, 2]


def test_several_poisons_act_at_once(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm(Poison(value="1"))
    sandbox.arm(Poison(value="3"))
    assert [error["index"] for error in poisoned(api).json()["errors"]] == [0, 2]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_poison_may_refuse_the_whole_batch(sandbox: Sandbox, api: httpx.Client, status: int) -> None:
    sandbox.arm(Poison(value="bad", whole=status))
    reply = poisoned(api)
    assert (reply.status_code, set(reply.json())) == (status, {"error"})
    assert stored(sandbox) == 0
    assert push(api).status_code == 201


def test_poison_is_told_in_the_dialect_of_refused_rows(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.dialect("failed_status", "422")
    sandbox.dialect("errors", "strings")
    sandbox.arm(Poison(value="bad", field="Contact"))
    reply = poisoned(api)
    assert (reply.status_code, reply.json()["errors"]) == (422, ["The contact is not valid"])


# Arming over HTTP.


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"kind": "status", "status": 503, "times": 2, "after": 1}, Status(status=503, times=2, after=1)),
        ({"kind": "drop", "done": True, "method": "POST"}, Drop(done=True, method="POST")),
        ({"kind": "poison", "value": "bad"}, Poison(value="bad", times=None)),
        ({"kind": "slow", "seconds": 2}, Slow(seconds=2)),
        ({"kind": "html"}, Html()),
        ({"kind": "empty"}, Empty()),
        ({"kind": "truncate", "path": "/v1/contacts"}, Truncate(path="/v1/contacts")),
    ],
)
def test_a_fault_is_read_from_json(body: dict[str, Any], fault: Fault) -> None:
    assert parse_fault(body) == fault


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "a fault is an object"),
        ({}, "no fault is called None; there are: status, html"),
        ({"kind": "statu"}, r"no fault is called 'statu' \(did you mean 'status'\?\)"),
        ({"kind": "status", "time": 1}, r"no parameter 'time' \(did you mean 'times'\?\); it has: method, path"),
        ({"kind": "poison"}, "the fault poison: value: Field required"),
        ({"kind": "status", "status": "x"}, "the fault status: status: "),
    ],
)
def test_a_fault_that_cannot_be_is_refused(body: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_fault(body)


def test_every_kind_can_be_armed_over_http_and_is_shown(sandbox: Sandbox) -> None:
    control = sandbox.url.removesuffix("/v1") + "/_sandbox/faults"
    for kind in KINDS:
        needed = {"value": "bad"} if kind == "poison" else {}
        assert httpx.post(control, json={"kind": kind, **needed}).status_code == 200
    assert [fault["kind"] for fault in httpx.get(control).json()["faults"]] == list(KINDS)
    assert httpx.delete(control).json() == {"faults": []}
    refused = httpx.post(control, json={"kind": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 400)


def test_a_fault_can_be_armed_as_a_mapping(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.arm({"kind": "status", "status": 502})
    assert api.get("/contacts").status_code == 502
