"""The numbers of contacts, in the form in which those of calls and messages are stored, so that both can be compared.

Calls and messages have their numbers in the form of one region, contacts in that of their source. Numbers are compared
whole: a number of the North American plan without its 1, others with their country code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import polars as pl

from syncd.core.activity.numbers import LONGEST_EXTENSION, canonical, recast
from syncd.core.mapping.phone_plan import NANP, known_region
from syncd.core.mapping.phones import SEPARATOR

NUMBER = "number"


def phones_in(fields: pl.Expr, names: Sequence[str], otherwise: pl.Expr | None = None) -> pl.Expr:
    """Return the values of phone fields, joined by ``;``, of JSON objects whose values are all texts.

    ``fields``: the objects, or null. ``names``: of the phone fields. ``otherwise``: objects with the values of fields
    that the first ones lack; in those, an empty value is a value.
    """
    found = [_value(fields, name, otherwise) for name in names]
    return pl.concat_str(found, separator=SEPARATOR, ignore_nulls=True) if found else pl.lit("")


def _value(fields: pl.Expr, name: str, otherwise: pl.Expr | None) -> pl.Expr:
    # Within a value, a name has a backslash before its last quotation mark; and a value has no colon behind it.
    member = rf'{re.escape(json.dumps(name, ensure_ascii=False))}\s*:\s*"((?:[^"\\]|\\.)*)"'
    value = fields.str.extract(member)
    if otherwise is not None:
        value = pl.when(value.is_null()).then(otherwise.str.extract(member)).otherwise(value)
    return _unescaped(pl.when(value != "").then(value))


def _unescaped(value: pl.Expr) -> pl.Expr:
    escaped = value.str.contains("\\", literal=True)
    # Hardly any value is escaped, and no other one becomes a Python object.
    read = pl.when(escaped).then(value).map_elements(lambda text: json.loads(f'"{text}"'), return_dtype=pl.String)
    return pl.when(escaped).then(read).otherwise(value)


def with_numbers(contacts: pl.DataFrame, phones: str, region: str, into: str) -> pl.DataFrame:
    """Return ``contacts`` with the column ``number`` in place of ``phones``: a row for each number of each contact.

    ``phones``: a column of numbers, joined by ``;``, as they were sent, or as a target writes them. ``region``: in
    whose form they are; ``into``: in whose form they are returned (ISO 3166 codes). Numbers of extensions, which are
    nobody's alone, are left out.
    """
    is_list = pl.col(phones).str.contains(SEPARATOR, literal=True)
    alone = _canonical(contacts.filter(~is_list).rename({phones: NUMBER}), region, into)
    lists = contacts.filter(is_list).rename({phones: NUMBER})
    if lists.is_empty():
        return alone
    each = lists.with_columns(pl.col(NUMBER).str.split(SEPARATOR)).explode(NUMBER)
    return pl.concat([alone, _canonical(each, region, into).unique()])


def _canonical(found: pl.DataFrame, region: str, into: str) -> pl.DataFrame:
    """Return the rows of ``found`` that have a number, in the form of the region ``into``."""
    number, form, wanted = pl.col(NUMBER), _form(region), _form(into)
    odd = pl.lit(value=True) if form != wanted else ~number.str.contains(r"^[0-9]+$")
    # Nearly all are digits, as they were sent; each other text is read once.
    others = found.lazy().filter(odd).select(number.unique()).collect().get_column(NUMBER)
    if len(others):
        read = [recast(canonical(text, region), region, into) for text in others]
        found = found.with_columns(number.replace(others, pl.Series(read, dtype=pl.String)))
    if wanted == "NANP":
        found = found.with_columns(number.str.replace(r"^1([2-9][0-9]{9})$", "${1}"))
    return found.filter(number.str.len_bytes() > LONGEST_EXTENSION)


def _form(region: str) -> str:
    """Return what decides in which form numbers of a region are sent."""
    code = known_region(region) or "US"
    return "NANP" if code in NANP else code
