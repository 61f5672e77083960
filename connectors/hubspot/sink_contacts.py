"""Makes a contact of an unknown caller, unless the account has one with the number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.account import Session
from connectors.hubspot.api import SEARCH_SIZE, results_of
from connectors.hubspot.sink_fields import CONTACTS
from syncd.errors import SourceUnavailable

SEARCHED = {
    "hs_searchable_calculated_phone_number": "phone",
    "hs_searchable_calculated_mobile_number": "mobilephone",
}
"""The properties by which HubSpot finds numbers: area code and local number, without a country code."""

LAST = 7
"""How many last digits of a foreign number are searched for: how long its country code is, is not known here."""


def contact_of(session: Session, number: str, name: str | None) -> str:
    """Return the id of the contact with this number (digits), or of the one that is made of it and the name.

    Raises:
        SourceUnavailable: HubSpot did not answer; the contact may have been made.

    """
    known = _found(session, number)
    if known:
        return known
    first, _, last = (name or "").strip().partition(" ")
    values = {"phone": number, "firstname": first, "lastname": last.strip()}
    body = {"properties": {key: value for key, value in values.items() if value}, "associations": []}
    # Nothing makes a contact unique but its e-mail address, so this is not sent again.
    answer = session.ask("POST", session.paths.objects(CONTACTS), json=body, finish=True, again=_not_again)
    made = find("id", answer.body)
    if made is None:
        raise SourceUnavailable("HubSpot's answer does not name the contact that it made: try again later")
    return str(made)


def _found(session: Session, number: str) -> str:
    body = {
        "filterGroups": [{"filters": [each]} for each in _filters(number)],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": [*SEARCHED.values()],
        "limit": SEARCH_SIZE,
    }
    for each in results_of(session.ask("POST", f"{session.paths.objects(CONTACTS)}/search", json=body)):
        shown = each.get("properties") or {}
        # Only the same number: its last digits alone could be anybody's.
        if any(_digits(shown.get(source)) == _digits(number) for source in SEARCHED.values()):
            return str(each.get("id"))
    return ""


def _filters(number: str) -> Iterator[Mapping[str, Any]]:
    digits = _digits(number)
    is_national = len(digits) == 10
    for name in SEARCHED:
        if is_national:
            yield {"propertyName": name, "operator": "EQ", "value": digits}
        else:
            yield {"propertyName": name, "operator": "CONTAINS_TOKEN", "value": f"*{digits[-LAST:]}"}


def _digits(phone: Any) -> str:
    """Return the digits of a number, without the country code 1."""
    digits = "".join(letter for letter in str(phone or "") if letter in "0123456789").removeprefix("00")
    return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits


def _not_again() -> None:
    raise SourceUnavailable("HubSpot did not answer whether it made the contact: look for it in HubSpot")
