"""HTML entities in texts: they are decoded where a rule says so, and warned of where none does."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from syncd.core.mapping.compiler import compile as compiled
from syncd.core.mapping.entities import cells, decoded, not_decoded
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import AllOf, Column, First, Origin, Rule, SourceRules, Sql, Template
from syncd.core.warnings import of_entities

SCHEMA = Schema((Field(1, "Name", is_phone=False, is_match=True), Field(2, "Phone", is_phone=True, is_match=False)))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("O&#39;Brien &amp; Sons", "O'Brien & Sons"),
        ("M&uuml;ller &#x26; Co", "Müller & Co"),
        ("AT&T", "AT&T"),
        ("&amp;amp;", "&amp;"),
        ("a &nosuchthing; b", "a &nosuchthing; b"),
        (None, None),
        ("", ""),
    ],
)
def test_an_entity_is_decoded_once(text: str | None, plain: str | None) -> None:
    texts = pl.Series("a", [text, "plain"], dtype=pl.String)
    assert decoded(texts).to_list() == [plain, "plain"]
    assert texts.to_list() == [text, "plain"]


def mapped(origin: Origin, *, name: str = "Name", **more: Any) -> list[str]:
    rows = pl.DataFrame({"id": ["1"], "a": ["O&#39;Brien &amp;  Sons"], "b": ["&nbsp;"], "n": ["212&#45;555&#45;0101"]})
    rules = SourceRules(("id",), {name: Rule(origin, **more)})
    return compiled(rules, rows.columns, SCHEMA).apply(rows, pl.Series([1], dtype=pl.UInt32)).get_column(name).to_list()


@pytest.mark.parametrize(
    "origin", [Column("a"), Template("{a}"), First(("b", "a")), Sql("a")], ids=["column", "template", "first", "sql"]
)
def test_a_rule_decodes_its_columns_before_they_are_trimmed(origin: Origin) -> None:
    assert mapped(origin, decode="html") == ["O'Brien & Sons"]


def test_a_rule_that_does_not_say_so_decodes_nothing() -> None:
    assert mapped(Column("a")) == ["O&#39;Brien &amp; Sons"]


def test_phone_numbers_are_decoded_too() -> None:
    assert mapped(AllOf(("n",)), name="Phone", decode="html") == ["2125550101"]


def test_cells_with_entities_are_counted_in_the_columns_that_nobody_decodes() -> None:
    mapping = {"Name": Rule(Column("a")), "Note": Rule(Column("b"), decode="html")}
    columns = not_decoded(SourceRules(("id",), mapping))
    rows = pl.DataFrame({"a": ["x &amp; y", "AT&T", None, "&#39;", "R&D; plan"], "b": ["&amp;"] * 5})
    assert cells(rows, columns) == {"a": 2}


def test_many_such_cells_make_a_warning_and_a_few_none() -> None:
    [warning] = of_entities({"a": 3, "b": 2})
    assert "3 cells of the column a hold HTML entities" in warning
    assert "decode: html" in warning
