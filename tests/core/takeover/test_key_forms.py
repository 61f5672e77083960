"""The form of keys, and the words for what has changed about them."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.columns import KEY
from syncd.core.takeover.key_forms import WAS, examples, key_form, what_happened

SAME_FORM = [
    ("000123", "123"),
    ("123", "123.0"),
    ("000123", "123.00"),
    ("abc", "ABC"),
    ("Straße", "STRASSE".replace("SS", "ß")),
    ("{0a-1b}", "0A1B"),
    ("AB 12", "AB-12"),
    ("１２３", "123"),
    ("123000", "1.23E+05"),
    ("0", "000"),
    ("007\x1f012", "7\x1f12.0"),
]
OTHER_FORM = [("12", "120"), ("1\x1f23", "12\x1f3"), ("a1", "a10"), ("1.5", "15.5"), ("", "0x")]


@pytest.mark.parametrize(("one", "other"), SAME_FORM)
def test_keys_of_one_form_are_equal_without_it(one: str, other: str) -> None:
    first, second = key_form(pl.Series(KEY, [one, other]))
    assert first == second


@pytest.mark.parametrize(("one", "other"), OTHER_FORM)
def test_other_keys_are_not_equal_without_their_form(one: str, other: str) -> None:
    first, second = key_form(pl.Series(KEY, [one, other]))
    assert first != second


def pairs(*found: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(found, schema=[WAS, KEY], orient="row")


HAPPENED = {
    "leading zeros are gone": [("0012", "12"), ("0345", "345")],
    "leading zeros were added": [("12", "0012"), ("345", "0345")],
    "“.0” was added": [("12", "12.0"), ("345", "345.0")],
    "“.0” is gone": [("12.0", "12"), ("345.0", "345")],
    "small letters became capitals": [("ab1", "AB1"), ("c", "C")],
    "capitals became small letters": [("AB1", "ab1"), ("C", "c")],
    "the case of letters is another": [("aB1", "Ab1"), ("c", "C")],
    "numbers became powers of ten": [("123456789012", "1.23457E+11"), ("123000", "1.23E+05")],
    "“T-” was added in front": [("12", "T-12"), ("345", "T-345")],
    "“T-” is gone in front": [("T-12", "12"), ("T-345", "345")],
    "“/a” was added at the end": [("12", "12/a"), ("345", "345/a")],
    "marks or spaces are others": [("1-2", "1 2"), ("3-4-5", "3 4 5")],
    "they are written in another form": [("0012", "12.0"), ("0345", "345.0")],
    "they are other keys, as from another column": [("12", "9871"), ("345", "x7")],
    "leading zeros are gone in 2 of 3": [("0012", "12"), ("0345", "345"), ("6", "x")],
}


@pytest.mark.parametrize(("words", "found"), HAPPENED.items(), ids=HAPPENED)
def test_what_has_changed_about_the_keys_is_said(words: str, found: list[tuple[str, str]]) -> None:
    assert what_happened(pairs(*found)) == words


def test_three_pairs_are_examples_and_the_parts_of_a_key_are_joined_by_a_plus() -> None:
    shown = examples(pairs(("01\x1f2", "1\x1f2"), ("02", "2"), ("03", "3"), ("04", "4")))
    assert shown == "01+2 → 1+2, 02 → 2, 03 → 3"
