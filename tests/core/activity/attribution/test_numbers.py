"""The numbers of contacts: found in their fields, and brought into the form of calls."""

from __future__ import annotations

import json

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.activity.attribution.numbers import phones_in, with_numbers
from syncd.core.activity.numbers import canonical, recast
from tests.examples import examples

REGIONS = ["US", "GB", "DE", "MX", "FR", "CA"]
NAMES = ["Phone", 'Mobile "2"', "Tél (a|b).*", "Other\\"]
TEXTS = st.text(max_size=6) | st.sampled_from(['"Phone":"9"', '\\"', "2125550101;2125550102", "", ";", *NAMES])
FIELDS = st.dictionaries(st.sampled_from([*NAMES, "Note", "Phone 2"]), TEXTS, max_size=5)


def found(fields: dict[str, str] | None, otherwise: dict[str, str] | None = None) -> str:
    """Return the values of the phone fields, joined."""
    # As the journal writes them, and as others do.
    texts = {
        "a": None if fields is None else orjson.dumps(fields).decode(),
        "b": None if otherwise is None else json.dumps(otherwise, ensure_ascii=False),
    }
    frame = pl.DataFrame({name: [text] for name, text in texts.items()}, schema={"a": pl.String, "b": pl.String})
    text: str = frame.select(phones_in(pl.col("a"), NAMES, pl.col("b"))).item()
    return text


@settings(max_examples=examples(40, 2_000), deadline=None)
@given(FIELDS, FIELDS)
def test_phone_fields_are_found_in_any_object(fields: dict[str, str], otherwise: dict[str, str]) -> None:
    values = [fields.get(name, otherwise.get(name, "")) for name in NAMES]
    assert found(fields, otherwise) == ";".join(filter(None, values))


def test_no_object_and_no_phone_field_is_no_number() -> None:
    assert found(None) == ""
    assert pl.DataFrame({"a": ["{}"]}).select(phones_in(pl.col("a"), [])).item() == ""


@pytest.mark.parametrize(
    ("phones", "region", "into", "numbers"),
    [
        ("2125550101", "US", "US", ["2125550101"]),
        ("12125550101;2125550101;(212) 555-0101", "US", "US", ["2125550101"]),
        ("101;2125550101", "US", "US", ["2125550101"]),
        ("", "US", "US", []),
        (";;", "US", "US", []),
        ("442079460018", "US", "US", ["442079460018"]),
        ("02079460018;12125550101", "GB", "GB", ["02079460018", "12125550101"]),
        ("02079460018;12125550101", "GB", "US", ["442079460018", "2125550101"]),
        ("2125550101;442079460018", "US", "GB", ["12125550101", "02079460018"]),
        ("2125550101", "CA", "US", ["2125550101"]),
        ("5512345678", "MX", "US", ["525512345678"]),
        ("not a number", "US", "US", []),
    ],
)
def test_numbers_come_into_the_form_of_calls(phones: str, region: str, into: str, numbers: list[str]) -> None:
    frame = pl.DataFrame({"key": ["7"], "phones": [phones]})
    assert sorted(with_numbers(frame, "phones", region, into)["number"]) == sorted(numbers)


@settings(max_examples=examples(40, 300), deadline=None)
@given(
    st.sampled_from(["+12125550101", "+442079460018", "+493012345678", "+525512345678", "+33142685300"]),
    st.sampled_from(REGIONS),
    st.sampled_from(REGIONS),
)
def test_a_number_is_the_same_by_each_way(number: str, region: str, into: str) -> None:
    assert recast(canonical(number, region), region, into) == canonical(number, into)
