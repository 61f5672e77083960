"""Calls and messages go from the activity store through the plan into a HubSpot account, and what comes later too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.hubspot.routes import WRITES
from syncd.sandbox.hubspot.server import HubSpot
from tests.worlds.delivery_world import HOUR, DeliveryWorld, counts


@pytest.fixture
def hubspot() -> Iterator[HubSpot]:
    with HubSpot(limits=None, seed=3) as fake:
        yield fake


@pytest.fixture
def world(tmp_path: Path, hubspot: HubSpot) -> DeliveryWorld:
    made = DeliveryWorld(tmp_path)
    options = {"base_url": hubspot.url, "service_key": hubspot.key}
    made.crm = {"sink": "hubspot", "options": options, "contacts": "people", "owners": {"101": "jane@example.com"}}
    made.settings().sinks["crm"].connect().prepare()
    return made


def values(hubspot: HubSpot) -> list[dict[str, Any]]:
    return [dict(hubspot.portal.calls.records[number].values) for number in hubspot.portal.calls.live]


def written(hubspot: HubSpot) -> int:
    """Count the requests that have written since the last time."""
    count = sum(each.operation in WRITES for each in hubspot.requests)
    hubspot.backend.log.clear()
    return count


def test_a_delivery_is_made_once_and_a_second_one_writes_nothing(world: DeliveryWorld, hubspot: HubSpot) -> None:
    calls = world.calls(3, ago=2 * HOUR)
    world.attribute(calls[0], "1", "2")
    world.message()
    assert counts(world.deliver()) == {"create": 4}
    assert [each["hubspot_owner_id"] for each in values(hubspot)] == ["4155501"] * 3
    assert hubspot.portal.engaged["calls"] == {70_001: {1, 2}}
    assert len(hubspot.portal.communications.live) == 1
    assert written(hubspot) > 0
    assert not {"create", "update", "associate"} & counts(world.deliver()).keys()
    assert written(hubspot) == 0


def test_a_summary_and_a_contact_that_come_later_are_added(world: DeliveryWorld, hubspot: HubSpot) -> None:
    world.call("c1")
    world.deliver()
    hubspot.portal.calls.edit(70_001, {"hs_call_title": "Mine"})
    world.transcribe("c1", "They agreed.")
    world.attribute("call:c1", "3")
    report = world.deliver()
    assert (counts(report).get("update"), report.error) == (1, None)
    [record] = values(hubspot)
    assert "They agreed." in record["hs_call_body"]
    assert record["hs_call_title"] == "Mine"
    assert hubspot.portal.engaged["calls"] == {70_001: {3}}


@pytest.mark.parametrize("lost", ["stored", "not"])
def test_a_lost_answer_makes_no_second_call(world: DeliveryWorld, hubspot: HubSpot, lost: str) -> None:
    hubspot.dialect("create_lost", lost)
    world.crm["options"]["deadline"] = 0.3
    hubspot.arm({"kind": "drop", "path": "batch_upsert", "times": None})
    world.call("c1")
    report = world.deliver()
    assert report.error
    assert world.status("call:c1") == "pending"
    hubspot.backend.faults.disarm()
    world.later(HOUR)
    world.deliver()
    assert (len(values(hubspot)), world.status("call:c1")) == (1, "accepted")


def test_a_text_that_hubspot_cut_is_no_edit_of_a_person(world: DeliveryWorld, hubspot: HubSpot) -> None:
    hubspot.dialect("text_limit", "20000")
    world.call("c1")
    world.transcribe("c1", "word " * 8_000)
    world.deliver()
    assert len(values(hubspot)[0]["hs_call_body"]) <= 20_000
    world.transcribe("c1", "They agreed.")
    report = world.deliver()
    assert report.kept == 0
    assert "They agreed." in values(hubspot)[0]["hs_call_body"]
