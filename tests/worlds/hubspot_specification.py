"""The vendor's published specifications of HubSpot's API, with which requests and answers are compared.

They are not part of the project: ``SYNCD_HUBSPOT_OPENAPI`` names their files, separated as in ``PATH``.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
from openapi_schema_validator import OAS30Validator

FILES = [Path(name) for name in os.environ.get("SYNCD_HUBSPOT_OPENAPI", "").split(os.pathsep) if name]
"""The files: of contacts, whose paths may be those of all objects, of associations, of properties and of owners."""

OBJECTS = [path for path in FILES if "/batch/upsert" in path.read_text()]
"""The files that tell how records are read and written."""


class Specification:
    """One specification, corrected at the points where the vendor's own clients depart from it.

    A search "requires" keys that are optional, sort rules are objects and not texts, and property values may be null.
    ``compared``: the operations that were compared. A file without such schemas needs no correction.
    """

    def __init__(self, path: Path) -> None:
        self._whole = json.loads(path.read_text())
        schemas = self._whole["components"]["schemas"]
        if search := schemas.get("PublicObjectSearchRequest"):
            search["required"] = []
            search["properties"]["sorts"]["items"] = {"type": "object"}
        for name in ("SimplePublicObject", "SimplePublicObjectWithAssociations", "SimplePublicUpsertObject"):
            if name in schemas:
                schemas[name]["properties"]["properties"]["additionalProperties"]["nullable"] = True
        patterns = {re.sub(r"\{[^}]+\}", "[^/]+", path): path for path in self._whole["paths"]}
        # Fixed paths before paths with an id, because "…/search" fits "…/{id}" too.
        self._paths = sorted(patterns.items(), key=lambda each: "{" in each[1].rsplit("/", 1)[-1])
        self.version = "v3" if any("/v3/" in path for path in self._whole["paths"]) else self._date()
        self.compared: set[str] = set()

    @property
    def paths(self) -> list[str]:
        return list(self._whole["paths"])

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
        if answer.status_code == 204:
            assert "204" in operation["responses"]
        elif answer.status_code < 300:
            # A partial answer (207) is told by some versions only; its shape is that of the others.
            told = next(each for status, each in operation["responses"].items() if status in {"200", "201"})
            self._check(told["content"]["application/json"]["schema"], answer.json())
        else:
            self._check({"$ref": "#/components/schemas/Error"}, answer.json())

    def _check(self, schema: Any, value: Any) -> None:
        OAS30Validator({**schema, "components": self._whole["components"]}).validate(value)


def _typed(schema: Any, text: str) -> Any:
    """Return a query's text as a value of the type in its schema."""
    if schema["type"] == "array":
        return text.split(",")
    return json.loads(text) if schema["type"] in ("boolean", "integer") else text
