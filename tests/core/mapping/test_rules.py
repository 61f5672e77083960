"""The columns that a source's rules name, so that a connector asks for no others."""

from __future__ import annotations

import pytest

from syncd.core.mapping.rules import mentioned
from syncd.core.settings.rules import AllOf, Column, First, PhoneRules, Rule, SourceRules, Sql, Template, Value


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
