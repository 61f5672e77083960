"""Looks for records without a unique property. HubSpot's search lags, so what it does not find may still come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.account import Session
from connectors.hubspot.api import SEARCH_SIZE, Record, results_of
from connectors.hubspot.sink_fields import BODY, CALLS, CHANNEL, TIME, instant_of
from connectors.hubspot.sink_records import EXTERNAL_ID, Records
from syncd.sink import Item

GROUPS = 5
"""The most alternatives of one search."""


def found_by_search(session: Session, kind: str, items: Sequence[Item]) -> dict[str, str | None]:
    """Return the ids of the records that search shows of these items, None of the others.

    A call is found by its external id, a message by its time, its channel and its text. Two items that fit one record
    are both left out: whose it is cannot be told.
    """
    found: dict[str, str | None] = {}
    for start in range(0, len(items), GROUPS):
        part = items[start : start + GROUPS]
        records = _searched(session, kind, part)
        ids = {item.identity: _id_among(session, kind, item, records) for item in part}
        taken = [id_ for id_ in ids.values() if id_]
        found |= {identity: id_ for identity, id_ in ids.items() if id_ is None or taken.count(id_) == 1}
    return found


def _searched(session: Session, kind: str, items: Sequence[Item]) -> list[Record]:
    names = [EXTERNAL_ID] if kind == CALLS else [TIME, CHANNEL, BODY[kind]]
    body = {
        "filterGroups": [{"filters": list(_filters(kind, each))} for each in items],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": names,
        "limit": SEARCH_SIZE,
    }
    return results_of(session.ask("POST", f"{session.paths.objects(kind)}/search", json=body))


def _filters(kind: str, item: Item) -> Iterator[Mapping[str, Any]]:
    if kind == CALLS:
        yield {"propertyName": EXTERNAL_ID, "operator": "EQ", "value": item.identity}
        return
    moment = instant_of(item.fields.get(TIME)) or 0.0
    yield {"propertyName": TIME, "operator": "EQ", "value": str(round(moment * 1000))}
    yield {"propertyName": CHANNEL, "operator": "EQ", "value": str(item.fields.get(CHANNEL))}


def _id_among(session: Session, kind: str, item: Item, records: Sequence[Record]) -> str | None:
    rows = Records(session, kind, "")
    for record in records:
        shown = record.get("properties") or {}
        if shown.get(EXTERNAL_ID) == item.identity or rows.is_shown(item.fields, shown):
            return str(record.get("id"))
    return None
