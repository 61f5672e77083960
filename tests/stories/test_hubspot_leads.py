"""Unknown callers become contacts of a HubSpot account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.sandbox.hubspot.server import HubSpot
from tests.worlds.delivery_world import HOUR, DeliveryWorld

NUMBER = "2125550101"


@pytest.fixture
def hubspot() -> Iterator[HubSpot]:
    with HubSpot(limits=None, seed=3) as fake:
        yield fake


@pytest.fixture
def world(tmp_path: Path, hubspot: HubSpot) -> DeliveryWorld:
    made = DeliveryWorld(tmp_path)
    options = {"base_url": hubspot.url, "service_key": hubspot.key, "deadline": 0.5}
    made.crm = {"sink": "hubspot", "options": options, "contacts": "people", "leads": {"calls": 2}}
    made.settings().sinks["crm"].connect().prepare()
    return made


def with_number(hubspot: HubSpot) -> list[int]:
    contacts = hubspot.portal.contacts
    return [number for number in contacts.live if contacts.records[number].values.get("phone") == NUMBER]


def test_a_caller_of_two_calls_becomes_one_contact_of_both(world: DeliveryWorld, hubspot: HubSpot) -> None:
    world.stranger("c1")
    world.deliver()
    assert with_number(hubspot) == []
    world.stranger("c2")
    report = world.deliver()
    assert (report.leads, report.error) == (1, None)
    [contact] = with_number(hubspot)
    assert dict(hubspot.portal.contacts.records[contact].values)["firstname"] == "Joe"
    assert [*hubspot.portal.engaged["calls"].values()] == [{contact}, {contact}]


def test_a_leads_answer_is_lost_at_hubspot_and_there_is_no_second_contact(
    world: DeliveryWorld, hubspot: HubSpot
) -> None:
    hubspot.dialect("create_lost", "stored")
    hubspot.arm({"kind": "drop", "path": "create", "times": 1})
    world.stranger("c1"), world.stranger("c2")
    assert world.deliver().exit_code == 4
    world.later(HOUR)
    report = world.deliver()
    assert (report.leads, report.error) == (1, None)
    [contact] = with_number(hubspot)
    assert [*hubspot.portal.engaged["calls"].values()] == [{contact}, {contact}]
