"""Match values, digests, and rows that share one contact."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, REASON, ROW, STATE
from syncd.core.identity import (
    DIGEST_VERSION,
    REPEATED,
    as_frame,
    differing_twins,
    digest,
    duplicate_keys,
    folded,
    folded_twins,
    has_case,
    identify,
    in_one_order,
    merge_numbers,
    repeats,
    row_digest,
)
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "Name", is_match=True), Field(2, "Phone", is_phone=True, is_match=True), Field(3, "Note")))


def contacts(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"Name": pl.String, "Phone": pl.String, "Note": pl.String}, orient="row")
    return frame.with_columns(pl.lit(CONTACT, dtype=pl.UInt8).alias(STATE), pl.lit(None, dtype=pl.String).alias(REASON))


def identified(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    return identify(contacts(*rows), ["Name", "Phone", "Note"], SCHEMA)


def matched(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={KEY: pl.String, MATCH: pl.String}, orient="row")


def test_match_values_are_compared_trimmed_composed_and_with_phones_as_sets() -> None:
    found = identified(("José ", "1;2", ""), ("José", "2;1", "x"))
    assert found[MATCH].n_unique() == 1


def test_a_contact_without_a_match_value_is_invalid() -> None:
    found = identified(("Ann", "", ""), ("Ann", None, ""), ("Ann", "1", ""))
    assert found[STATE].to_list() == [INVALID, INVALID, CONTACT]
    assert found[REASON][0] == "an empty match value (Name, Phone)"


def digests(*rows: tuple[str | None, str | None, str | None]) -> list[int]:
    return contacts(*rows).select(digest(["Name", "Phone", "Note"])).to_series().to_list()


def test_the_digest_does_not_depend_on_the_order_of_fields() -> None:
    frame = contacts(("Ann", "1", "x"))
    assert frame.select(digest(["Note", "Name", "Phone"])).item() == digests(("Ann", "1", "x"))[0]


def test_a_field_that_is_left_alone_is_not_a_field_that_is_cleared() -> None:
    first, second = digests(("Ann", "1", ""), ("Ann", "1", None))
    assert first != second


def test_a_value_that_moves_to_another_field_changes_the_digest() -> None:
    assert len(set(digests(("a", "1", "b"), ("b", "1", "a"), ("ab", "1", ""), ("", "1", "ab")))) == 4
    frame = contacts(("Ann", "1", "x"))
    named = frame.select(digest(["Name", "Phone"])).item()
    renamed = frame.rename({"Name": "Nick"}).select(digest(["Nick", "Phone"])).item()
    assert named != renamed


def test_digests_are_the_same_for_ever() -> None:
    """The ledger holds digests, so a digest that changes would send every contact again."""
    assert digests(("Ann", "2125550101;2125550102", "")) == [114140315577166866]
    assert digests(("Ann", "1", ""))[0] >> 56 == DIGEST_VERSION


@given(st.lists(st.tuples(st.text(), st.text("12;"), st.text()), min_size=1, max_size=6, unique=True))
def test_different_contacts_have_different_digests(rows: list[tuple[str, str, str]]) -> None:
    assert len(set(digests(*rows))) == len(rows)


def keyed(*rows: tuple[str | None, int, int]) -> pl.DataFrame:
    """Return rows with these keys, states and digests; line 2 of ``x.csv`` is the first one, and so on."""
    lines = [(n, key, n + 2, n // 2, state, digest) for n, (key, state, digest) in enumerate(rows)]
    columns = {ROW: pl.UInt32, KEY: pl.String, LINE: pl.UInt32, ORIGIN: pl.UInt32, STATE: pl.UInt8, DIGEST: pl.Int64}
    return pl.DataFrame(lines, schema=columns, orient="row")


FIRST = "duplicate key: x.csv:2 has it too, and is used"
TWICE: dict[str, tuple[list[tuple[str | None, int, int]], list[tuple[int, int, str]]]] = {
    "no key twice": ([("a", CONTACT, 1), ("b", CONTACT, 1), (None, INVALID, 1), (None, INVALID, 1)], []),
    "another contact": ([("a", CONTACT, 1), ("b", CONTACT, 1), ("a", CONTACT, 2)], [(2, INVALID, FIRST)]),
    "the same contact": ([("a", CONTACT, 1), ("b", CONTACT, 1), ("a", CONTACT, 1)], [(2, EXCLUDED, REPEATED)]),
    "the same contact and another one": (
        [("a", CONTACT, 1), ("a", CONTACT, 2), ("a", CONTACT, 2), ("a", CONTACT, 1)],
        [(1, INVALID, FIRST), (2, EXCLUDED, REPEATED), (3, EXCLUDED, REPEATED)],
    ),
    "nothing is known of invalid rows": ([("a", INVALID, 1), ("a", INVALID, 1)], [(1, INVALID, FIRST)]),
    "an invalid row comes first": ([("a", INVALID, 1), ("a", CONTACT, 1)], [(1, INVALID, FIRST)]),
    "an invalid row comes later": ([("a", CONTACT, 1), ("a", INVALID, 1)], [(1, INVALID, FIRST)]),
}


@pytest.mark.parametrize(("rows", "expected"), TWICE.values(), ids=TWICE)
def test_of_rows_with_one_key_the_first_is_used_and_rows_that_make_the_same_contact_are_one(
    rows: list[tuple[str | None, int, int]], expected: list[tuple[int, int, str]]
) -> None:
    found = duplicate_keys(keyed(*rows), ["x.csv", "y.csv"])
    assert found.select(ROW, STATE, REASON).rows() == expected


DIFFERING: dict[str, tuple[list[tuple[str | None, int, int]], list[int]]] = {
    "no key twice": ([("a", CONTACT, 1), ("b", CONTACT, 2), (None, CONTACT, 3), (None, CONTACT, 4)], []),
    "one digest": ([("a", CONTACT, 1), ("b", CONTACT, 2), ("a", CONTACT, 1)], []),
    "two digests": ([("a", CONTACT, 1), ("b", CONTACT, 2), ("a", CONTACT, 1), ("a", CONTACT, 3)], [0, 2, 3]),
    "a row that is no contact": ([("a", CONTACT, 1), ("a", INVALID, 2)], []),
}


@pytest.mark.parametrize(("rows", "expected"), DIFFERING.values(), ids=DIFFERING)
def test_contacts_of_one_key_that_may_differ_are_found(
    rows: list[tuple[str | None, int, int]], expected: list[int]
) -> None:
    assert differing_twins(keyed(*rows))[ROW].to_list() == expected


def test_contacts_of_one_key_that_differ_in_the_order_of_numbers_have_the_digest_of_the_first() -> None:
    rows = [("a", "Ann", "1;2"), ("b", "Ann", "2;1"), ("a", "Ann", "2;1"), ("a", "Bob", "2;1"), ("a", "Ann", "1"),
            ("a", "1;2", "3"), ("a", "2;1", "3"), ("a", None, "1;2"), ("a", "", "1;2")]  # fmt: skip
    frame = pl.DataFrame(rows, schema=[KEY, "Name", "Phone"], orient="row").with_row_index(ROW)
    frame = frame.with_columns(pl.int_range(pl.len()).alias(DIGEST))
    assert in_one_order(frame, {"Phone"}).rows() == [(n, 0 if n == 2 else n) for n in range(9)]
    assert in_one_order(frame, set())[DIGEST].to_list() == [*range(9)]


def test_merged_numbers_are_a_set_in_order() -> None:
    frame = pl.DataFrame({KEY: ["a", "b", "c"], "Phone": ["1;2", "2;3", ""], "Name": ["A", "B", "C"]})
    found = merge_numbers(frame, {"a": ["b", "c"]}, ["Phone"])
    assert found.rows() == [("a", "1;2;3", "A")]


@pytest.mark.parametrize(("values", "twins"), [(["x", "X", "y"], ["0", "1"]), (["x", "y"], []), (["x", "x"], [])])
def test_pairs_that_differ_in_case_only_are_found(values: list[str], twins: list[str]) -> None:
    frame = matched(*((str(n), value) for n, value in enumerate(values)))
    assert folded_twins(frame).to_list() == twins


@given(st.lists(st.text(max_size=3), max_size=5))
def test_values_without_case_are_what_python_makes_of_them(values: list[str]) -> None:
    assert folded(pl.Series(values, dtype=pl.String)).to_list() == [value.casefold() for value in values]


@pytest.mark.parametrize(("values", "case"), [(["1", "2-3"], False), (["1a"], True), (["Ⅳ"], True), ([], False)])
def test_values_without_letters_have_no_case(values: list[str], case: bool) -> None:
    assert has_case(pl.Series(values, dtype=pl.String)) is case


@pytest.mark.parametrize(("values", "twice"), [([], False), (["a", "b"], False), (["a", "b", "a"], True)])
def test_a_value_that_occurs_twice_is_noticed(values: list[str], twice: bool) -> None:
    assert repeats(pl.Series(values, dtype=pl.String)) is twice


def test_fields_of_contacts_are_columns_and_absent_values_are_empty() -> None:
    assert as_frame([{"A": "1", "C": "3"}, {}], ["A", "B"]).rows() == [("1", ""), ("", "")]
    assert as_frame([], ["A"]).schema == {"A": pl.String}


def rows_digests(*rows: tuple[str | None, str | None], context: str = "c") -> list[int]:
    return row_digest(pl.DataFrame(rows, schema=["A", "B"], orient="row"), ["A", "B"], context).to_list()


def test_rows_have_one_digest_only_if_every_column_is_the_same() -> None:
    rows = [("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ("ab", None), ("a", "c")]
    assert len(set(rows_digests(*rows))) == len(rows)
    assert rows_digests(("a", "b")) == rows_digests(("a", "b"))


def test_the_digest_of_a_row_is_for_one_context_and_not_for_an_order_of_columns() -> None:
    assert rows_digests(("a", "b")) != rows_digests(("a", "b"), context="d")
    frame = pl.DataFrame({"B": ["b"], "A": ["a"]})
    assert row_digest(frame, ["B", "A"], "c").to_list() == rows_digests(("a", "b"))
