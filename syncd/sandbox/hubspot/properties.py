"""The property definitions of the account, and the form of values."""

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
"""The properties of contacts in a new account, with their types."""

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
"""The properties in an answer if a request names none."""

MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
"""The property with the time of a record's last change. Contacts also have the other one, and it is empty."""

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


def definition(name: str, kind: str) -> dict[str, Any]:
    """Return one item of the properties endpoint."""
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
