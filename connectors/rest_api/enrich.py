"""More about records, looked up in batches and put into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of, text_of
from connectors.rest_api.forms import EnrichForm
from connectors.rest_api.session import Session


def enriched(records: Sequence[Any], steps: Sequence[EnrichForm], session: Session) -> list[Any]:
    """The records with what each step finds; a later step may look up what an earlier one has found."""
    found = list(records)
    for step in steps:
        found = _step(found, step, session)
    return found


def _step(records: list[Any], step: EnrichForm, session: Session) -> list[Any]:
    wanted = [_ids(find(step.by, record)) for record in records]
    known = _look_up(list(dict.fromkeys(id_ for ids in wanted for id_ in ids)), step, session)
    return [
        _with(record, step.into, [known[id_] for id_ in ids if id_ in known])
        for record, ids in zip(records, wanted, strict=True)
    ]


def _ids(told: Any) -> list[str]:
    """One id, or several: a list, or nothing."""
    items: Iterable[Any] = told if isinstance(told, list) else [told]
    return [text for each in items if not isinstance(each, bool) and (text := text_of(each))]


def _look_up(ids: Sequence[str], step: EnrichForm, session: Session) -> dict[str, Any]:
    """What the server has for these ids; one that it does not have is absent.

    An answer may be a first page only, so what it lacks is asked for again until an answer brings none of it.
    """
    template, found = step.request.template(), {}
    for start in range(0, len(ids), step.chunk):
        missing, asked = list(ids[start : start + step.chunk]), 0
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
