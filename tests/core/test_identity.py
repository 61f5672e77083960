"""Match values, digests, and rows that share one contact."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.columns import CONTACT, INVALID, KEY, LINE, MATCH, ORIGIN, REASON, ROW, STATE
from syncd.core.identity import DIGEST_VERSION, digest, duplicate_keys, folded_twins, identify, merge_numbers
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


def test_the_first_row_with_a_key_is_used_and_the_others_name_its_place() -> None:
    read = pl.DataFrame(
        {ROW: [0, 1, 2, 3], KEY: ["a", "b", "a", None], LINE: [2, 3, 4, 5], ORIGIN: [0, 0, 1, 1]},
        schema={ROW: pl.UInt32, KEY: pl.String, LINE: pl.UInt32, ORIGIN: pl.UInt32},
    )
    found = duplicate_keys(read, ["x.csv", "y.csv"])
    assert found.select(ROW, STATE, REASON).rows() == [
        (2, INVALID, "duplicate key: x.csv:2 has it too, and is used"),
    ]


def test_merged_numbers_are_a_set_in_order() -> None:
    frame = pl.DataFrame({KEY: ["a", "b", "c"], "Phone": ["1;2", "2;3", ""], "Name": ["A", "B", "C"]})
    found = merge_numbers(frame, {"a": ["b", "c"]}, ["Phone"])
    assert found.rows() == [("a", "1;2;3", "A")]


@pytest.mark.parametrize(("values", "twins"), [(["x", "X", "y"], ["0", "1"]), (["x", "y"], []), (["x", "x"], [])])
def test_pairs_that_differ_in_case_only_are_found(values: list[str], twins: list[str]) -> None:
    frame = matched(*((str(n), value) for n, value in enumerate(values)))
    assert folded_twins(frame).to_list() == twins
