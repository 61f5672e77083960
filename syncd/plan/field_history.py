"""How the target's fields were called: a field that is renamed there keeps its number and its contacts' values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import polars as pl

from syncd.core.schema import Schema
from syncd.state import State


def _numbered(schema: Schema) -> dict[str, str]:
    return {str(field.id): field.name for field in schema.fields if field.id}


def learn_names(state: State, schema: Schema) -> None:
    """Note how each field is called now."""
    ever = state.facts.field_names.get()
    names = ever | {
        number: [*(each for each in ever.get(number, ()) if each != name), name]
        for number, name in _numbered(schema).items()
    }
    if names != ever:
        state.facts.field_names.set(names)


def renames(state: State, schema: Schema) -> dict[str, str]:
    """Return the names that fields had and have no more, and how those fields are called now.

    What is stored under a former name of one field is never taken for the value of another that has this name now.
    """
    ever, now = state.facts.field_names.get(), _numbered(schema)
    if taken_over := _taken_over(ever, schema):
        return {name: new for name, new in taken_over.items() if new is not None}
    return {
        name: now[number]
        for number, names in ever.items()
        for name in names
        if number in now and name not in schema.names
    }


def _taken_over(ever: Mapping[str, list[str]], schema: Schema) -> dict[str, str | None]:
    """If a field has a name that another had: every former name, and how its field is called now (None: it is gone).

    A field that is gone and a new one of its name are no matter: nothing of the contacts could go astray.
    """
    now = _numbered(schema)
    former = {name: number for number, names in ever.items() for name in names if now.get(number) != name}
    holders = {name: number for number, name in now.items()}
    moved = any(name in holders and (number in now or holders[name] in ever) for name, number in former.items())
    return {name: now.get(number) for name, number in former.items()} if moved else {}


def settle_names(state: State, schema: Schema) -> None:
    """Where a field has a name that another had, let all that is known of contacts speak of the fields as of now."""
    taken_over = _taken_over(state.facts.field_names.get(), schema)
    if taken_over:
        names = {number: [name] for number, name in _numbered(schema).items()}
        state.field_names.rename(taken_over, {state.facts.field_names.name: json.dumps(names)})


def learn_numbers(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> None:
    """Note which fields of the target the names in the source's mapping mean, and which fields there are."""
    numbers = {field.name: field.id for field in schema.fields if field.id}
    known = {"mapped": {name: numbers[name] for name in mapped if name in numbers}, "all": sorted(numbers.values())}
    state.facts.field_numbers(source).set(known)


def exchanged(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> list[str]:
    """Say which names that the mapping uses mean other fields of the target than when its contacts were sent."""
    known = state.facts.field_numbers(source).get()
    now, were = _numbered(schema), {name: number for name, number in known["mapped"].items() if name in set(mapped)}
    others = [
        (field, were[field.name]) for field in schema.fields if field.id and were.get(field.name, field.id) != field.id
    ]
    return [
        f"{field.name!r} is the name of another contact field now, and the one that it was "
        + (f"is called {name!r}, to be written in the mapping" if (name := now.get(str(former))) else "is gone")
        for field, former in others
        if str(former) in now or field.id in known["all"]
    ]


def renamed(frame: pl.DataFrame, state: State, schema: Schema, *columns: str) -> pl.DataFrame:
    """Call fields as they are called at the target now, in these columns of JSON objects (or nulls)."""
    new = renames(state, schema)
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


def called_now(fields: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return ``fields`` under the names that :func:`renames` found."""
    return {new.get(name, name): value for name, value in fields.items()}
