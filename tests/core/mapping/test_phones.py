"""Phone numbers as people type them, and the digits that the target gets."""

from __future__ import annotations

import re
from typing import Literal

import phonenumbers
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from syncd.core.mapping import phones
from syncd.core.mapping.phone_plan import is_placeholder
from syncd.core.settings.rules import PhoneRules

unhurried = settings(deadline=None, max_examples=60)  # a deadline would test the machine
ONE = "2125551234"
Invalid = Literal["keep", "drop", "reject"]


def cleaned(*values: str | None, region: str = "US", invalid: Invalid = "keep") -> tuple[str, str | None]:
    """Return the digits and the problem of a row with ``values`` in the columns c0, c1, …."""
    raw = pl.DataFrame({f"c{n}": pl.Series([value], dtype=pl.String) for n, value in enumerate(values)})
    row = phones.clean(raw, PhoneRules(region=region, invalid=invalid)).row(0)
    return row[0], row[1]


@pytest.mark.parametrize(
    "typed",
    [
        "2125551234",
        "(212) 555-1234",
        "212-555-1234",
        "212.555.1234",
        "+1 212 555 1234",
        "+1 (212) 555-1234",
        "1-212-555-1234",
        "12125551234",
        "(+1) 212 555 1234",
        "212/555-1234",
        "212,555,1234",
        "2,125,551,234",
        "tel:+1-212-555-1234",
        "tel:+1%20212%20555%201234",
        "tel:555-1234;phone-context=+1-212",
        "sip:+12125551234@host1.example.com",
        "011 1 212 555 1234",
        "001 212 555 1234",
        "+1 (0)212 555 1234",
        "２１２５５５１２３４",
        "＋１ ２１２ ５５５ １２３４",
        "٢١٢٥٥٥١٢٣٤",
        "212\u00a0555\u00a01234",
        "\u202a212\u2011555\u20111234\u202c",
        "📞 212 555 1234",
        "2️⃣12 555 1234",
        "Mobile: 212 555 1234",
        "212 555 1234 (home)",
        "212-555-1234¹",
        "'2125551234",
        "2125551234.0",
        "*67 212 555 1234",
    ],
)
def test_a_number_comes_out_the_same_however_it_is_written(typed: str) -> None:
    assert cleaned(typed) == (ONE, None)


@pytest.mark.parametrize(
    "extension",
    ["x12", " x 12", "X12", " ext. 12", " ext 12", " extension 12", ";ext=12", "#12", " #12", " Ext: 12", ",12",
     ",,12#", "p12", " x12/13", " x12, x13", "; x12", " (x12)"],
)  # fmt: skip
def test_an_extension_never_becomes_part_of_the_number(extension: str) -> None:
    assert cleaned("212-555-1234" + extension) == (ONE, None)


@pytest.mark.parametrize(
    "separator",
    [";", "; ", ",", ", ", "/", " / ", "|", "\n", "\r\n", " or ", " & ", "  ", " - ", "؛", "、", " x12, ", " fax: "],
)
def test_two_numbers_are_told_apart(separator: str) -> None:
    assert cleaned(f"212-555-1234{separator}718-555-9999") == ("2125551234;7185559999", None)


@pytest.mark.parametrize("nothing", ["", None, "n/a", "-", "none", "   ", "(   )   -", "☎", "\u200b", "unknown x"])
def test_a_value_without_a_digit_counts_as_empty(nothing: str | None) -> None:
    assert cleaned(nothing) == ("", None)
    assert cleaned(nothing, "212 555 1234", invalid="reject") == (ONE, None)


def test_numbers_keep_their_order_and_come_once() -> None:
    typed = ("718 555 9999; 212-555-1234", "+1 212 555 1234", "646.555.0000", "7185559999")
    assert cleaned(*typed) == ("7185559999;2125551234;6465550000", None)


def test_a_number_that_a_value_of_several_repeats_comes_once_and_the_order_stays() -> None:
    many = [f"212555{n:04d}" for n in (9, 3, 7, 1, 8, 2)]
    assert cleaned(many[0], "; ".join(many), many[2]) == (";".join(many), None)


@pytest.mark.parametrize(
    ("typed", "digits", "wrong"),
    [
        ("555-1234", "5551234", "too short"),
        ("911", "911", "too short"),
        ("212-555-12345", "21255512345", "too long"),
        ("212555123412", "212555123412", "too long"),
        ("112125551234", "112125551234", "too long"),
        ("0212 555 123", "0212555123", "no such area code"),
        ("+999 123 4567", "9991234567", "no such country code"),
        ("+1 012 555 1234", "10125551234", "no such area code"),
        ("+44 20", "4420", "too short"),
        ("555-1234 mob", "5551234", "too short"),
    ],
)
def test_an_impossible_number_is_named_and_treated_as_configured(typed: str, digits: str, wrong: str) -> None:
    assert cleaned(typed) == (digits, f"c0: {wrong}")
    assert cleaned(typed, invalid="drop") == ("", f"c0: {wrong}, left out")
    assert cleaned(typed, invalid="reject")[1] == f"c0: {wrong}"


def test_a_problem_names_its_columns_and_never_the_number() -> None:
    digits, problem = cleaned("212 555 1234", "555-1234", "123; 134; 212-555-12345; 12")
    assert digits == "2125551234;5551234;123;134;21255512345"
    assert problem == "c1: too short; c2: too short, too long; c2: too short, left out"


@pytest.mark.parametrize(
    ("region", "typed", "sent"),
    [
        ("US", "+44 (0)20 7946 0958", "442079460958"),
        ("US", "0044 20 7946 0958", "442079460958"),
        ("US", "+0044 20 7946 0958", "442079460958"),
        ("US", "011 44 20 7946 0958", "442079460958"),
        ("US", "442079460958", "442079460958"),
        ("US", "+1-800-FLOWERS", "8003569377"),
        ("US", "800-555-HOME", "8005554663"),
        ("CA", "(416) 555-1234", "4165551234"),
        ("GB", "+44 20 7946 0958", "02079460958"),
        ("GB", "020 7946 0958", "02079460958"),
        ("GB", "2079460958", "02079460958"),
        ("GB", "0044 20 7946 0958 / 07911 123456", "02079460958;07911123456"),
        ("GB", "+1 212 555 1234", "12125551234"),
        ("DE", "030/1234567", "0301234567"),
        ("DE", "0171/1234567, 0171/7654321", "01711234567;01717654321"),
        ("DE", "+49 (0)30 1234567", "0301234567"),
        ("IT", "+39 06 1234567", "061234567"),
        ("AU", "0011 44 20 7946 0958", "442079460958"),
    ],
)
def test_numbers_of_the_region_go_out_in_national_form_and_others_with_their_country(
    region: str, typed: str, sent: str
) -> None:
    assert cleaned(typed, region=region)[0] == sent


def test_each_row_may_have_a_region_of_its_own() -> None:
    raw = pl.DataFrame({"cell": ["020 7946 0958", "020 7946 0958", "(212) 555-1234", "(212) 555-1234", ""]})
    regions = pl.Series(["GB", " uk ", "", "Atlantis", "Atlantis"])
    result = phones.clean(raw, PhoneRules(region_column="country"), regions=regions)
    assert result["digits"].to_list() == ["02079460958", "02079460958", ONE, ONE, ""]
    assert result["problem"].to_list() == [None, None, None, "cell: the row's region is not known", None]


def test_the_first_column_that_holds_a_number_is_taken_alone() -> None:
    raw = pl.DataFrame({"a": ["n/a", "212 555 1234", "125"], "b": ["718-555-9999", "12", "718-555-9999"]})
    result = phones.clean(raw, PhoneRules(), first=True)
    assert result["digits"].to_list() == ["7185559999", ONE, "125"]
    assert result["problem"].to_list() == [None, None, "a: too short"]


def test_the_order_of_numbers_does_not_count_in_the_canonical_form() -> None:
    values = [None, "", "2;1", "1;2", "1;1", "3;1;2", "1;2;3", "3;1;3", "12"]
    canonical = pl.DataFrame({"v": values}).select(phones.canonical(pl.col("v"))).to_series().to_list()
    assert canonical == [None, "", "1;2", "1;2", "1", "1;2;3", "1;2;3", "1;3", "12"]


US_PUNCTUATION = st.text(" ()-.", max_size=3)


@st.composite
def written_for_the_us(draw: st.DrawFn) -> str:
    start: str = draw(st.sampled_from(["", "1", "+1", "(+1)", " +1 ", "(1", "+", "++1"]))
    groups = draw(st.sampled_from([(3, 3, 4), (10,), (3, 7), (6, 4), (3, 2, 2, 3), (3, 4), (3, 3, 5)]))
    digits = [draw(st.text("0123456789", min_size=size, max_size=size)) for size in groups]
    return start + draw(US_PUNCTUATION) + "".join(group + draw(US_PUNCTUATION) for group in digits)


def slowly(text: str) -> tuple[str, str | None]:
    return phones.clean(pl.DataFrame({"c0": [f"{text}\u200b"]}), PhoneRules()).row(0)[:2]


@unhurried
@given(written_for_the_us())
@example("(212) 555-1234")
@example("+1(0)2125551234")
def test_the_fast_path_reads_what_the_slow_one_reads(typed: str) -> None:
    assert cleaned(typed) == slowly(typed)


@unhurried
@given(st.integers(2_000_000_000, 9_999_999_999), st.sampled_from(["", "+1", "1 "]))
def test_both_paths_agree_with_phonenumbers(number: int, start: str) -> None:
    assume(not is_placeholder(str(number), "US"))
    parsed = phonenumbers.parse(f"{start}{number}", "US")
    assert phonenumbers.is_possible_number(parsed)
    assert cleaned(f"{start}{number}") == (phonenumbers.national_significant_number(parsed), None)


ANY_PHONE = st.one_of(
    written_for_the_us(),
    st.text(st.sampled_from("0123456789+()-.,;/| x#\n☎٣３eE*=&"), max_size=40),
    st.text(max_size=30),
)


@unhurried
@given(st.lists(ANY_PHONE, min_size=1, max_size=3), st.sampled_from(["US", "GB", "DE", "BR"]))
def test_only_digits_come_out_and_each_number_once(values: list[str], region: str) -> None:
    digits, _ = cleaned(*values, region=region)
    assert re.fullmatch(r"(?:[0-9]+(?:;[0-9]+)*)?", digits)
    assert len(set(digits.split(";"))) == len(digits.split(";"))


@unhurried
@given(ANY_PHONE)
def test_cleaning_what_is_clean_changes_nothing(value: str) -> None:
    digits, _ = cleaned(value)
    assert cleaned(digits)[0] == digits


@unhurried
@given(st.lists(ANY_PHONE, max_size=8), st.sampled_from(["keep", "drop", "reject"]))
def test_a_row_does_not_depend_on_the_rows_beside_it(values: list[str], invalid: Invalid) -> None:
    raw = pl.DataFrame({"c0": pl.Series(values, dtype=pl.String)})
    together = phones.clean(raw, PhoneRules(invalid=invalid)).rows()
    assert [row[:2] for row in together] == [cleaned(value, invalid=invalid) for value in values]
