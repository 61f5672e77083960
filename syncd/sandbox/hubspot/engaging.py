"""Links of calls and messages to contacts, the types of links, the users, and the outcomes of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.hubspot.errors import Refused, failure, invalid
from syncd.sandbox.hubspot.kinds import DISPOSITIONS, LINK_TYPES, TYPE_IDS
from syncd.sandbox.hubspot.portal import PRIMARY, UNLABELLED, Portal
from syncd.sandbox.hubspot.properties import iso
from syncd.sandbox.hubspot.reading import bounded
from syncd.sandbox.replies import Reply

LIMIT = 2_000
OWNERS_LIMIT = 500


def associate(portal: Portal, origin: str, to: str, body: Any, *, numbers: bool) -> Reply:
    """Link the pairs that the body names; a pair that is linked stays so. ``numbers``: ids are integers."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs or len(inputs) > LIMIT:
        raise invalid(f"inputs is a list of 1 to {LIMIT:,} pairs")
    pairs = [_pair(each, LINK_TYPES.get((origin, to))) for each in inputs]
    missing = [(pair, kind) for pair in pairs if (kind := _lacks(portal, origin, *pair))]
    if missing and portal.dialects["associate_missing"] == "whole":
        raise Refused(404, "OBJECT_NOT_FOUND", "One or more objects do not exist.")
    skipped = {pair for pair, _ in missing}
    made = [
        (number, portal.engage(origin, number, contact))
        for number, contact in pairs
        if (number, contact) not in skipped
    ]
    results = [_result(origin, to, *pair, numbers=numbers) for pair in made]
    answer: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)}
    if missing:
        errors = [_missing(*pair, kind) for pair, kind in missing]
        answer |= {"numErrors": len(errors), "errors": errors}
    return Reply(207 if missing else 201, answer, rows=len(results))


def labels(origin: str, to: str) -> Reply:
    """Return the types of links between two kinds."""
    if (origin, to) == ("contacts", "companies"):
        found: list[tuple[int, str | None]] = [(PRIMARY, "Primary"), (UNLABELLED, None)]
    elif (origin, to) in LINK_TYPES:
        found = [(LINK_TYPES[origin, to], None)]
    else:
        raise invalid(f"there are no links from {origin} to {to}")
    results = [{"category": "HUBSPOT_DEFINED", "typeId": each, "label": label} for each, label in found]
    return Reply(200, {"results": results})


def owners(portal: Portal, query: Mapping[str, str]) -> Reply:
    """Return a page of the account's users."""
    limit, after = bounded(query.get("limit") or "100", OWNERS_LIMIT), query.get("after") or "0"
    if not after.isdecimal():
        raise invalid("after is not a paging token of this list")
    found = [(id_, email) for id_, email in portal.owners.items() if query.get("email") in (None, email)]
    page = found[int(after) : int(after) + limit]
    answer: dict[str, Any] = {"results": [_owner(*each) for each in page]}
    if int(after) + limit < len(found):
        answer["paging"] = {"next": {"after": str(int(after) + limit)}}
    return Reply(200, answer, rows=len(page))


def dispositions() -> Reply:
    """Return the outcomes that a call may have: a list, and no envelope."""
    return Reply(200, [{"id": id_, "label": label, "deleted": False} for id_, label in DISPOSITIONS.items()])


def _pair(wanted: Any, type_id: int | None) -> tuple[int, int]:
    try:
        types = [(each["associationCategory"], each["associationTypeId"]) for each in wanted["types"]]
        pair = int(wanted["from"]["id"]), int(wanted["to"]["id"])
    except (KeyError, TypeError, ValueError):
        raise invalid('inputs is a list of {"from": {"id": …}, "to": {"id": …}, "types": […]}') from None
    if types != [("HUBSPOT_DEFINED", type_id)]:
        raise invalid(f"One or more association types are not valid: {types}")
    return pair


def _lacks(portal: Portal, origin: str, number: int, contact: int) -> str:
    table = portal.table(origin)
    if table is None or table.find(number) is None:
        return "from"
    return "" if portal.contacts.find(contact) else "to"


def _result(origin: str, to: str, number: int, contact: int, *, numbers: bool) -> dict[str, Any]:
    ids: tuple[Any, Any] = (number, contact) if numbers else (str(number), str(contact))
    return {
        "fromObjectTypeId": TYPE_IDS[origin],
        "fromObjectId": ids[0],
        "toObjectTypeId": TYPE_IDS[to],
        "toObjectId": ids[1],
        "labels": [],
    }


def _missing(number: int, contact: int, kind: str) -> dict[str, Any]:
    context = {"fromObjectId": [str(number)], "toObjectId": [str(contact)]}
    return failure("OBJECT_NOT_FOUND", f"The object in '{kind}' does not exist.", context=context)


def _owner(id_: str, email: str) -> dict[str, Any]:
    name = email.partition("@")[0].capitalize()
    times = {"createdAt": iso(0), "updatedAt": iso(0)}
    return {"id": id_, "email": email, "type": "PERSON", "firstName": name, "lastName": "", "archived": False, **times}
