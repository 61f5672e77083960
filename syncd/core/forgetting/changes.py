"""The changes that take what was forgotten from the target: contacts go, or lose a number."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from syncd.core.change import Fields, Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, CHANGE_SCHEMA, ID, KIND, OLD_MATCH
from syncd.core.forgetting.traces import Sought, fields_without
from syncd.core.identity import as_frame, match_value
from syncd.core.schema import Schema

FREE = 5
"""Up to so many contacts lose a number, or go, without a question."""


class Holder(NamedTuple):
    """A contact of the ledger that is sought, or that holds a number that is.

    ``id``: at the target; None if it is not known. ``fields``: as they were sent; ``returned``: what the target
    answered beside them. ``adopted``: it was at the target before syncd.
    """

    key: str
    id: int | None
    match: str
    fields: Fields
    returned: Fields
    status: str
    adopted: bool

    @property
    def there(self) -> Fields:
        """The fields at the target, as far as known."""
        return {**self.returned, **self.fields}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a contact. ``after``: the fields that it keeps, with their ``match`` value; None: it goes.

    ``released``: its row has no number left, and the contact has one that its row has not sent. Since no run sends the
    row, syncd lets the contact go: it stays at the target.
    """

    holder: Holder
    after: Fields | None = None
    match: str = ""
    released: bool = False


def fates(
    holders: Sequence[Holder],
    sought: Sought,
    schema: Schema,
    mapped: Collection[str],
    taken: Mapping[str, Collection[object]],
) -> list[Fate]:
    """Decide what becomes of each contact.

    ``mapped``: the fields that the source's mapping names. ``taken``: by match value without case, who else has it. A
    contact keeps what is left of it if it has another number, whoever gave it that, and a match value of its own.
    """
    sent = sent_phones(schema.phones, mapped)
    stripped = [fields_without(each.there, sought.numbers, schema.phones) for each in holders]
    matches = _matches(stripped, schema)
    found: list[Fate] = []
    given: set[str] = set()
    for holder, after, match in zip(holders, stripped, matches, strict=True):
        # Of what is not settled nobody knows what is at the target: it goes, and the next run sends what the row says.
        # A refused row has changed nothing there.
        keeps = holder.key not in sought.keys and holder.id is not None and holder.status != Status.PENDING
        keeps &= any(after.get(name) for name in schema.phones)
        if match is None or not keeps:
            found.append(Fate(holder))
            continue
        free = match == holder.match or (match.casefold() not in given and not taken.get(match.casefold()))
        given.add(match.casefold())
        released = not any(after.get(name) for name in sent)
        found.append(Fate(holder, after, match, released) if free else Fate(holder))
    return found


def sent_phones(phones: Collection[str], mapped: Collection[str]) -> frozenset[str]:
    """Return the phone fields that a source's rows fill; all of them if its mapping is not known."""
    return frozenset(phones).intersection(mapped) if mapped else frozenset(phones)


def _matches(contacts: Sequence[Mapping[str, str]], schema: Schema) -> list[str | None]:
    if not schema.match:
        return [None] * len(contacts)
    frame = as_frame(contacts, schema.names)
    return frame.select(match_value(frame, schema)).to_series().to_list()


def changes_of(decided: Sequence[Fate], schema: Schema) -> pl.DataFrame:
    """Return the changes (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields), sorted by kind and key."""
    columns: dict[str, Any] = {**CHANGE_SCHEMA, **dict.fromkeys(schema.names, pl.String)}
    rows = [_change(each, schema) for each in decided]
    return pl.DataFrame(rows, schema=columns).sort(KIND, KEY)


def _change(fate: Fate, schema: Schema) -> dict[str, Any]:
    holder = fate.holder
    # What was typed at the target into a field that the mapping does not name stays there, unless it is the number.
    before = json.dumps(dict(holder.there), ensure_ascii=False)
    about = {KEY: holder.key, ID: holder.id, OLD_MATCH: holder.match, BEFORE: before}
    if fate.after is None:
        return about | {KIND: "delete", MATCH: holder.match}
    sent = {
        name: value
        for name, value in fate.after.items()
        if name in schema.names and (name in holder.fields or value != holder.there.get(name))
    }
    # The next run makes the digest: it compares the contact field by field.
    kind = "update" if fate.match == holder.match else "move"
    return about | sent | {KIND: kind, MATCH: fate.match, DIGEST: 0}
