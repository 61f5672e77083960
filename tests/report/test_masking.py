"""Masked values: their kind is recognizable, their content is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.report.masking import masked


@pytest.mark.parametrize(
    ("value", "phone", "mask"),
    [
        ("Jane Smith", False, "J… S…"),
        ("2125551234", True, "212•••1234"),
        ("2125551234;5551234", True, "212•••1234;•••34"),
        ("911", True, "•••"),
        ("100042", False, "1…"),
        ("X", False, "…"),
        ("ada@example.com", False, "a…@e….c…"),
    ],
)
def test_a_masked_value_lets_its_kind_be_seen(value: str, phone: bool, mask: str) -> None:
    assert masked(value, phone=phone) == mask


@given(st.text(min_size=1), st.booleans())
def test_a_mask_shows_no_word_whole(value: str, phone: bool) -> None:
    for word in re.findall(r"\w+", value):
        if phone and ";" not in value:
            assert len(masked(value, phone=True).replace("•••", "")) < max(len(value), 1)
        elif not phone:
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w|…)", masked(value))
