"""Copies of a source's rows that are damaged as exports get damaged, to see what the gates make of them."""

from __future__ import annotations

import polars as pl

from syncd.core.mapping.rules import columns_in
from syncd.core.mapping.sql import columns_of
from syncd.core.schema import Schema
from syncd.core.settings.rules import SourceRules

DAMAGES = {
    "empty": "no row at all",
    "truncated": "only the first half of the rows",
    "shifted": "every value stands one column too far to the right",
    "changed": "every row says something else",
    "shifted-phones": "every phone number stands one row too far down",
    "filled-phones": "the first phone number is filled down to the last row",
}


def damaged(rows: pl.DataFrame, damage: str, rules: SourceRules, schema: Schema) -> pl.DataFrame:
    """Return the copy of ``rows`` (all columns String) that a damage of :data:`DAMAGES` makes of them."""
    if damage == "empty":
        return rows.clear()
    if damage == "truncated":
        return rows.head(rows.height // 2)
    if damage == "shifted":
        return _shifted(rows)
    if damage == "changed":
        return _changed(rows, rules, schema)
    phones = _phone_columns(rows, rules, schema)
    return rows.with_columns(_one_down(name) if damage == "shifted-phones" else _filled(name) for name in phones)


def _phone_columns(rows: pl.DataFrame, rules: SourceRules, schema: Schema) -> list[str]:
    """Return the columns that make phone numbers, but for those of a key."""
    named = {each for name in schema.phones if name in rules.mapping for each in columns_in(rules.mapping[name].origin)}
    return sorted(named & {*rows.columns} - {*rules.key})


def _one_down(name: str) -> pl.Expr:
    return pl.col(name).shift(1, fill_value="").alias(name)


def _filled(name: str) -> pl.Expr:
    return pl.col(name).filter(pl.col(name) != "").first().fill_null("").alias(name)


def _shifted(rows: pl.DataFrame) -> pl.DataFrame:
    first, *rest = rows.columns
    moved = [pl.col(before).alias(after) for before, after in zip(rows.columns, rest, strict=False)]
    return rows.select(pl.lit("").alias(first), *moved)


def _changed(rows: pl.DataFrame, rules: SourceRules, schema: Schema) -> pl.DataFrame:
    """Change what makes a contact, but not who it is, nor whether it is wanted, as far as columns let them apart."""
    fixed = {*rules.key, *([rules.phones.region_column] if rules.phones.region_column else [])}
    fixed |= columns_of(rules.where) if rules.where else set()
    by_field = {name: {*columns_in(rule.origin)} & {*rows.columns} - fixed for name, rule in rules.mapping.items()}
    every = set().union(*by_field.values())
    soft = every.difference(*(by_field.get(name, set()) for name in schema.match)) or every
    numbers = set().union(*(by_field.get(name, set()) for name in schema.phones))
    return rows.with_columns(_other_number(name) if name in numbers else _other_text(name) for name in sorted(soft))


def _other_text(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then("X " + pl.col(name)).otherwise(pl.col(name)).alias(name)


def _other_number(name: str) -> pl.Expr:
    """The same number but for its last digit."""
    last = pl.col(name).str.extract(r"(\d)\D*$").cast(pl.Int64)
    other = ((last + 1) % 10).cast(pl.String).fill_null("")
    return pl.col(name).str.replace(r"\d(\D*)$", "\x01${1}").str.replace("\x01", other, literal=True).alias(name)
