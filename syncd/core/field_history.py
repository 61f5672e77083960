"""How the target's fields were called, and what that means for values and match values that are stored.

A field that is renamed at the target keeps its number and its contacts' values. Match values are made of the match
fields, so other match fields make other match values of the same contacts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

import polars as pl

from syncd.core.compare import BEFORE, ID, OLD_MATCH
from syncd.core.identity import as_frame, match_value
from syncd.core.schema import Schema

NamesEver = Mapping[str, Sequence[str]]
"""Every name that each field has had, by the field's number; the newest name is the last."""


class FieldNumbers(TypedDict):
    """``mapped``: the number of each mapped field, by name. ``all``: the numbers of all fields."""

    mapped: Mapping[str, int]
    all: Sequence[int]


def numbered(schema: Schema) -> dict[str, str]:
    """Return the name of each field by its number."""
    return {str(field.id): field.name for field in schema.fields if field.id}


def names_ever(before: NamesEver, schema: Schema) -> dict[str, Sequence[str]]:
    """Return ``before`` with the names of now."""
    return dict(before) | {
        number: [*(each for each in before.get(number, ()) if each != name), name]
        for number, name in numbered(schema).items()
    }


def renames(ever: NamesEver, schema: Schema) -> dict[str, str]:
    """Return the former names of fields, and how those fields are called now.

    A value under a former name of one field is never taken for a value of another field that has this name now.
    """
    now = numbered(schema)
    if moved := taken_over(ever, schema):
        return {name: new for name, new in moved.items() if new is not None}
    return {
        name: now[number]
        for number, names in ever.items()
        for name in names
        if number in now and name not in schema.names
    }


def taken_over(ever: NamesEver, schema: Schema) -> dict[str, str | None]:
    """Return every former name and the name of its field now (None: the field is gone), if names changed hands.

    If a field is gone and a new one has its name, nothing is returned: no value of a contact could get lost.
    """
    now = numbered(schema)
    former = {name: number for number, names in ever.items() for name in names if now.get(number) != name}
    holders = {name: number for number, name in now.items()}
    moved = any(name in holders and (number in now or holders[name] in ever) for name, number in former.items())
    return {name: now.get(number) for name, number in former.items()} if moved else {}


def field_numbers(schema: Schema, mapped: Iterable[str]) -> FieldNumbers:
    """Return which fields of the target the names in a mapping mean, and which fields there are."""
    numbers = {field.name: field.id for field in schema.fields if field.id}
    return {"mapped": {name: numbers[name] for name in mapped if name in numbers}, "all": sorted(numbers.values())}


def exchanged(known: FieldNumbers, schema: Schema, mapped: Iterable[str]) -> Iterator[str]:
    """Say which names that the mapping uses mean other fields than when the source's contacts were sent."""
    now, mapped = numbered(schema), set(mapped)
    were = {name: number for name, number in known["mapped"].items() if name in mapped}
    for field in schema.fields:
        former = were.get(field.name, field.id)
        if not field.id or former == field.id or (str(former) not in now and field.id not in known["all"]):
            continue
        name = now.get(str(former))
        yield f"{field.name!r} is the name of another contact field now, and the one that it was " + (
            f"is called {name!r}, to be written in the mapping" if name else "is gone"
        )


def other_match_fields(known: Collection[str] | None, new: Mapping[str, str], schema: Schema) -> Iterator[str]:
    """Say that the match fields differ from the ``known`` ones; ``new``: as :func:`renames` returns it."""
    were, now = {new.get(name, name) for name in known or ()}, set(schema.match)
    if known is not None and were != now:
        yield (
            f"the target's match fields were {', '.join(sorted(were))} and are now {', '.join(sorted(now))}, so that "
            "it may take the same contacts for others than before"
        )


def called_now(fields: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return ``fields`` under the names that :func:`renames` found."""
    return {new.get(name, name): value for name, value in fields.items()}


def renamed(frame: pl.DataFrame, new: Mapping[str, str], *columns: str) -> pl.DataFrame:
    """Rename fields (:func:`renames`) in these columns of JSON objects or nulls."""
    if not new:
        return frame
    return frame.with_columns(
        pl.Series(
            column,
            [held and json.dumps(called_now(json.loads(held), new), ensure_ascii=False) for held in frame[column]],
            pl.String,
        )
        for column in columns
    )


def rematched(detail: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Give contacts at the target (``DETAIL_SCHEMA``) the match values that they have by the match fields of now."""
    now = match_values([json.loads(before) if before else {} for before in detail.get_column(BEFORE)], schema)
    known = pl.col(ID).is_not_null() & now.is_not_null()
    return detail.with_columns(pl.when(known).then(now).otherwise(pl.col(OLD_MATCH)).alias(OLD_MATCH))


def match_values(contacts: Sequence[Mapping[str, str]], schema: Schema, *, partly: bool = False) -> pl.Series:
    """Return the match value of each contact; ``partly``: also of a contact that lacks some match fields."""
    frame = as_frame(contacts, schema.match)
    return frame.select(match_value(frame, schema, partly=partly)).to_series()
