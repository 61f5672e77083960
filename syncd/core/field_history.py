"""How the target's fields were called, and what that means for values and match values that are stored.

A field that is renamed at the target keeps its number and its contacts' values. A match value is made of the values of
the match fields, so with other match fields the same contacts have other match values.
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
    """Return the name of each field by its number (as text: the state keeps this as JSON)."""
    return {str(field.id): field.name for field in schema.fields if field.id}


def names_ever(before: NamesEver, schema: Schema) -> dict[str, Sequence[str]]:
    """Return ``before`` with the current names."""
    # A field that is gone keeps its names: another field may get one of them later.
    return dict(before) | {
        number: [*(each for each in before.get(number, ()) if each != name), name]
        for number, name in numbered(schema).items()
    }


def renames(ever: NamesEver, schema: Schema) -> dict[str, str]:
    """Return the current names of renamed fields, by their former names."""
    now = numbered(schema)
    # If names changed hands, a former name of one field may be the current name of another field.
    if moved := taken_over(ever, schema):
        return {name: new for name, new in moved.items() if new is not None}
    return {
        name: now[number]
        for number, names in ever.items()
        for name in names
        if number in now and name not in schema.names
    }


def taken_over(ever: NamesEver, schema: Schema) -> dict[str, str | None]:
    """If names changed hands, return the current name of each field by its former names (None: the field is gone).

    Names changed hands if a field has a name that another field had. Otherwise, return {}.
    """
    now = numbered(schema)
    former = {name: number for number, names in ever.items() for name in names if now.get(number) != name}
    holders = {name: number for number, name in now.items()}
    # If a field is gone and a new field has its name, no value could get lost: values of the gone field are gone, too.
    moved = any(name in holders and (number in now or holders[name] in ever) for name, number in former.items())
    return {name: now.get(number) for name, number in former.items()} if moved else {}


def field_numbers(schema: Schema, mapped: Iterable[str]) -> FieldNumbers:
    """Return which fields of the target the names in a mapping mean, and which fields there are."""
    numbers = {field.name: field.id for field in schema.fields if field.id}
    return {"mapped": {name: numbers[name] for name in mapped if name in numbers}, "all": sorted(numbers.values())}


def exchanged(known: FieldNumbers, schema: Schema, mapped: Iterable[str]) -> Iterator[str]:
    """Say which names in the mapping mean other fields than when the source's contacts were sent.

    Args:
        known: as :func:`field_numbers` returned it when the contacts were sent.
        schema: the target's fields.
        mapped: the names in the mapping.
    """
    now, mapped = numbered(schema), set(mapped)
    were = {name: number for name, number in known["mapped"].items() if name in mapped}
    for field in schema.fields:
        former = were.get(field.name, field.id)
        # A new field that took the name of a field that is gone is no exchange: the field was made again.
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

    def now(text: str) -> str:
        return json.dumps(called_now(json.loads(text), new), ensure_ascii=False)

    return frame.with_columns(
        pl.Series(column, [text and now(text) for text in frame[column]], pl.String) for column in columns
    )


def rematched(detail: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Give contacts at the target (``DETAIL_SCHEMA``) the match values that the current match fields make."""
    now = match_values([json.loads(before) if before else {} for before in detail.get_column(BEFORE)], schema)
    # The match value of a contact that is not known to be at the target is what was asked for, so it stays.
    known = pl.col(ID).is_not_null() & now.is_not_null()
    return detail.with_columns(pl.when(known).then(now).otherwise(pl.col(OLD_MATCH)).alias(OLD_MATCH))


def match_values(contacts: Sequence[Mapping[str, str]], schema: Schema, *, partly: bool = False) -> pl.Series:
    """Return the match value of each contact; ``partly``: also of a contact that lacks some match fields."""
    frame = as_frame(contacts, schema.match)
    return frame.select(match_value(frame, schema, partly=partly)).to_series()
