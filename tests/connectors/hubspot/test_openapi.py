"""The requests to HubSpot and the answers of the fake agree with the vendor's own specifications.

The specifications are not part of the project. ``SYNCD_HUBSPOT_OPENAPI`` names their files (contacts, of any version),
separated as in ``PATH``. Without the variable the tests are skipped::

    SYNCD_HUBSPOT_OPENAPI=contacts-2026-09.json:contacts-v3.json pytest tests/connectors/hubspot/test_openapi.py
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.worlds.hubspot_source import DAY, WITH_COMPANY, Crm
from tests.worlds.hubspot_specification import OBJECTS, Specification

pytestmark = pytest.mark.skipif(not OBJECTS, reason="SYNCD_HUBSPOT_OPENAPI names no specification")


@pytest.fixture(params=OBJECTS, ids=lambda path: path.stem)
def specification(request: pytest.FixtureRequest) -> Specification:
    return Specification(request.param)


def test_every_request_and_every_answer_is_as_the_specification_says(specification: Specification) -> None:
    crm = Crm(300, needs=WITH_COMPANY, options={"api_version": specification.version})

    def meddle(request: httpx.Request, ask: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        answer = ask(request)
        specification.compare(request, answer)
        return answer

    crm.meddle = meddle
    crm.connector().check()
    crm.read()
    for number in range(1, 250):
        crm.contacts.edit(number, {"firstname": "Bea"})
    crm.contacts.archive(250)
    crm.fake.portal.merge(1, 2)
    crm.read()
    crm.contacts.restore(250)
    crm.read(later=DAY)
    assert len(specification.compared) == 3, specification.compared


def test_a_body_that_is_not_as_it_says_is_noticed(specification: Specification) -> None:
    crm = Crm(1, options={"api_version": specification.version})
    wrong = httpx.Request(
        "POST",
        f"https://hubspot.example.com{_search(specification.version)}",
        json={"filterGroups": [{"filters": [{"propertyName": "phone", "operator": "LIKE"}]}]},
    )
    with pytest.raises(Exception, match="'LIKE' is not one of"):
        specification.compare(wrong, crm.meddle(wrong, lambda _: httpx.Response(200, json={})))


def _search(version: str) -> str:
    return "/crm/v3/objects/contacts/search" if version == "v3" else f"/crm/objects/{version}/contacts/search"
