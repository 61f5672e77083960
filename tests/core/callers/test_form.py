"""One number has one form, whether it stands alone or in a frame; and what a person writes is read as sources are."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.callers.form import plain, plain_numbers
from syncd.core.callers.numbers import NUMBER, digits, numbers_of
from syncd.core.callers.whois import Shown, since, written
from syncd.core.columns import KEY

values = st.text("0123456789+()-. ;x１٣", max_size=30)


@given(values)
def test_a_text_and_a_frame_give_one_form(value: str) -> None:
    assert pl.select(digits(pl.lit(value))).item() == plain(value)
    contacts = pl.DataFrame({KEY: ["a"], "Phone": [value]})
    assert numbers_of(contacts, [KEY], ["Phone"]).get_column(NUMBER).to_list() == plain_numbers(value)


@pytest.mark.parametrize(
    ("text", "regions", "found"),
    [
        ("(212) 555-0101", ["US"], ["2125550101"]),
        ("+44 20 7946 0958", ["US", "GB"], ["442079460958", "02079460958"]),
        ("1-800-FLOWERS", ["US"], ["8003569377"]),
        ("212.555.0101 ext. 12", ["DE"], ["02125550101"]),
        ("101", ["US"], ["101"]),
        ("no digits", ["US"], []),
    ],
)
def test_a_number_is_read_in_each_region(text: str, regions: list[str], found: list[str]) -> None:
    assert written(text, regions, regions) == found


def test_a_number_that_names_its_country_may_stand_in_the_form_of_that_country() -> None:
    assert written("+44 20 7946 0958", ["US"], ["US"], per_row=True) == ["442079460958", "02079460958"]


Step = tuple[float, dict[str, str] | None, dict[str, str]]
ANN, BO = {"Name": "Ann", "Phone": "1"}, {"Name": "Bo", "Phone": "1"}


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ([], None),
        ([(5.0, None, ANN)], 5.0),
        ([(5.0, BO, ANN), (3.0, None, BO)], 5.0),
        # An edit of another field, which names the others or not, tells nothing of this one.
        ([(9.0, ANN, {**ANN, "Email": "x"}), (7.0, ANN, {"Email": "y"}), (5.0, BO, ANN)], 5.0),
        # The contact had the number and the name before syncd knew it.
        ([(5.0, ANN, ANN)], 5.0),
        ([(9.0, {"Name": "Ann", "Phone": "2"}, {"Phone": "1"}), (5.0, None, ANN)], 9.0),
        ([(9.0, None, BO)], None),
    ],
)
def test_since_when_a_contact_is_shown(changes: list[Step], when: float | None) -> None:
    assert since(changes, Shown(["1"], ["Phone"], "Name", "Ann")) == when
