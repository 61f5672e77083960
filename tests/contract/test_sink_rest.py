"""The contract over the sink ``rest``: at a server that writes by a key of ours, and at one that makes records once."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from connectors.rest_out.options import RestOutOptions
from connectors.rest_out.sink import RestOut
from syncd.sink import Sink, SinkRules
from tests.contract.sinks import Fields, SinkContract, SinkWorld
from tests.worlds.patient_server import Patience

RECORD = {name: f"{{{name}}}" for name in ("kind", "status", "title", "text", "seconds", "start_time", "sent_at")}
BODY = {"record": "{record}", "key": "{identity}"}
CHANGES = {
    "update": {"method": "PATCH", "path": "/records/{id}", "body": {"record": "{record}"}},
    "read": {"request": {"path": "/records/{id}"}, "path": "record"},
}
KINDS: dict[str, dict[str, Any]] = {
    "by a key": {"upsert": {"method": "PUT", "path": "/records/of/{identity}", "body": BODY}, **CHANGES},
    "once": {
        "create": {"method": "POST", "path": "/records", "body": BODY},
        "find": {"request": {"path": "/records", "query": {"key": "{identity}"}}, "same": {"key": "{identity}"}},
        "associate": {"method": "PUT", "path": "/records/{id}/people/{contact}"},
        **CHANGES,
    },
}
REST: dict[str, Any] = {
    "base_url": "https://crm.example.com",
    "check": {"request": {"path": "/me"}},
    "erase": {"request": {"method": "DELETE", "path": "/records/{id}"}},
    "contact": {
        "search": {"request": {"path": "/people", "query": {"phone": "{number_e164}"}}},
        "create": {"method": "POST", "path": "/people", "body": {"name": "{name}", "phone": "{number_e164}"}},
    },
}


class Crm:
    """Records by id, each with its key and the people of it; people by id."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.people: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or "{}")
        parts = [each for each in request.url.path.split("/") if each]
        if parts[0] == "people":
            return self._people(request, body)
        if parts in (["me"], ["records"]):
            return self._make(body) if request.method == "POST" else self._list(request.url.params.get("key"))
        if parts[1] == "of":
            return self._make(body, next((id_ for id_, each in self.records.items() if each["key"] == parts[2]), None))
        if parts[1] not in self.records:
            return httpx.Response(404, json={})
        return self._change(request.method, parts, body)

    def _make(self, body: Mapping[str, Any], id_: str | None = None) -> httpx.Response:
        id_ = id_ or str(len(self.records) + 1)
        self.records[id_] = {"people": [], **body}
        return httpx.Response(200, json={"id": id_})

    def _list(self, key: str | None) -> httpx.Response:
        found = [{"id": id_, "key": each["key"]} for id_, each in self.records.items() if each["key"] == key]
        return httpx.Response(200, json=found)

    def _change(self, method: str, parts: Sequence[str], body: Mapping[str, Any]) -> httpx.Response:
        record = self.records[parts[1]]
        if method == "PUT":
            if parts[3] not in self.people:
                return httpx.Response(404, json={})
            record["people"].append(parts[3])
        if method == "PATCH":
            record["record"] |= body["record"]
        if method == "DELETE":
            del self.records[parts[1]]
            return httpx.Response(204)
        return httpx.Response(200, json=record)

    def _people(self, request: httpx.Request, body: Mapping[str, Any]) -> httpx.Response:
        if request.method == "GET":
            phone = request.url.params["phone"]
            return httpx.Response(200, json=[{"id": id_} for id_, each in self.people.items() if each == phone])
        id_ = f"p{len(self.people)}"
        self.people[id_] = body["phone"]
        return httpx.Response(201, json={"id": id_})


class RestPlace:
    def __init__(self, way: str) -> None:
        self.crm = Crm()
        self.patience = Patience(self.crm)
        kind = {"record": RECORD, **KINDS[way]}
        self.options = RestOutOptions.model_validate({**REST, "calls": kind, "messages": kind})

    def sink(self) -> Sink:
        return RestOut("crm", self.options, SinkRules(), around=self.patience.around())

    def records(self) -> Sequence[tuple[str, Fields]]:
        return [(each["key"], each["record"]) for each in self.crm.records.values()]

    def contacts_of(self, identity: str) -> Sequence[str]:
        return [one for each in self.crm.records.values() if each["key"] == identity for one in each["people"]]

    def contact(self) -> str:
        id_ = f"p{len(self.crm.people)}"
        self.crm.people[id_] = ""
        return id_

    def break_down(self) -> None:
        self.patience.available = False

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return self.patience.stalled()


class TestRestOut(SinkContract):
    @pytest.fixture(params=KINDS)
    def world(self, request: pytest.FixtureRequest) -> SinkWorld:
        return RestPlace(request.param)

    def shows(self, fields: Fields, text: str) -> bool:
        return text.strip() in fields.get("text", "")
