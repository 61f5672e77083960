"""Look up more about records, in batches, and put what is found into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of, text_of
from connectors.rest_api.forms import EnrichForm
from connectors.rest_api.session import Session


def enriched(records: Sequence[Any], steps: Sequence[EnrichForm], session: Session) -> list[Any]:
    """Return the records with what each step finds; a later step may look up ids that an earlier one found."""
    found = list(records)
    for step in steps:
        found = _enrich(found, step, session)
    return found


def _enrich(records: list[Any], step: EnrichForm, session: Session) -> list[Any]:
    ids_of_each = [_ids(find(step.by, record)) for record in records]
    # Many records share an id, so each is looked up once for the whole page.
    found = _look_up(list(dict.fromkeys(id_ for ids in ids_of_each for id_ in ids)), step, session)
    return [
        _with(record, step.into, [found[id_] for id_ in ids if id_ in found])
        for record, ids in zip(records, ids_of_each, strict=True)
    ]


def _ids(value: Any) -> list[str]:
    # Some servers write false for an empty reference: that is no id.
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    return [text for each in items if not isinstance(each, bool) and (text := text_of(each))]


def _look_up(ids: Sequence[str], step: EnrichForm, session: Session) -> dict[str, Any]:
    """Return the server's records by id; an id that the server does not have is absent."""
    template, found = step.request.template(), {}
    for start in range(0, len(ids), step.chunk):
        missing, asked = list(ids[start : start + step.chunk]), 0
        # An answer may be a first page only. Ask for the missing ids again, until an answer brings none of them.
        while missing and len(missing) != asked:
            asked = len(missing)
            answer = session.ask(template, {"ids": missing})
            records = session.records(answer, step.records, template)
            ids_found = ids_of(records, step.records.id)
            found.update({id_: record for id_, record in zip(ids_found, records, strict=True) if id_})
            missing = [id_ for id_ in missing if id_ not in found]
    return found


def _with(record: Any, name: str, found: Sequence[Any]) -> Any:
    if not isinstance(record, dict) or not found:
        return record
    return {**record, name: found[0] if len(found) == 1 else list(found)}
