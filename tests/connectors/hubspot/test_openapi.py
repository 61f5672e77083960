"""The requests to HubSpot and the answers of the fake agree with the vendor's own specifications.

The specifications are not part of the project. ``SYNCD_HUBSPOT_OPENAPI`` names their files (contacts, of any version),
separated as in ``PATH``. Without the variable the tests are skipped::

    SYNCD_HUBSPOT_OPENAPI=contacts-2026-09.json:contacts-v3.json pytest tests/connectors/hubspot/test_openapi.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30Validator

from tests.worlds.hubspot_source import DAY, WITH_COMPANY, Crm

FILES = [Path(name) for name in os.environ.get("SYNCD_HUBSPOT_OPENAPI", "").split(os.pathsep) if name]

pytestmark = pytest.mark.skipif(not FILES, reason="SYNCD_HUBSPOT_OPENAPI names no specification")


class Specification:
    """One specification, corrected at the points where the vendor's own clients depart from it.

    A search "requires" keys that are optional, sort rules are objects and not texts, and property values may be null.
    """

    def __init__(self, path: Path) -> None:
        self._whole = json.loads(path.read_text())
        schemas = self._whole["components"]["schemas"]
        schemas["PublicObjectSearchRequest"]["required"] = []
        schemas["PublicObjectSearchRequest"]["properties"]["sorts"]["items"] = {"type": "object"}
        for name in ("SimplePublicObject", "SimplePublicObjectWithAssociations"):
            schemas[name]["properties"]["properties"]["additionalProperties"]["nullable"] = True
        patterns = {re.sub(r"\{[^}]+\}", "[^/]+", path): path for path in self._whole["paths"]}
        # Fixed paths before paths with an id, because "…/search" fits "…/{id}" too.
        self._paths = sorted(patterns.items(), key=lambda each: "{" in each[1].rsplit("/", 1)[-1])
        self.version = "v3" if any("/v3/" in path for path in self._whole["paths"]) else self._date()
        self.compared: set[str] = set()

    def _date(self) -> str:
        found = re.search(r"\d{4}-\d\d", " ".join(self._whole["paths"]))
        assert found
        return found[0]

    def compare(self, request: httpx.Request, answer: httpx.Response) -> None:
        """Require that the request and its answer are as the specification says."""
        path = next((path for form, path in self._paths if re.fullmatch(form, request.url.path)), None)
        if path is None:
            return
        operation = self._whole["paths"][path][request.method.lower()]
        self.compared.add(f"{request.method} {path}")
        known = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
        for name, value in request.url.params.items():
            self._check(known[name], _typed(known[name], value))
        if body := operation.get("requestBody"):
            self._check(body["content"]["application/json"]["schema"], json.loads(request.content))
        if answer.status_code < 300:
            told = operation["responses"]["200"]["content"]["application/json"]["schema"]
            self._check(told, answer.json())
        else:
            self._check({"$ref": "#/components/schemas/Error"}, answer.json())

    def _check(self, schema: Any, value: Any) -> None:
        OAS30Validator({**schema, "components": self._whole["components"]}).validate(value)


def _typed(schema: Any, text: str) -> Any:
    """Return a query's text as a value of the type in its schema."""
    if schema["type"] == "array":
        return text.split(",")
    return json.loads(text) if schema["type"] in ("boolean", "integer") else text


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
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
