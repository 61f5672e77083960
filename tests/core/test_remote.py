"""Contacts as the target returns them: their match values in one form, their ids, and their texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.remote import differ_in_case, match_keys, number, numbers, texts
from syncd.core.schema import Field, Schema

BY_PHONE = Schema((Field(1, "Company", is_match=True), Field(2, "Phone", is_phone=True, is_match=True)))


@pytest.mark.parametrize(
    ("contact", "key"),
    [
        ({"Company": " Acme ", "Phone": "2125550100"}, ("Acme", frozenset({"2125550100"}))),
        ({"Company": "Cafe\u0301", "Phone": "2125550100"}, ("Café", frozenset({"2125550100"}))),
        ({"Company": 42, "Phone": 12125550100}, ("42", frozenset({"2125550100"}))),
        ({"Company": "Acme", "Phone": "n/a"}, None),
        ({"Company": " ", "Phone": "2125550100"}, None),
        ({"Company": True, "Phone": "2125550100"}, None),
        ({"Phone": "2125550100"}, None),
    ],
)
def test_match_values_are_put_into_one_form_and_none_may_be_empty(contact: dict[str, Any], key: object) -> None:
    assert match_keys([contact], BY_PHONE) == [key]


def test_without_a_match_field_no_contact_has_a_match_value() -> None:
    assert match_keys([{"Name": "Ann"}], Schema((Field(1, "Name"),))) == [None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2125550100;12125550101", {"2125550100", "2125550101"}),
        ("+1 (212) 555-0100", {"2125550100"}),
        ("2125550100;2125550100", {"2125550100"}),
        ("442079460958", {"442079460958"}),
        ("32125550100", {"32125550100"}),  # eleven digits, but no leading 1
        (";n/a;", set()),
        ("", set()),
    ],
)
def test_a_phone_field_is_a_set_of_numbers_in_national_form(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (7, 7),
        ("7", 7),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (0, None),
        (-7, None),
        (True, None),
        (7.0, None),
        ("", None),
        ("٧", None),
        ("9" * 19, None),
        (None, None),
    ],
)
def test_an_id_is_a_positive_number_that_the_state_can_hold(value: Any, id_: int | None) -> None:
    assert number(value) == id_


def test_every_value_of_a_field_becomes_text_that_can_be_stored() -> None:
    found = texts({"a": "x", "b": 5, "c": 1.5, "d": None, "e": True, "f": ["x"], "g": "\ud83d"})
    assert found == {"a": "x", "b": "5", "c": "1.5", "d": "", "e": "", "f": "", "g": "?"}


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers() | st.booleans()))
def test_texts_are_always_utf_8(fields: dict[str, Any]) -> None:
    for name, value in texts(fields).items():
        assert (name + value).encode().decode() == name + value


@pytest.mark.parametrize(
    ("match", "other", "differ"), [("Ann", "ANN", True), ("Ann", "Ann", False), ("Ann", "Bob", False)]
)
def test_two_match_values_may_differ_in_nothing_but_case(match: str, other: str, *, differ: bool) -> None:
    assert differ_in_case(match, other) == differ
