"""What an answer to a push proves of each row that was sent. Pure: it reads parsed JSON and returns values.

The HTTP status proves nothing about a row, and neither does a position in the answer. A row is accepted if the answer
holds a contact with the row's match values. It is refused if an error can be about no other row. Everything else is
unknown and can be sent again, since an upsert finds its contact by the match values.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from syncd.core.change import Call, Fields
from syncd.core.compare import field_changes
from syncd.core.refusal_text import reason
from syncd.core.remote import Key, folded, match_keys, number, text_of, texts
from syncd.core.schema import Schema

T = TypeVar("T")


class Accepted(NamedTuple):
    """The target holds the contact as ``id`` with the returned ``fields``; ``action`` is the target's word."""

    id: int
    fields: Fields
    action: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The target refused the contact, or took it for another row's contact.

    ``reason`` holds no contact's data. ``twin``: the position of the other row.
    """

    reason: str
    twin: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer proves nothing about the contact."""

    why: str


Outcome = Accepted | Refused | Unknown

WITHOUT_MATCH = "a match field is empty, so it was not sent: fill the field in the source"
"""The reason of a contact that is never sent."""

_NOT_NAMED = Unknown("the answer names the contact neither as accepted nor as refused")
_AMBIGUOUS = Unknown("the answer holds several contacts with these match values")
_DONE = frozenset({"created", "updated"})
_FAILING = re.compile(r"error|fail|reject|refus|invalid|skip|ignor|denied", re.IGNORECASE)
# The guide does not say how an error names its row, so every usual name is tried.
_INDEX_KEYS = ("index", "row", "position", "line", "row_index", "row_number")
_ECHO_KEYS = ("fields", "contact", "row", "data", "input")


def has_form(body: Any) -> bool:
    """Whether the body of an answer to a push has a list of contacts or of errors."""
    return isinstance(body, dict) and any(isinstance(body.get(name), list) for name in ("contacts", "errors"))


def judge(keys: Sequence[Key | None], body: Any, schema: Schema) -> list[Outcome]:
    """Return an outcome for each row that was sent.

    Args:
        keys: the match values of each row, as :func:`match_keys` returns them.
        body: the parsed body of the answer.
        schema: the target's fields.
    """
    if not has_form(body):
        return [_NOT_NAMED] * len(keys)
    contacts = _entries(_list(body, "contacts"), schema)
    found = _proved(keys, contacts)
    missing = [row for row in range(len(keys)) if row not in found]
    if missing:
        found |= _refused(keys, missing, body, schema, alone=len(keys) == 1 and not contacts)
    return [found.get(row, _NOT_NAMED) for row in range(len(keys))]


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    items = body.get(name)
    return items if isinstance(items, list) else []


def _entries(items: Iterable[Any], schema: Schema) -> list[tuple[Key, Accepted]]:
    """Return the entries of ``contacts[]`` with an id and match values that are not marked as failures."""
    accepted = [entry for item in items if (entry := _entry(item))]
    keys = match_keys((entry.fields for entry in accepted), schema)
    return [(key, entry) for key, entry in zip(keys, accepted, strict=True) if key is not None]


def _entry(item: Any) -> Accepted | None:
    if not isinstance(item, dict):
        return None
    contact = item.get("contact", item)
    fields = contact.get("fields") if isinstance(contact, dict) else None
    if not isinstance(fields, dict):
        return None
    id_, action = number(contact.get("id")), text_of(item.get("action"))
    if id_ is None or item.get("error") or item.get("errors"):
        return None
    # Any other word that does not sound like a failure counts as done: the id and the match values are the proof.
    if action not in _DONE and _FAILING.search(action):
        return None
    return Accepted(id_, texts(fields), action)


def _proved(keys: Sequence[Key | None], contacts: Sequence[tuple[Key, Accepted]]) -> dict[int, Outcome]:
    """Return the outcomes of the rows that ``contacts[]`` names."""
    ids = {entry.id for _, entry in contacts}
    # Nearly every answer: each row once, by its own match values, in the order in which the rows were sent.
    if [key for key, _ in contacts] == list(keys) and len(set(keys)) == len(ids) == len(keys):
        return {row: entry for row, (_, entry) in enumerate(contacts)}
    rows, entries = _grouped(enumerate(keys)), _grouped((entry, key) for key, entry in contacts)
    found: dict[int, Outcome] = {}
    for key, sharing in rows.items():
        if key in entries:
            found.update(_shared(sharing, entries[key]))
    # A target may answer with the value that it holds, if it compares loosely. Only a single row can be meant by it.
    spare = [(entry, folded(key)) for key, entry in contacts if key not in rows]
    if spare and len(found) < len(keys):
        loose = _grouped((row, folded(key)) for row, key in enumerate(keys) if key)
        for group, answered in _grouped(spare).items():
            sharing = loose.get(group, [])
            if len(sharing) == 1 and sharing[0] not in found:
                found.update(_shared(sharing, answered))
    order = sorted(found)
    return dict(zip(order, without_twins([found[row] for row in order], order), strict=True))


def _grouped(pairs: Iterable[tuple[T, Key | None]]) -> dict[Key, list[T]]:
    groups: dict[Key, list[T]] = defaultdict(list)
    for item, key in pairs:
        if key is not None:
            groups[key].append(item)
    return groups


def _shared(rows: Sequence[int], answered: Sequence[Accepted]) -> dict[int, Outcome]:
    # Several entries with one id tell of several steps: the last tells what the contact holds now.
    if len(rows) == 1 or len({entry.id for entry in answered}) == 1:
        return dict.fromkeys(rows, answered[-1])
    return dict.fromkeys(rows, _AMBIGUOUS)


def without_twins(outcomes: Sequence[Outcome], rows: Sequence[int]) -> list[Outcome]:
    """Keep the first of the rows that the target holds as one contact, and refuse the other rows.

    ``rows``: the position of each outcome's row.
    """
    owner: dict[int, int] = {}
    kept: list[Outcome] = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, Accepted) and owner.setdefault(outcome.id, row) != row:
            kept.append(Refused("shares match fields with another contact, in the target's eyes", owner[outcome.id]))
        else:
            kept.append(outcome)
    return kept


def _refused(
    keys: Sequence[Key | None], missing: Sequence[int], body: Mapping[str, Any], schema: Schema, *, alone: bool
) -> dict[int, Outcome]:
    """Return the refused ones of the ``missing`` rows. ``alone``: one row was sent, and no contact came back."""
    errors, lost = _list(body, "errors"), frozenset(missing)
    counted = _counted(body)
    if alone:
        return {0: Refused(reason(errors[0] if errors else None, schema))} if errors or counted else {}
    found, rest = _echoed(keys, lost, errors, schema)
    # If the summary counts more errors than are listed, a number may mean a row of the errors that are not listed.
    if counted is None or counted == len(errors):
        found |= {row: refusal for row, refusal in _indexed(lost, len(keys), rest, schema).items() if row not in found}
    return found


def left_undone(outcomes: Sequence[Outcome], body: Any, *, refused: bool) -> bool:
    """Whether an answer proves that the rows with an Unknown outcome were not carried out.

    It may do so without naming them: by as many errors as such rows, or by refusing the whole batch. ``refused``: the
    status of the answer was an error.
    """
    body = body if isinstance(body, dict) else {}
    errors = max(len(_list(body, "errors")), _counted(body) or 0)
    if any(_names_an_id(item) for item in _list(body, "contacts")):
        return errors >= sum(isinstance(outcome, Unknown) for outcome in outcomes)
    return refused or errors > 0


def _names_an_id(item: Any) -> bool:
    contact = item.get("contact", item) if isinstance(item, dict) else None
    return isinstance(contact, dict) and number(contact.get("id")) is not None


def _counted(body: Mapping[str, Any]) -> int | None:
    summary = body.get("summary")
    count = summary.get("errors") if isinstance(summary, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _echoed(
    keys: Sequence[Key | None], lost: frozenset[int], errors: Sequence[Any], schema: Schema
) -> tuple[dict[int, Outcome], list[Any]]:
    """Return the rows whose match values an error repeats, and the errors that repeat no row's match values."""
    rows = _grouped(enumerate(keys))
    found: dict[int, Outcome] = {}
    rest = []
    for item in errors:
        key = _echo(item, schema)
        tied = rows.get(key, []) if key else []
        if len(tied) != 1:
            rest.append(item)
        elif tied[0] in lost:
            found[tied[0]] = Refused(reason(item, schema))
    return found, rest


def _echo(item: Any, schema: Schema) -> Key | None:
    for name in _ECHO_KEYS if isinstance(item, dict) else ():
        part = item.get(name)
        fields = part.get("fields", part) if isinstance(part, dict) else None
        # A part without match values may be there beside the part that repeats the row.
        key = match_keys([fields], schema)[0] if isinstance(fields, dict) else None
        if key:
            return key
    return None


def _indexed(lost: frozenset[int], total: int, errors: Sequence[Any], schema: Schema) -> dict[int, Outcome]:
    """Return the rows that the numbers of the errors certainly mean.

    Servers count rows from 0 or from 1. A reading is possible if all its rows are missing. A row is certain if every
    possible reading contains it.
    """
    numbered = [(index, item) for item in errors if (index := _index(item)) is not None]
    readings = []
    for first in (0, 1):
        reading = {index - first: item for index, item in numbered}
        if reading and all(0 <= row < total and row in lost for row in reading):
            readings.append(reading)
    if not readings:
        return {}
    sure = set.intersection(*(set(reading) for reading in readings))
    # With two possible readings it is open which error belongs to which of the certain rows: no reason is given.
    only = readings[0] if len(readings) == 1 else {}
    return {row: Refused(reason(only.get(row), schema)) for row in sure}


def _index(item: Any) -> int | None:
    for name in _INDEX_KEYS if isinstance(item, dict) else ():
        value = item.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def takes_fields_away(call: Call, outcome: Outcome | None) -> bool:
    """Whether an update emptied fields that it did not mention and that the contact should keep (``expected``)."""
    lost = isinstance(outcome, Accepted) and call.expected and not all(map(outcome.fields.get, call.expected))
    return bool(lost)


def returned_fields(call: Call, returned: Fields, phones: frozenset[str]) -> Fields | None:
    """Return the fields that the target holds after a call; None if they equal the fields that were sent."""
    sent = call.change.fields
    if returned == sent and not call.expected:
        return None
    there = {**call.expected, **{name: value for name, value in returned.items() if value}}
    more = any(value for name, value in there.items() if name not in sent)
    return there if more or field_changes(there, sent, phones) else None
