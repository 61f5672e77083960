"""How the target's fields were called: a field that is renamed there keeps its number and its contacts' values."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from syncd.core.diff import BEFORE
from syncd.core.schema import Schema
from syncd.state import State

_NAMES = "target.field_names"
"""The fact that holds every name that each field of the target has had, by its number."""


def _names_ever(state: State) -> dict[str, list[str]]:
    names: dict[str, list[str]] = json.loads(state.fact(_NAMES) or "{}")
    return names


def learn_names(state: State, schema: Schema) -> None:
    """Note how each field is called now."""
    ever = _names_ever(state)
    new = {str(field.id): [*ever.get(str(field.id), ()), field.name] for field in schema.fields if field.id}
    names = ever | {number: list(dict.fromkeys(every)) for number, every in new.items()}
    if names != ever:
        state.learn(_NAMES, json.dumps(names))


def renames(state: State, schema: Schema) -> dict[str, str]:
    """Return the names that fields had and no field has any more, and how those fields are called now."""
    now = {str(field.id): field.name for field in schema.fields if field.id}
    return {
        name: now[number]
        for number, names in _names_ever(state).items()
        for name in names
        if number in now and name not in schema.names
    }


def renamed(detail: pl.DataFrame, state: State, schema: Schema) -> pl.DataFrame:
    """Call the fields of what the target held as they are called there now."""
    new = renames(state, schema)
    if not new:
        return detail
    before = [
        held and json.dumps(called_now(json.loads(held), new), ensure_ascii=False) for held in detail.get_column(BEFORE)
    ]
    return detail.with_columns(pl.Series(BEFORE, before, pl.String))


def called_now(fields: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return ``fields`` under the names that :func:`renames` found."""
    return {new.get(name, name): value for name, value in fields.items()}
