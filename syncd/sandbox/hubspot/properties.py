"""The property definitions of the account, and the form of values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from syncd.sandbox.hubspot import kinds
from syncd.sandbox.hubspot.errors import Refused, invalid

NAME = re.compile(r"[a-z][a-z0-9_]*")
MOST_UNIQUE = 10
"""The most properties with unique values that a company can make for one kind of records."""

CREATION_KEY = "hs_unique_creation_key"

_FIELD_TYPES = {"string": "text", "number": "number", "datetime": "date", "date": "date", "enumeration": "select"}


# Cached: a bulk load gives thousands of records the same millisecond.
@lru_cache(maxsize=1024)
def iso(moment: int) -> str:
    """Return ``moment`` (milliseconds since 1970) in HubSpot's form: ``2026-09-01T12:00:00.123Z``."""
    # By whole seconds: a float of seconds would round some milliseconds.
    whole = datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment % 1000:03}Z"


@lru_cache(maxsize=1024)
def milliseconds(text: str) -> int:
    """Return a date, a time or a number of milliseconds as milliseconds since 1970.

    Raises:
        ValueError: the text is none of these.

    """
    if text.lstrip("-").isdecimal():
        return int(text)
    # A date without a time zone is midnight in UTC, also for a reader in another zone.
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@dataclass(slots=True)
class Schema:
    """The properties of one kind of records.

    ``types``: their types by name. ``unique``: those whose values are unique. ``made``: the definitions of those that
    the company made itself.
    """

    kind: str
    dialects: Mapping[str, str]
    types: dict[str, str] = field(default_factory=dict)
    unique: set[str] = field(default_factory=set)
    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types |= kinds.PROPERTIES[self.kind]
        self.unique |= {CREATION_KEY} & self.types.keys()

    def is_read_only(self, name: str) -> bool:
        """Return whether nobody can write the property."""
        return name in kinds.MAINTAINED or (name == CREATION_KEY and self.dialects["unique"] != "creation_key")

    def options(self, name: str) -> Mapping[str, str]:
        """Return the values of an enumeration with their labels; none if it takes any value."""
        return kinds.OPTIONS.get(name, {})

    def make(self, body: Any) -> dict[str, Any]:
        """Make a property as the body says, and return its definition.

        Raises:
            Refused: the body is wrong, the name is taken, or a unique property is not allowed.

        """
        needed = ("name", "label", "type", "fieldType", "groupName")
        if not isinstance(body, dict) or not all(isinstance(body.get(each), str) for each in needed):
            raise invalid(f"a property needs {', '.join(needed)}")
        name = body["name"]
        if not NAME.fullmatch(name):
            raise invalid("the name of a property has small letters, digits and underscores")
        if name in self.types:
            raise Refused(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
        if body.get("hasUniqueValue"):
            self._require_unique_allowed()
            self.unique.add(name)
        self.types[name] = body["type"]
        self.made[name] = body
        return self.definition(name)

    def _require_unique_allowed(self) -> None:
        engaged = self.kind in kinds.GROUPS
        if engaged and self.dialects["unique"] != "custom":
            raise invalid(f"Properties of {self.kind} cannot have unique values.")
        if len(self.unique & self.made.keys()) >= MOST_UNIQUE:
            raise invalid(f"There are {MOST_UNIQUE} properties with unique values already.")

    def definitions(self) -> list[dict[str, Any]]:
        """Return the items of the properties endpoint."""
        return [self.definition(name) for name in self.types]

    def definition(self, name: str) -> dict[str, Any]:
        """Return one item of the properties endpoint."""
        kind, read_only = self.types[name], self.is_read_only(name)
        options = [
            {"label": label, "value": value, "displayOrder": at, "hidden": False}
            for at, (value, label) in enumerate(self.options(name).items())
        ]
        return {
            "name": name,
            "label": name.replace("_", " ").capitalize(),
            "type": kind,
            "fieldType": _FIELD_TYPES.get(kind, "text"),
            "groupName": kinds.GROUPS.get(self.kind, "information"),
            "description": "",
            "options": options,
            "calculated": False,
            "hidden": False,
            "archived": False,
            "hasUniqueValue": name in self.unique,
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": {
                "archivable": name in self.made,
                "readOnlyDefinition": name not in self.made,
                "readOnlyValue": read_only,
            },
        }
