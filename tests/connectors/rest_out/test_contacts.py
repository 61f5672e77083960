"""Contacts at the sink ``rest``: associated beside a record, and made of an unknown caller."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_out.options import RestOutOptions
from connectors.rest_out.sink import RestOut
from syncd.core.settings.sinks import SinkRules
from syncd.errors import SinkUnavailable
from tests.worlds.deliveries import call, item_of
from tests.worlds.record_server import body_of

OPTIONS: dict[str, Any] = {
    "base_url": "https://crm.example.com",
    "check": {"request": {"path": "/me"}},
    "calls": {
        "record": {"title": "{title}"},
        "create": {"method": "POST", "path": "/calls", "body": "{record}"},
        "associate": {"method": "PUT", "path": "/calls/{id}/people/{contact}"},
    },
    "contact": {
        "search": {"request": {"path": "/people", "query": {"phone": "{number_e164}"}}},
        "create": {"method": "POST", "path": "/people", "body": {"name": "{name}", "phone": "{number_e164}"}},
    },
}


class Crm:
    """Knows the contacts ``people``: id to phone. ``fails``: so many associations it fails at."""

    def __init__(self) -> None:
        self.people: dict[str, str] = {}
        self.calls: dict[str, set[str]] = {}
        self.names: list[str] = []
        self.fails = 0
        around = Surroundings(httpx.MockTransport(self), sleep=lambda _: None)
        options = RestOutOptions.model_validate(OPTIONS)
        self.sink = RestOut("crm", options, SinkRules(contacts="crm", messages=None), around=around)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        _, kind, *rest = request.url.path.split("/")
        if kind == "people" and request.method == "GET":
            phone = request.url.params["phone"]
            return httpx.Response(200, json=[{"id": id_} for id_, each in self.people.items() if each == phone])
        if kind == "people":
            self.names.append(body_of(request)["name"])
            self.people[f"p{len(self.people)}"] = body_of(request)["phone"]
            return httpx.Response(201, json={"id": list(self.people)[-1]})
        if request.method == "POST":
            self.calls[str(len(self.calls))] = set()
            return httpx.Response(201, json={"id": len(self.calls) - 1})
        if rest and self.fails:
            self.fails -= 1
            return httpx.Response(500)
        if rest and rest[2] not in self.people:
            return httpx.Response(404, json={"error": "there is no such person"})
        if rest:
            self.calls[rest[0]].add(rest[2])
        return httpx.Response(200, json={})


@pytest.fixture
def crm() -> Crm:
    return Crm()


def test_a_call_is_associated_with_all_its_contacts(crm: Crm) -> None:
    crm.people = {"p0": "+1", "p1": "+2"}
    [outcome] = crm.sink.deliver([item_of(crm.sink, call(), contacts=("p0", "gone", "p1"))])
    assert (outcome.status, outcome.contacts, outcome.missing) == ("accepted", ("p0", "p1"), ("gone",))
    assert crm.calls == {"0": {"p0", "p1"}}


def test_a_late_contact_adds_an_association_and_no_record(crm: Crm) -> None:
    crm.people = {"p0": "+1"}
    [made] = crm.sink.deliver([item_of(crm.sink, call())])
    [late] = crm.sink.deliver([item_of(crm.sink, call(), "associate", remote_id=made.remote_id, contacts=("p0",))])
    assert late.contacts == ("p0",)
    assert crm.calls == {"0": {"p0"}}


def test_contacts_beside_a_record_are_no_part_of_it(crm: Crm) -> None:
    assert crm.sink.render(call(contacts=[])) == crm.sink.render(call(contacts=[{"source": "crm", "key": "p0"}]))


def test_create_stored_association_lost(crm: Crm) -> None:
    crm.people = {"p0": "+1"}
    crm.fails = 6
    [outcome] = crm.sink.deliver([item_of(crm.sink, call(), contacts=("p0",))])
    assert (outcome.status, outcome.remote_id, outcome.contacts) == ("accepted", "0", ())
    late = item_of(crm.sink, call(), "associate", remote_id="0", contacts=("p0",))
    crm.fails = 6
    with pytest.raises(SinkUnavailable):
        crm.sink.deliver([late])
    [outcome] = crm.sink.deliver([late])
    assert outcome.contacts == ("p0",)
    assert crm.calls == {"0": {"p0"}}


def test_a_contact_is_made_once_of_a_number(crm: Crm) -> None:
    first = crm.sink.create_contact("2125550101", None)
    assert crm.sink.create_contact("2125550101", "Ann Lee") == first
    assert crm.people == {"p0": "+12125550101"}
    assert crm.names == ["2125550101"]
