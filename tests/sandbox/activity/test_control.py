"""The control paths of the phones, the tiers over HTTP, and one sandbox after another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.sandbox_client import client_of
from tests.worlds.sandbox_in_memory import Clock
from tests.worlds.webhook_receiver import receiver


def control(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    return httpx.request(method, sandbox.url.removesuffix("/v1") + "/_sandbox" + path, json=body)


def test_people_call_and_write_over_http(sandbox: Sandbox) -> None:
    call = control(sandbox, "POST", "/calls", {"talk": 30, "remote_name": "Ada"}).json()["call_id"]
    control(sandbox, "POST", "/transcripts", {"call_id": call, "summary": "S", "transcription": "T"})
    message = control(sandbox, "POST", "/messages", {"body": "Hi"}).json()["message_id"]
    [row] = control(sandbox, "GET", "/calls").json()["calls"]
    assert (row["call_id"], row["remote_name"], row["summary"]) == (call, "Ada", "S")
    assert [each["message_id"] for each in control(sandbox, "GET", "/messages").json()["messages"]] == [message]
    assert control(sandbox, "POST", "/traffic", {"per_day": 10}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"), [("/calls", {"talks": 1}), ("/messages", [1]), ("/traffic", {}), ("/calls", {"talk": "long"})]
)
def test_a_happening_that_makes_no_sense_is_refused(sandbox: Sandbox, path: str, body: Any) -> None:
    reply = control(sandbox, "POST", path, body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 400)


def test_a_text_for_an_unknown_call_is_refused(sandbox: Sandbox) -> None:
    body = {"call_id": "nobody", "summary": "S", "transcription": "T"}
    assert control(sandbox, "POST", "/transcripts", body).status_code == 404


def test_deliveries_are_shown_without_their_bodies(sandbox: Sandbox) -> None:
    with receiver() as inbox, client_of(sandbox) as api:
        api.post("/webhooks", json={"name": "x", "url": inbox.url, "event_filters": ["message.received"]})
        sandbox.phones.message(body="secret", remote_number="2125550123")
        sandbox.drain()
        shown = control(sandbox, "GET", "/deliveries")
        assert [each["outcome"] for each in shown.json()["deliveries"]] == ["delivered"]
        assert "secret" not in shown.text
        assert "2125550123" not in shown.text
        assert control(sandbox, "DELETE", "/deliveries").json() == {"deliveries": []}


def test_faults_and_dialects_of_the_phones_are_set_over_http(sandbox: Sandbox) -> None:
    assert control(sandbox, "PATCH", "/dialects", {"calendar": "eastern"}).json()["calendar"]["value"] == "eastern"
    armed = control(sandbox, "POST", "/faults", {"kind": "event_drop", "event": "call.ended"}).json()["faults"]
    assert (armed[0]["kind"], armed[0]["event"]) == ("event_drop", "call.ended")
    wrong = control(sandbox, "POST", "/faults", {"kind": "event_dorp"})
    assert (wrong.status_code, "did you mean 'event_drop'" in wrong.text) == (400, True)


def test_each_tier_has_windows_of_its_own() -> None:
    with Sandbox(clock=Clock()) as sandbox, client_of(sandbox) as api:
        assert {api.get("/calls").status_code for _ in range(15)} == {200}
        assert {api.get("/messages").status_code for _ in range(15)} == {200}
        refused = api.get("/calls")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert api.get("/contacts").status_code == 200
        test = {"from": "7185550000", "to": "2125550142", "message": "x", "test": True}
        assert [api.post("/messages", json=test).status_code for _ in range(6)] == [200] * 5 + [429]
        assert {api.get("/media/rec_1").status_code for _ in range(59)} == {404}
        assert api.get("/webhooks").status_code == 429


def test_a_sandbox_without_limits_has_none_in_any_tier() -> None:
    with Sandbox(limits=None) as sandbox, client_of(sandbox) as api:
        assert {api.get("/calls").status_code for _ in range(40)} == {200}


def test_a_tier_can_have_limits_of_its_own() -> None:
    with Sandbox(limits=None, reports=[(1, 60)]) as sandbox, client_of(sandbox) as api:
        assert [api.get("/calls").status_code for _ in range(2)] == [200, 429]


def test_phones_and_endpoints_outlive_the_server() -> None:
    sandbox = Sandbox(limits=None)
    with receiver() as inbox:
        with sandbox, client_of(sandbox) as api:
            api.post("/webhooks", json={"name": "x", "url": inbox.url, "event_filters": ["message.received"]})
        sandbox.phones.message()
        with sandbox, client_of(sandbox) as api:
            sandbox.drain()
            assert len(api.get("/messages").json()["messages"]) == 1
            assert len(inbox.arrived) == 1
