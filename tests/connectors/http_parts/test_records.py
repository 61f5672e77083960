"""JSON records as rows of text."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from connectors.http_parts.paths import find, finder
from connectors.http_parts.records import columns_of, flat, ids_of, table
from syncd.rest.bodies import parse

PERSON: dict[str, Any] = {
    "id": 7,
    "name": "Pat",
    "active": True,
    "score": Decimal("1.10"),
    "none": None,
    "phones": [{"value": "2125550100", "label": "work"}, {"value": "2125550101", "label": None}],
    "tags": ["a", "b"],
    "address": {"city": "Springfield", "geo": {"lat": 1}},
    "empty": [],
}


def test_nested_values_become_columns_by_dotted_path() -> None:
    assert flat(PERSON) == {
        "id": "7",
        "name": "Pat",
        "active": "true",
        "score": "1.10",
        "none": None,
        "phones.value": "2125550100;2125550101",
        "phones.label": "work",
        "tags": "a;b",
        "address.city": "Springfield",
        "address.geo.lat": "1",
        "empty": "",
    }


def test_columns_are_those_of_all_records_in_the_order_met() -> None:
    assert columns_of([{"b": 1, "a": 2}, {"a": 1, "c": {"d": 1}}, "no record"]) == ["b", "a", "c.d"]


def test_a_table_has_the_columns_asked_for_as_text() -> None:
    found = table([PERSON, {"id": "8"}], ["phone", "id", "address.city"], {"phone": "phones[?label=='work'].value"})
    assert found.schema == {"phone": pl.String, "id": pl.String, "address.city": pl.String}
    assert found.rows() == [("2125550100", "7", "Springfield"), (None, "8", None)]
    assert table([], ["id", "x"], {}).shape == (0, 2)


def test_very_deep_values_are_json() -> None:
    deep: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}
    assert flat(deep) == {"a.b.c.d.e.f": '{"g": 1}'}


def test_ids_are_text_and_absent_when_empty() -> None:
    assert ids_of([{"id": 1}, {"id": ""}, {}, {"id": "x"}], "id") == ["1", None, None, "x"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("7", "7"),
        ("7.0", "7"),
        ("-7.00", "-7"),
        ("-0.0", "0"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1.5e3", "1500"),
        ("1.10", "1.10"),
        ("1.5e-3", "0.0015"),
        ("12345678901234567890", "12345678901234567890"),
        ("12345678901234567890.0", "12345678901234567890"),
        ("12345678901234567890123.5", "12345678901234567890123.5"),
        ("1e999999", "1E+999999"),
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ("true", "true"),
        ("[1.0, NaN, 2e2]", "1;200"),
    ],
)
def test_numbers_are_written_as_people_write_them(written: str, text: str | None) -> None:
    record, problem = parse(bytearray(f'{{"id": {written}}}'.encode()), exact=True)
    assert (flat(record), problem) == ({"id": text}, "")
    if not written.startswith("["):
        assert ids_of([record], "id") == [text]


@pytest.mark.parametrize(("value", "text"), [(7.0, "7"), (1e22, "1" + "0" * 22), (0.1, "0.1"), (float("nan"), None)])
def test_floats_are_written_in_the_same_way(value: float, text: str | None) -> None:
    assert flat({"id": value}) == {"id": text}


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("a.x", None), ("a.b.c", None), ('"@x.y"', 2), ("l[0].m", 3), ("sum(a)", None), ("l[*].m | [0]", 3)],
)
def test_a_path_finds_what_stands_there_and_nothing_else(path: str, found: Any) -> None:
    assert find(path, {"a": {"b": 1}, "@x.y": 2, "l": [{"m": 3}]}) == found


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="JMESPath"):
        finder("a[")
