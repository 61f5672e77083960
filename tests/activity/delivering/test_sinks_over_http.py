"""The sinks ``http`` and ``rest`` under the plan: what their servers hold when answers are lost and calls change."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import connectors.http_out.sink
import connectors.rest_out.sink
from connectors.http_parts.surroundings import Surroundings
from syncd.errors import SinkDenied, SinkInvalid, SinkUnavailable
from tests.worlds.delivery_world import DeliveryWorld, counts, held
from tests.worlds.record_server import RecordServer
from tests.worlds.record_vendors import Close, Pipedrive, Salesforce, Zoho
from tests.worlds.webhook_target import SECRET, URL, Receiver

MINUTE = 60.0
VENDORS = [Pipedrive, Zoho, Salesforce, Close]


class Crm:
    """A world whose sink ``out`` writes to the fake of a vendor."""

    def __init__(self, world: DeliveryWorld, vendor: type[RecordServer], monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.server = world, vendor()
        around = Surroundings(httpx.MockTransport(self.server), sleep=self.server._sleep, timer=lambda: self.server.now)
        monkeypatch.setattr(connectors.rest_out.sink, "Surroundings", lambda: around)
        options = {"preset": vendor.PRESET, **vendor.GIVEN}
        world.more = {"out": {"sink": "rest", "options": options, "contacts": "people", "messages": "never"}}

    def call(self, name: str) -> str:
        call = self.world.call(name, ago=10 * MINUTE)
        self.world.attribute(call, self.server.CONTACT)
        return call

    def deliver(self) -> Any:
        return self.world.deliver("out")

    def status(self, call: str) -> str | None:
        return self.world.status(call, "out")


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.PRESET)
def crm(world: DeliveryWorld, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Crm:
    return Crm(world, request.param, monkeypatch)


@pytest.fixture
def receiver(world: DeliveryWorld, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    around = Surroundings(httpx.MockTransport(found), sleep=found._sleep, timer=lambda: found.now)
    monkeypatch.setattr(connectors.http_out.sink, "Surroundings", lambda: around)
    world.more = {"out": {"sink": "http", "options": {"url": URL, "secrets": SECRET}}}
    return found


def test_a_call_is_one_record_and_its_summary_an_update(crm: Crm) -> None:
    updates = not isinstance(crm.server, Pipedrive)
    crm.call("c1")
    # What cannot be changed waits until nothing more is expected of the call.
    assert counts(crm.deliver()) == ({"create": 1} if updates else {"waiting": 1})
    crm.world.transcribe("c1", "About the roof")
    assert counts(crm.deliver()) == ({"update": 1} if updates else {"create": 1})
    assert counts(crm.deliver()) == {"unchanged": 1}
    [record] = crm.server.records.values()
    assert "About the roof" in str(record)
    assert crm.server.made == 1


def test_create_answer_lost(crm: Crm) -> None:
    call = crm.call("c1")
    crm.world.transcribe("c1", "About the roof")
    crm.server.lost = 1
    report = crm.deliver()
    ending = {"salesforce": "accepted", "pipedrive": "held"}.get(crm.server.PRESET, "pending")
    assert (crm.status(call), isinstance(report.error, SinkUnavailable)) == (ending, ending != "accepted")
    crm.world.later(2 * MINUTE)
    report = crm.deliver()
    assert crm.server.made == 1
    if ending == "held":
        assert held(report) == [("activity.doubt", 1)]
        return
    assert crm.status(call) == "accepted"
    crm.world.transcribe("c1", "About the cellar")
    assert counts(crm.deliver()) == {"update": 1}
    [record] = crm.server.records.values()
    assert "About the cellar" in str(record)


@pytest.mark.parametrize("crm", [Pipedrive, Salesforce], indirect=True, ids=lambda vendor: vendor.PRESET)
def test_sink_down_for_a_day_nothing_is_in_doubt(crm: Crm) -> None:
    for number in range(3):
        crm.call(f"c{number}")
        crm.world.transcribe(f"c{number}", "About the roof")
    for fault in (httpx.ConnectError("refused"), 503, 401, 404):
        crm.server.fault = lambda request, fault=fault: None if "/token" in request.url.path else fault  # type: ignore[misc]
        error = crm.deliver().error
        assert isinstance(error, SinkUnavailable | SinkDenied | SinkInvalid)
        assert crm.server.made == 0
    crm.server.fault = lambda _request: None
    assert counts(crm.deliver()) == {"create": 3}
    assert crm.server.made == 3


def test_what_a_webhook_gets_is_the_newest_version_of_each_call(world: DeliveryWorld, receiver: Receiver) -> None:
    world.call("c1")
    world.message("m1")
    assert counts(world.deliver("out")) == {"create": 2}
    world.transcribe("c1", "About the roof")
    receiver.lost = 3
    assert world.deliver("out").error is not None
    assert counts(world.deliver("out")) == {"update": 1, "unchanged": 1}
    assert counts(world.deliver("out")) == {"unchanged": 2}
    assert sorted(receiver.rows) == ["call:c1", "message:text:m1"]
    assert receiver.rows["call:c1"]["summary"] == "About the roof"
    assert len(receiver.ids) == 3


def test_the_history_counts_the_requests_of_a_delivery(world: DeliveryWorld, receiver: Receiver) -> None:
    world.call("c1")
    world.message("m1")
    receiver.lost = 1
    # A lost answer is asked for once more.
    assert world.deliver("out").requests == len(receiver.requests) == 3
    with world.state() as state:
        [run] = state.history.runs(source="out")
    assert (run["requests"], run["report"]["requests"]) == (3, 3)


def test_requests_of_records_are_counted_without_those_for_a_token(crm: Crm) -> None:
    crm.call("c1")
    crm.world.transcribe("c1", "About the roof")
    report = crm.deliver()
    assert report.requests == sum("/token" not in request.url.path for request in crm.server.requests) > 0
