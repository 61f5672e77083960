"""The endpoints: which request goes where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

VERSIONS = frozenset({"v3", "2025-09", "2026-03", "2026-09"})

# Newer versions of the API carry a date and order the path in another way; both are served.
_DATE, _KIND, _ID = r"(?P<version>\d{4}-\d\d)", r"(?P<kind>\w+)", r"(?P<id>\d+)"
_OBJECTS = (rf"/crm/objects/{_DATE}/{_KIND}", rf"/crm/(?P<version>v3)/objects/{_KIND}")
_ROUTES: Sequence[tuple[str, str, str]] = (
    *(
        (method, operation, f"{objects}{path}")
        for objects in _OBJECTS
        for method, operation, path in (
            ("GET", "list", ""),
            ("POST", "create", ""),
            ("POST", "search", "/search"),
            ("POST", "batch", "/batch/read"),
            ("POST", "batch_create", "/batch/create"),
            ("POST", "batch_update", "/batch/update"),
            ("POST", "batch_upsert", "/batch/upsert"),
            ("POST", "batch_archive", "/batch/archive"),
            ("GET", "record", f"/{_ID}"),
            ("PATCH", "update", f"/{_ID}"),
            ("DELETE", "archive", f"/{_ID}"),
        )
    ),
    *(
        (method, operation, f"{links}/{_KIND}/(?P<to>\\w+){path}")
        for links in (rf"/crm/associations/{_DATE}", r"/crm/(?P<version>v4)/associations")
        for method, operation, path in (
            ("POST", "associations", "/batch/read"),
            ("POST", "associate", "/batch/create"),
            ("GET", "labels", "/labels"),
        )
    ),
    ("GET", "properties", rf"/crm/properties/{_DATE}/{_KIND}"),
    ("GET", "properties", rf"/crm/(?P<version>v3)/properties/{_KIND}"),
    ("POST", "property", rf"/crm/properties/{_DATE}/{_KIND}"),
    ("POST", "property", rf"/crm/(?P<version>v3)/properties/{_KIND}"),
    ("GET", "owners", rf"/crm/owners/{_DATE}"),
    ("GET", "owners", r"/crm/(?P<version>v3)/owners"),
    ("GET", "dispositions", r"/calling/(?P<version>v1)/dispositions"),
    ("POST", "token", r"/oauth/(?P<version>v1|v3|\d{4}-\d\d)/token"),
)
_PATTERNS = [(method, operation, re.compile(path)) for method, operation, path in _ROUTES]

WRITES = frozenset(
    {"create", "update", "archive", "batch_create", "batch_update", "batch_upsert", "batch_archive"}
    | {"associate", "property"}
)
"""The operations that change something."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``path`` begins with ``/crm``, ``/calling`` or ``/oauth``; ``length`` is the length of its URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a request; its operation is empty if there is no such endpoint.

    ``kind``: the kind of its records; ``number``: the id of its single record; ``to``: the kind at the other end of
    links.
    """

    operation: str = ""
    kind: str = ""
    version: str = ""
    number: str = ""
    to: str = ""

    @property
    def scopes(self) -> list[str]:
        """The scopes that a key needs for it."""
        if self.operation == "owners":
            return ["crm.objects.owners.read"]
        # Calls and messages have no scopes of their own: those of contacts are asked for.
        kind = self.kind if self.kind in ("contacts", "companies") else "contacts"
        if self.operation in ("properties", "property"):
            return [f"crm.schemas.{kind}.{'read' if self.operation == 'properties' else 'write'}"]
        if self.operation == "associations" and "companies" in (self.kind, self.to):
            return ["crm.objects.contacts.read", "crm.objects.companies.read"]
        return [f"crm.objects.{kind}.{'write' if self.operation in WRITES else 'read'}"]


def route_of(call: Call) -> Route:
    """Return the target of a request."""
    for method, operation, pattern in _PATTERNS:
        found = pattern.fullmatch(call.path) if method == call.method else None
        # The vendor retires dated versions: an old one must not be served by accident.
        if found and found["version"] in VERSIONS | {"v1", "v4"}:
            parts = found.groupdict()
            return Route(operation, parts.get("kind", ""), parts["version"], parts.get("id", ""), parts.get("to", ""))
    return Route()
