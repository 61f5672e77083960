"""Which columns a source's rules name: what a connector that can choose asks for."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.mapping.compiler import compile as compile_rules
from syncd.core.mapping.rules import mentioned
from syncd.core.rules import AllOf, Column, First, PhoneRules, Rule, SourceRules, Sql, Template, Value
from syncd.core.schema import Field, Schema


@pytest.mark.parametrize(
    ("origin", "columns"),
    [
        (Column("name"), {"name"}),
        (AllOf(("home", "mobile")), {"home", "mobile"}),
        (First(("firm", "employer")), {"firm", "employer"}),
        (Template("{first} {last}, {{sic}}"), {"first", "last"}),
        (Template("{first"), set()),
        (Sql("upper(a) || '-' || \"b c\""), {"a", "b c"}),
        (Sql("upper("), set()),
        (Value("Tenant"), set()),
    ],
)
def test_every_column_of_a_rule_is_mentioned(origin: object, columns: set[str]) -> None:
    rules = SourceRules(("id",), {"Any": Rule(origin)})  # type: ignore[arg-type]
    assert mentioned(rules) == columns | {"id"}


def test_the_filter_and_the_region_are_mentioned_too() -> None:
    rules = SourceRules(("id", "branch"), {}, where="status <> 'former'", phones=PhoneRules(region_column="country"))
    assert mentioned(rules) == {"id", "branch", "status", "country"}


def test_keys_can_be_made_of_the_keys_columns_alone() -> None:
    schema = Schema((Field(1, "ID", is_match=True),))
    rules = SourceRules(("id", "branch"), {"ID": Rule(Column("ref"))}, where="status = 'x'")
    mapping = compile_rules(rules, ["id", "branch", "ref", "status"], schema)
    keys = mapping.keys(pl.DataFrame({"id": [" 1 ", "2", ""], "branch": ["a", "b", "c"]}))
    assert keys.to_list() == ["1\x1fa", "2\x1fb", None]
