"""The numbers of calls and messages are compared in the form of the contacts'."""

from __future__ import annotations

import pytest

from syncd.core.activity.numbers import canonical, is_withheld


@pytest.mark.parametrize(
    ("text", "region", "digits"),
    [
        ("+14155550101", "US", "4155550101"),
        ("4155550101", "US", "4155550101"),
        ("1 (415) 555-0101", "US", "4155550101"),
        ("+44 20 7946 0018", "US", "442079460018"),
        ("020 7946 0018", "GB", "02079460018"),
        ("+442079460018", "GB", "02079460018"),
        ("4155550101 ext. 5", "US", "4155550101"),
        ("101", "US", "101"),
        ("800123", "US", "800123"),
        ("5551234567", "US", "5551234567"),
        ("0005551234567", "US", "0005551234567"),
        ("4155550101", "nowhere", "4155550101"),
        ("anonymous", "US", ""),
        ("", "US", ""),
    ],
)
def test_a_number_has_the_digits_that_a_contact_is_sent_with(text: str, region: str, digits: str) -> None:
    assert canonical(text, region) == digits


@pytest.mark.parametrize("text", [None, "", "  ", "Anonymous", "RESTRICTED", "Private", "unknown", "hidden caller"])
def test_a_caller_without_a_number_is_withheld(text: str | None) -> None:
    assert is_withheld(text)


@pytest.mark.parametrize("text", ["2125550101", "+1 212 555 0101", "101"])
def test_a_caller_with_a_number_is_not(text: str) -> None:
    assert not is_withheld(text)
