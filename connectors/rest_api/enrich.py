"""Look up more about records, in batches, and put what is found into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of, text_of
from connectors.rest_api.forms import EnrichForm
from connectors.rest_api.session import LookedUp, Session
from syncd.errors import SourceUnavailable


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
    """Return the server's records by id; an id that the server does not have is absent.

    Raises:
        SourceUnavailable: the server gave no answer about an id.

    """
    found: dict[str, Any] = {}
    missing: list[str] = []
    for start in range(0, len(ids), step.chunk):
        part = ids[start : start + step.chunk]
        missing += [] if _ask(part, step, session, found) else [id_ for id_ in part if id_ not in found]
    looked_up = session.looked_up.setdefault(step.into, LookedUp())
    looked_up.witness = next(iter(found), looked_up.witness)
    unsure = [id_ for id_ in missing if id_ not in looked_up.absent]
    if unsure and step.missing == "unknown":
        _confirm(unsure, step, session, found, looked_up)
    return found


def _ask(ids: Sequence[str], step: EnrichForm, session: Session, found: dict[str, Any]) -> bool:
    """Ask for these ids, and add what comes to ``found``; return whether the server says that it has none of them."""
    template = step.request.template()
    missing, asked = list(ids), 0
    # An answer may be a first page only. Ask for the missing ids again, until an answer brings none of them.
    while missing and len(missing) != asked:
        asked = len(missing)
        answer = session.ask(template, {"ids": missing})
        if answer.verdict in {"empty", "skip"}:
            return True
        records = session.records(answer, step.records, template)
        ids_found = ids_of(records, step.records.id)
        found.update({id_: record for id_, record in zip(ids_found, records, strict=True) if id_})
        missing = [id_ for id_ in missing if id_ not in found]
    return False


def _confirm(
    unsure: Sequence[str], step: EnrichForm, session: Session, found: dict[str, Any], looked_up: LookedUp
) -> None:
    """Ask once more for ids without an answer, beside an id that the server has."""
    # An answer without a record says nothing: a server that fails may answer every lookup with an empty list. If the
    # known id is answered and another one is not, that one is not there.
    witness, size = looked_up.witness, max(1, step.chunk - 1)
    for start in range(0, len(unsure), size):
        part, again = unsure[start : start + size], dict[str, Any]()
        for asked in [[*part, witness]] if witness and step.chunk > 1 else [part, [witness]] if witness else []:
            _ask(asked, step, session, again)
        if witness not in again:
            raise SourceUnavailable(
                f"{session.name} gave no answer about {len(unsure)} of the ids that enrich looks up for "
                f"{step.into!r}: try again later; if such records may be absent, set missing: empty in that step"
            )
        found.update({id_: again[id_] for id_ in part if id_ in again})
        looked_up.absent |= {id_ for id_ in part if id_ not in again}


def _with(record: Any, name: str, found: Sequence[Any]) -> Any:
    if not isinstance(record, dict) or not found:
        return record
    return {**record, name: found[0] if len(found) == 1 else list(found)}
