"""Takes forgotten numbers out of numbers, texts and match values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import polars as pl

from syncd.core.callers.form import SEPARATOR, plain
from syncd.core.columns import UNIT

ERASED = "(forgotten)"
"""Stands in a text where something was that was forgotten."""

# At least five digits, with what people write between the digits of a number.
_WRITTEN = re.compile(r"\+?\d(?:[\d\s().\-/]{3,}\d)")


def without_numbers(value: str, forgotten: Collection[str]) -> str:
    """Return numbers joined by ``;`` without those (in :func:`plain` form) that were forgotten."""
    return SEPARATOR.join(each for each in value.split(SEPARATOR) if plain(each) not in forgotten)


def match_without(match: str, forgotten: Collection[str]) -> str:
    """Return a match value without these numbers."""
    return UNIT.join(without_numbers(part, forgotten) for part in match.split(UNIT))


def erased(text: str, is_forgotten: Callable[[str], bool]) -> str:
    """Return a text without the numbers of which ``is_forgotten`` is true, however they are written in it.

    ``is_forgotten`` gets a number in :func:`plain` form.
    """

    def instead(found: re.Match[str]) -> str:
        whole = found.group()
        if is_forgotten(plain(whole)):
            return ERASED
        # Two numbers may stand beside each other, with nothing but a blank between them.
        return re.sub(r"\d{5,}", lambda part: ERASED if is_forgotten(plain(part.group())) else part.group(), whole)

    return _WRITTEN.sub(instead, text)


def all_numbers(values: pl.Series) -> pl.Series:
    """Return every number of a column of numbers joined by ``;``, one after the other."""
    known = values.drop_nulls()
    lists = known.str.contains(SEPARATOR, literal=True)
    if not lists.any():
        return known
    return pl.concat([known.filter(~lists), known.filter(lists).str.split(SEPARATOR).explode()])
