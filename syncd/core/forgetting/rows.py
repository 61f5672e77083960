"""Takes out of a source's rows what was forgotten: rows with a forgotten key, and forgotten numbers of other rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import polars as pl

from syncd.core.callers.numbers import digits
from syncd.core.columns import CONTACT, EXCLUDED, KEY, REASON, STATE, WARNING
from syncd.core.forgetting.marks import Marks
from syncd.core.forgetting.texts import all_numbers, erased, without_numbers

_AT = "@at"


def without_forgotten(
    mapped: pl.DataFrame, marks: Marks, phones: Collection[str], required: Collection[str]
) -> tuple[pl.DataFrame, pl.Series]:
    """Return mapped rows without forgotten numbers, and which of them are left out (Boolean).

    A row is left out if its key was forgotten, or if it is a contact that has no other number. ``mapped``: ``@key``,
    ``@state``, ``@reason``, ``@warning`` and the fields. ``phones``, ``required``: the names of fields.
    """
    gone = marks.forgotten_keys(mapped.get_column(KEY))
    if not marks.numbers:
        return mapped, gone
    names = [name for name in mapped.columns if name in phones]
    forgotten = _forgotten(mapped, names, marks)
    if len(forgotten):
        # Only a few rows hold one of these digits, and these alone become Python objects.
        found = pl.any_horizontal(pl.col(name).str.contains_any(forgotten.implode()) for name in names)
        rows = mapped.with_row_index(_AT).filter(found.fill_null(value=False))
        made = list(_changed(rows, names, required, frozenset(forgotten)))
        changed = pl.DataFrame(made, schema={**rows.schema, _LEFT_OUT: pl.Boolean})
        mapped = mapped.with_row_index(_AT).update(changed.drop(_LEFT_OUT), on=_AT, how="left", include_nulls=True)
        gone |= mapped.get_column(_AT).is_in(changed.filter(_LEFT_OUT).get_column(_AT).implode())
        mapped = mapped.drop(_AT)
    return mapped.with_columns(_without_numbers(mapped.get_column(name), marks) for name in (REASON, WARNING)), gone


_LEFT_OUT = "@left_out"


def _forgotten(mapped: pl.DataFrame, names: Collection[str], marks: Marks) -> pl.Series:
    """Return the forgotten numbers that these fields hold."""
    found = [pl.Series(dtype=pl.String)]
    for name in names:
        numbers = all_numbers(mapped.get_column(name)).alias("")
        found.append(marks.forgotten_numbers(numbers.to_frame().select(digits(pl.col(""))).to_series()))
    return pl.concat(found).unique()


def _changed(
    rows: pl.DataFrame, names: Collection[str], required: Collection[str], forgotten: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Yield each row without these numbers, and whether it is left out."""
    for row in rows.iter_rows(named=True):
        had = {name: row[name] for name in names if row[name]}
        has = {name: without_numbers(value, forgotten) for name, value in had.items()}
        lacks = [name for name in required if name in has and not has[name]]
        made = row | has
        if lacks and row[STATE] == CONTACT:
            made |= {STATE: EXCLUDED, REASON: f"lacks {', '.join(lacks)}"}
        # An invalid row says nothing of its contact, with and without the number.
        yield made | {_LEFT_OUT: row[STATE] == CONTACT and has != had and not any(has.values())}


def _without_numbers(texts: pl.Series, marks: Marks) -> pl.Series:
    """Return reasons or warnings without forgotten numbers, which they may quote."""
    quoting = texts.drop_nulls().unique()
    quoting = quoting.filter(quoting.str.contains(r"\d.{3,}\d"))
    if quoting.is_empty():
        return texts

    @cache
    def is_forgotten(number: str) -> bool:
        return bool(len(marks.forgotten_numbers(pl.Series([number], dtype=pl.String))))

    return texts.replace(quoting, pl.Series([erased(text, is_forgotten) for text in quoting], dtype=pl.String))
