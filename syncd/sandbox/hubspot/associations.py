"""``POST …/associations/…/batch/read``: the links of many records, with pages for each record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.hubspot.errors import failure, invalid
from syncd.sandbox.hubspot.portal import PRIMARY, Portal
from syncd.sandbox.replies import Reply

LIMIT = 1_000


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
