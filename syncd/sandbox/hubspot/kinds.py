"""The kinds of records in a new account: their properties, and what HubSpot says about each property."""

from __future__ import annotations

from collections.abc import Mapping

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
    "hs_searchable_calculated_phone_number": "string",
    "hs_searchable_calculated_mobile_number": "string",
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

_ENGAGEMENTS: Mapping[str, str] = {
    "hs_object_id": "number",
    "hs_createdate": "datetime",
    "hs_lastmodifieddate": "datetime",
    "hs_unique_creation_key": "string",
    "hs_timestamp": "datetime",
    "hs_attachment_ids": "string",
    "hubspot_owner_id": "enumeration",
}

CALLS: Mapping[str, str] = {
    **_ENGAGEMENTS,
    "hs_activity_type": "enumeration",
    "hs_call_app_id": "number",
    "hs_call_body": "string",
    "hs_call_direction": "enumeration",
    "hs_call_disposition": "enumeration",
    "hs_call_duration": "number",
    "hs_call_external_account_id": "string",
    "hs_call_external_id": "string",
    "hs_call_from_number": "string",
    "hs_call_recording_url": "string",
    "hs_call_source": "string",
    "hs_call_status": "enumeration",
    "hs_call_title": "string",
    "hs_call_to_number": "string",
}

COMMUNICATIONS: Mapping[str, str] = {
    **_ENGAGEMENTS,
    "hs_communication_body": "string",
    "hs_communication_channel_type": "enumeration",
    "hs_communication_logged_from": "enumeration",
}

DISPOSITIONS: Mapping[str, str] = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
}
"""The outcomes of calls in a new account, by their ids."""

_STATUSES = (
    "BUSY CALLING_CRM_USER CANCELED COMPLETED CONNECTING FAILED IN_PROGRESS NO_ANSWER QUEUED RINGING"  # of a call
)

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "hs_call_direction": {each: each.capitalize() for each in ("INBOUND", "OUTBOUND")},
    "hs_call_status": {each: each.replace("_", " ").capitalize() for each in _STATUSES.split()},
    "hs_call_disposition": DISPOSITIONS,
    "hs_communication_channel_type": {"SMS": "SMS", "WHATS_APP": "WhatsApp", "LINKEDIN_MESSAGE": "LinkedIn message"},
    "hs_communication_logged_from": {"CRM": "CRM"},
}
"""The values of enumerations, with their labels. An enumeration that is not here takes any value."""

MAINTAINED = frozenset({"hs_object_id", "createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate"})
"""The properties that HubSpot maintains itself: nobody can write them."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "calls": ("hs_timestamp",),
    "communications": ("hs_timestamp", "hs_communication_channel_type", "hs_communication_logged_from"),
}
"""The properties that a new record needs."""

PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "calls": CALLS,
    "communications": COMMUNICATIONS,
}

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("firstname", "lastname", "email", "createdate", "lastmodifieddate", "hs_object_id"),
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "calls": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
    "communications": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
}
"""The properties in an answer if a request names none."""

MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate"}
"""The property with the time of a record's last change, where it is not ``hs_lastmodifieddate``.

Contacts also have the other one, and it is empty.
"""

CREATED: Mapping[str, str] = {"contacts": "createdate", "companies": "createdate"}
"""The property with the time at which a record was made, where it is not ``hs_createdate``."""

TYPE_IDS: Mapping[str, str] = {"contacts": "0-1", "companies": "0-2", "calls": "0-48", "communications": "0-18"}

FIRST_ID: Mapping[str, int] = {"contacts": 1, "companies": 1, "calls": 70_001, "communications": 80_001}
"""The id of the first record: a call's id is no contact's."""

LINK_TYPES: Mapping[tuple[str, str], int] = {
    ("calls", "contacts"): 194,
    ("communications", "contacts"): 81,
}
"""The type ids of links without a label from calls and communications."""

GROUPS: Mapping[str, str] = {"calls": "call", "communications": "communication"}
"""The group of the properties, where it is not ``information``."""
