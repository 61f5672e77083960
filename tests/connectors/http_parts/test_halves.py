"""Half of a surrogate pair in JSON: the cell is null, the row is malformed, and its key is kept if it is whole."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from connectors.http_parts.records import Damage, columns_of, rows_of, table, text_series

HALF = "Zo\ud83d"


@pytest.mark.parametrize("value", [HALF, "\udc00", [HALF], {"inner": HALF}, [{"a": HALF}]])
def test_a_damaged_value_is_null_and_noted(value: Any) -> None:
    damage: Damage = {}
    records = [{"id": "1", "name": "Ada"}, {"id": "2", "name": value}]
    columns = columns_of(records)
    frame = table(records, columns, {}, damage)
    assert list(damage) == [1]
    assert frame.get_column("id").to_list() == ["1", "2"]
    assert frame.filter(pl.col("id") == "2").row(0)[1:].count(None) == len(columns) - 1


def test_a_pair_is_no_half() -> None:
    damage: Damage = {}
    assert text_series("name", ["\U0001f600", None], damage).to_list() == ["\U0001f600", None]
    assert damage == {}


def test_a_damaged_row_is_malformed_with_its_key() -> None:
    lines = pl.Series([1, 2, 3], dtype=pl.UInt32)
    frame = pl.DataFrame({"id": ["1", "2", None], "name": ["Ada", None, "Eve"]})
    rows = rows_of(frame, "crm", lines, {1: "name", 2: "id"}, ["id"])
    assert rows.frame.rows() == [("1", "Ada")]
    assert rows.lines.to_list() == [1]
    assert [(bad.line, bad.key, "name" in bad.reason) for bad in rows.malformed] == [
        (2, {"id": "2"}, True),
        (3, {"id": None}, False),
    ]


def test_a_damaged_name_of_a_column_is_no_column() -> None:
    assert columns_of([{"id": "1", HALF: "x"}]) == ["id"]
    assert table([{"id": "1", HALF: "x"}], ["id"], {}).rows() == [("1",)]
