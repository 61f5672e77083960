"""The stored form of a phone field."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.phones import BadPhone, stored_phones

PHONE_LIKE = st.text(alphabet="0123456789;+-() .x#,e/é", max_size=40)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2125550101", "2125550101"),
        ("+1 (212) 555-0101", "12125550101"),
        ("+44 20 7946 0018", "442079460018"),
        ("212-555-0101;;212 555 0101; 718-555-0102 ", "2125550101;7185550102"),
        ("n/a", ""),
        ("٢١٢", ""),
        ("555-CALL-NOW", "555"),
    ],
)
def test_a_phone_field_is_reduced_to_digits(sent: str, stored: str) -> None:
    assert stored_phones(sent, Dialects()) == stored


@pytest.mark.parametrize("extension", ["x12", " x12", " ext 12", " ext. 12", "ext:12", " Extension 12", " #12", "x.12"])
def test_an_extension_is_told_from_the_number(extension: str) -> None:
    assert stored_phones(f"(212) 555-0101{extension}", Dialects({"extension": "drop"})) == "2125550101"
    with pytest.raises(BadPhone, match="extension"):
        stored_phones(f"(212) 555-0101{extension}", Dialects({"extension": "error"}))


@pytest.mark.parametrize("bad", ["12345", "1" * 16, "212555010A", "n/a"])
def test_a_bad_number_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(BadPhone) as refused:
        stored_phones(bad, Dialects({"bad_phone": "error"}))
    assert bad not in str(refused.value)


@given(text=PHONE_LIKE)
def test_what_is_stored_is_digits_and_semicolons_and_stays_what_it_is(text: str) -> None:
    for dialect in ({}, {"phone_us": "10"}, {"phone_order": "sorted"}, {"bad_phone": "empty"}, {"extension": "drop"}):
        rules = Dialects(dialect)
        stored = stored_phones(text, rules)
        assert re.fullmatch(r"([0-9]+(;[0-9]+)*)?", stored)
        assert len(set(stored.split(";"))) == len(stored.split(";"))
        assert stored_phones(stored, rules) == stored
