"""The numbers of contacts, in the form in which two of them are compared: the digits that the target keeps.

A number of the North American plan has no leading 1, whichever way it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from syncd.core.activity.attribution.numbers import phones_in
from syncd.core.callers.form import NO_DIGIT, SEPARATOR, WITH_ONE

NUMBER = "number"

_PARTS = "@parts"


def digits(text: pl.Expr) -> pl.Expr:
    """Return the digits of one number, as the target keeps them, without the leading 1 of the North American plan."""
    return text.str.replace_all(NO_DIGIT, "").str.replace(WITH_ONE, "$1")


def numbers_of(contacts: pl.DataFrame, who: Sequence[str], phones: Collection[str]) -> pl.DataFrame:
    """Return the columns ``who`` and ``number`` (String): a row for each number of each contact, once.

    ``phones``: the names of the phone fields; those that ``contacts`` lacks are left out.
    """
    names = [name for name in sorted(phones) if name in contacts.columns]
    joined = pl.concat_str([pl.col(name).fill_null("") for name in names], separator=SEPARATOR) if names else pl.lit("")
    return _each(contacts.select(*who, joined.alias(_PARTS)), who)


def numbers_in(contacts: pl.DataFrame, who: Sequence[str], fields: pl.Expr, phones: Collection[str]) -> pl.DataFrame:
    """Return the same of contacts whose ``fields`` are JSON objects, as the state keeps them."""
    return _each(contacts.select(*who, phones_in(fields, sorted(phones)).fill_null("").alias(_PARTS)), who)


def _each(contacts: pl.DataFrame, who: Sequence[str]) -> pl.DataFrame:
    split = contacts.with_columns(pl.col(_PARTS).str.split(SEPARATOR)).explode(_PARTS)
    found = split.select(*who, digits(pl.col(_PARTS)).alias(NUMBER))
    return found.filter(pl.col(NUMBER).str.len_bytes() > 0).unique(maintain_order=True)
