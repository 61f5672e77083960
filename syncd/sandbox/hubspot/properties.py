"""The property definitions of the account, and how values are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

CONTACTS: Mapping[str, str] = {
    "hs_object_id": "number",
    "createdate": "datetime",
    "lastmodifieddate": "datetime",
    "hs_lastmodifieddate": "datetime",
    "hs_merged_object_ids": "string",
    "firstname": "string",
    "lastname": "string",
    "email": "string",
    "hs_additional_emails": "string",
    "phone": "string",
    "mobilephone": "string",
    "fax": "string",
    "company": "string",
    "jobtitle": "string",
    "city": "string",
    "country": "string",
    "lifecyclestage": "enumeration",
    "date_of_birth": "date",
    "associatedcompanyid": "number",
}
"""The contacts' properties that a new account has, with their types."""

COMPANIES: Mapping[str, str] = {
    "hs_object_id": "number",
    "createdate": "datetime",
    "hs_lastmodifieddate": "datetime",
    "hs_merged_object_ids": "string",
    "name": "string",
    "domain": "string",
    "phone": "string",
    "city": "string",
}

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("firstname", "lastname", "email", "createdate", "lastmodifieddate", "hs_object_id"),
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
}
"""What an answer holds when no properties are asked for; those that are asked for replace them."""

MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
"""The property that holds when a record was changed. Contacts have the other one too, and it is empty."""

_FIELD_TYPES = {"string": "text", "number": "number", "datetime": "date", "date": "date", "enumeration": "select"}


@lru_cache(maxsize=1024)
def iso(moment: int) -> str:
    """``moment`` (milliseconds since 1970) as HubSpot shows it: ``2026-09-01T12:00:00.123Z``."""
    whole = datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment % 1000:03}Z"


@lru_cache(maxsize=1024)
def milliseconds(text: str) -> int:
    """A date, a time or a number of milliseconds as milliseconds since 1970.

    Raises:
        ValueError: it is none of these.

    """
    if text.lstrip("-").isdecimal():
        return int(text)
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def definition(name: str, kind: str) -> dict[str, Any]:
    """One item of the properties endpoint."""
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "type": kind,
        "fieldType": _FIELD_TYPES.get(kind, "text"),
        "groupName": "information",
        "description": "",
        "options": [],
        "calculated": False,
        "hidden": False,
        "archived": False,
        "hasUniqueValue": False,
        "dataSensitivity": "non_sensitive",
    }
