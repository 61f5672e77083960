"""The damaged copies of a source's rows, with which a proof shows that the gates would hold."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from syncd.core.mapping.damage import DAMAGES, damaged
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import AllOf, Column, PhoneRules, Rule, SourceRules

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True)))
ROWS = pl.DataFrame(
    {
        "id": ["1", "2", "3"],
        "name": ["Ann", "Bob", ""],
        "mobile": ["(212) 555-0109", "2125550100", ""],
        "status": ["new", "new", "former"],
        "note": ["a", "b", "c"],
    }
)


def rules(**more: Any) -> SourceRules:
    mapping = {"ID": Rule(Column("id")), "Name": Rule(Column("name")), "Phone": Rule(AllOf(("mobile",)))}
    return SourceRules(**{"key": ("id",), "mapping": mapping, **more})


def changed_columns(made: SourceRules, rows: pl.DataFrame = ROWS) -> set[str]:
    after = damaged(rows, "changed", made, SCHEMA)
    assert after.columns == rows.columns
    return {name for name in rows.columns if after[name].to_list() != rows[name].to_list()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_copy_has_the_same_columns_of_text(damage: str) -> None:
    assert damaged(ROWS, damage, rules(), SCHEMA).schema == ROWS.schema


def test_an_empty_copy_has_no_row() -> None:
    assert damaged(ROWS, "empty", rules(), SCHEMA).is_empty()


@pytest.mark.parametrize(("rows", "left"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_a_truncated_copy_has_the_first_half_of_the_rows(rows: int, left: int) -> None:
    assert damaged(ROWS.head(rows), "truncated", rules(), SCHEMA).equals(ROWS.head(left))


def test_in_a_shifted_copy_each_value_stands_one_column_to_the_right() -> None:
    shifted = damaged(ROWS, "shifted", rules(), SCHEMA)
    assert shifted.row(0) == ("", "1", "Ann", "(212) 555-0109", "new")


def test_in_a_changed_copy_texts_and_numbers_that_are_there_are_others() -> None:
    changed = damaged(ROWS, "changed", rules(), SCHEMA)
    assert changed["name"].to_list() == ["X Ann", "X Bob", ""]
    assert changed["mobile"].to_list() == ["(212) 555-0100", "2125550101", ""]  # the last digit, after a 9 a 0


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ({}, {"name", "mobile"}),
        ({"key": ("id", "name")}, {"mobile"}),
        ({"where": "status <> 'former' and name <> 'x'"}, {"mobile"}),
        ({"phones": PhoneRules(region_column="name")}, {"mobile"}),
    ],
)
def test_a_changed_copy_leaves_keys_filters_and_regions_alone(more: dict[str, Any], changed: set[str]) -> None:
    assert changed_columns(rules(**more)) == changed


def test_a_changed_copy_changes_match_values_only_if_nothing_else_is_mapped() -> None:
    by_phone = Schema((Field(1, "Phone", is_phone=True, is_match=True), Field(2, "Name")))
    both = rules(mapping={"Phone": Rule(Column("mobile")), "Name": Rule(Column("name"))})
    assert set(damaged(ROWS, "changed", both, by_phone)["mobile"]) == set(ROWS["mobile"])
    only = rules(mapping={"Phone": Rule(Column("mobile"))})
    assert damaged(ROWS, "changed", only, by_phone)["mobile"].to_list() == ["(212) 555-0100", "2125550101", ""]


def test_columns_that_no_rule_names_are_left_alone() -> None:
    assert "note" not in changed_columns(rules())


def test_in_a_copy_of_shifted_phones_each_number_stands_one_row_further_down() -> None:
    assert damaged(ROWS, "shifted-phones", rules(), SCHEMA)["mobile"].to_list() == ["", "(212) 555-0109", "2125550100"]


def test_in_a_copy_of_filled_phones_every_row_has_the_first_number() -> None:
    late = ROWS.with_columns(pl.Series("mobile", ["", "2125550100", "2125550101"]))
    filled = damaged(late, "filled-phones", rules(), SCHEMA)
    assert filled["mobile"].to_list() == ["2125550100"] * 3
    assert filled.drop("mobile").equals(ROWS.drop("mobile"))
    none = ROWS.with_columns(mobile=pl.lit(""))
    assert damaged(none, "filled-phones", rules(), SCHEMA).equals(none)


@pytest.mark.parametrize("damage", ["shifted-phones", "filled-phones"])
def test_copies_of_phones_leave_keys_alone(damage: str) -> None:
    assert damaged(ROWS, damage, rules(key=("mobile",)), SCHEMA).equals(ROWS)
    assert damaged(ROWS.clear(), damage, rules(), SCHEMA).is_empty()
