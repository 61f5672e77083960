"""What the sink asks of HubSpot, and what the fake answers, agree with the vendor's own specifications.

``SYNCD_HUBSPOT_OPENAPI`` names their files (see ``test_openapi.py``): of contacts, which in the newest version tell of
all objects, and of associations, properties and owners.
"""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from tests.worlds.hubspot_sink import RULES, Ask, Timeline, call, message
from tests.worlds.hubspot_specification import FILES, Specification

pytestmark = pytest.mark.skipif(not FILES, reason="SYNCD_HUBSPOT_OPENAPI names no specification")

OF_ALL_OBJECTS = {
    "POST /crm/objects/2026-09/{objectType}",
    *(f"POST /crm/objects/2026-09/{{objectType}}/batch/{each}" for each in ("archive", "read", "update", "upsert")),
    "POST /crm/objects/2026-09/{objectType}/search",
}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def specification(request: pytest.FixtureRequest) -> Specification:
    return Specification(request.param)


def compared(specification: Specification, unique: str, answer: str = "sent") -> Timeline:
    rules = replace(RULES, owners={"101": "jane@example.com", "102": "x@example.com"}, outcomes={"answered": "busy"})
    world = Timeline(
        rules=rules,
        prepared=False,
        options={"api_version": specification.version},
        dialects={"unique": unique, "write_answer": answer},
    )

    def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
        answer = ask(request)
        specification.compare(request, answer)
        return answer

    world.meddle = meddle
    return world


def a_day(world: Timeline) -> None:
    """Let the sink do all that it can."""
    world.sink.prepare()
    world.sink.check()
    world.sink.wants()
    world.deliver(world.item(call(1), 1), world.item(call(2, extension="102"), 9), world.item(message(1), 2))
    world.deliver(world.item(call(3), hs_call_status="LOST"), world.item(call(4), 3))
    world.calls.archive(70_002)
    world.deliver(world.item(call(1, summary="Late."), 2), world.item(call(2, summary="Late.")))
    world.sink.find([world.item(call(4)), world.item(message(1)), world.item(call(5))])
    world.sink.create_contact("2125550123", "Ann Lee")
    world.sink.create_contact("442055500123", None)
    world.sink.erase([*world.known.values(), "calls/9"])


@pytest.mark.parametrize("answer", ["sent", "defaults"])
@pytest.mark.parametrize("unique", ["custom", "creation_key", "none"])
def test_every_request_of_the_sink_is_as_the_specification_says(
    specification: Specification, unique: str, answer: str
) -> None:
    world = compared(specification, unique, answer)
    a_day(world)
    assert specification.compared
    if specification.version == "2026-09" and any("{objectType}/search" in each for each in specification.compared):
        made = {each.replace("upsert", "create") if unique == "none" else each for each in OF_ALL_OBJECTS}
        assert made <= specification.compared


def test_a_value_that_is_no_text_is_noticed(specification: Specification) -> None:
    world = compared(specification, "custom")
    if specification.version != "2026-09" or not any("batch" in each for each in specification.paths):
        pytest.skip("it does not tell how calls are written")
    body = {"inputs": [{"from": {"id": 1}, "to": {"id": "2"}, "types": [], "id": 5, "properties": {}}]}
    kind = (
        "associations/2026-09/calls/contacts" if "associations" in specification.paths[0] else "objects/2026-09/calls"
    )
    wrong = httpx.Request("POST", f"https://hubspot.example.com/crm/{kind}/batch/create", json=body)
    with pytest.raises(Exception, match=r"is not of type|is a required property"):
        specification.compare(wrong, world.meddle(wrong, lambda _: httpx.Response(200, json={})))
