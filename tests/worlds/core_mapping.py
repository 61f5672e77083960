"""Rules of a source, and what they make of a page of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from syncd.core.columns import REASON, STATE
from syncd.core.mapping import compiler as mapping
from syncd.core.mapping import phones
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import Column, Origin, PhoneRules, Rule, SourceRules

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True), Field(4, "Note")))


def rules(key: tuple[str, ...] = ("id",), **settings: Any) -> SourceRules:
    """Return rules with the mapping ``ID: id``, changed by ``settings``."""
    return replace(SourceRules(key=key, mapping={"ID": Rule(Column("id"))}), **settings)


def applied(made: SourceRules, **columns: list[Any]) -> pl.DataFrame:
    """Return the contacts of a page that begins at line 2; without a column ``id``, the ids are 1, 2, …."""
    height = len(next(iter(columns.values())))
    columns = {"id": [str(n + 1) for n in range(height)], **columns}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    lines = pl.int_range(2, height + 2, dtype=pl.UInt32, eager=True)
    return mapping.compile(made, frame.columns, SCHEMA).apply(frame, lines)


def named(rule: Rule | Origin, **columns: list[Any]) -> list[str | None]:
    """Return the values of the field Name under ``rule``."""
    rule = rule if isinstance(rule, Rule) else Rule(rule)
    return applied(rules(mapping={"Name": rule}), **columns)["Name"].to_list()


def states(page: pl.DataFrame) -> list[tuple[int, str | None]]:
    return list(page.select(STATE, REASON).iter_rows())


def phone_of(text: str, region: str = "US", **settings: Any) -> tuple[str, str, str]:
    """Return the digits, the problem and the note of one phone value of the column ``c``; "" for none."""
    row = phones.clean(pl.DataFrame({"c": [text]}), PhoneRules(region=region, **settings)).row(0)
    return row[0], row[1] or "", row[2] or ""
