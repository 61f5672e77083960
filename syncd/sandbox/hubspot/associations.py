"""The links of many records, with pages for each record; new links of calls and messages; the types of links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.hubspot.errors import Refused, failure, invalid
from syncd.sandbox.hubspot.kinds import LINK_TYPES, TYPE_IDS
from syncd.sandbox.hubspot.portal import PRIMARY, UNLABELLED, Portal
from syncd.sandbox.hubspot.properties import iso
from syncd.sandbox.replies import Reply

LIMIT = 1_000
"""The most records whose links are read at once."""

NEW_LIMIT = 2_000
"""The most links that are made at once."""


def read_links(portal: Portal, origin: str, body: Any, *, numbers: bool) -> Reply:
    """Return the links of the records of kind ``origin`` that the body names; ``numbers``: ids are integers."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) and "id" in each for each in inputs):
        raise invalid('inputs is a list of {"id": "…"}')
    if len(inputs) > LIMIT:
        raise invalid(f"a batch holds at most {LIMIT:,} inputs")
    pages = {str(each["id"]): _page(portal, origin, each, numbers=numbers) for each in inputs}
    answer: dict[str, Any] = {"status": "COMPLETE", "results": [page for page in pages.values() if page["to"]]}
    # A record without links is an error inside a 207: a reader must not take it for a failed batch.
    without = [number for number, page in pages.items() if not page["to"]]
    if without:
        errors = [_none(number) for number in without]
        answer |= {"numErrors": len(errors), "errors": errors}
    return Reply(207 if without else 200, answer, rows=len(answer["results"]))


def associate(portal: Portal, origin: str, to: str, body: Any, *, numbers: bool) -> Reply:
    """Link the pairs that the body names; a pair that is linked stays so. ``numbers``: ids are integers."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs or len(inputs) > NEW_LIMIT:
        raise invalid(f"inputs is a list of 1 to {NEW_LIMIT:,} pairs")
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


def _page(portal: Portal, origin: str, wanted: Mapping[str, Any], *, numbers: bool) -> dict[str, Any]:
    size, number = int(portal.dialects["association_page"]), str(wanted["id"])
    start = int(wanted.get("after") or 0)
    # An id that is no number has no links.
    links = portal.linked(origin, int(number)) if number.isdecimal() else []
    page: dict[str, Any] = {
        "from": {"id": number},
        "to": [_link(to, types, numbers=numbers) for to, types in links[start : start + size]],
    }
    if start + size < len(links):
        page["paging"] = {"next": {"after": str(start + size)}}
    return page


def _link(to: int, types: set[int], *, numbers: bool) -> dict[str, Any]:
    kinds = [
        {"category": "HUBSPOT_DEFINED", "typeId": each, "label": "Primary" if each == PRIMARY else None}
        for each in sorted(types)
    ]
    return {"toObjectId": to if numbers else str(to), "associationTypes": kinds}


def _none(number: str) -> dict[str, Any]:
    error = failure("OBJECT_NOT_FOUND", "Nothing is associated with the record.", context={"fromObjectId": [number]})
    return {**error, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}


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
