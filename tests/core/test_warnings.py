"""What a run warns of, with the numbers and the keys."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from syncd.core.schema import Field, Schema
from syncd.core.warnings import (
    of_case,
    of_fields,
    of_list,
    of_released,
    of_rows,
    of_shared_numbers,
    of_unconfigured,
)


def test_each_source_that_the_configuration_lacks_is_named_with_its_contacts() -> None:
    first, second = of_unconfigured({"tenants": 1, "owners": 2_003})
    assert first.startswith("source 'tenants' is not in the configuration, and has 1 contact at the target: ")
    assert second.startswith("source 'owners' is not in the configuration, and has 2,003 contacts at the target: ")


def test_the_warning_says_what_syncd_does_with_the_contacts_and_until_when() -> None:
    [warning] = of_unconfigured({"tenants": 1})
    assert "neither updates nor deletes" in warning
    assert "until it is named again" in warning


def test_without_a_source_that_is_missing_there_is_no_warning() -> None:
    assert list(of_unconfigured({})) == []


SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Home", is_phone=True), Field(3, "Work", is_phone=True)))


@pytest.mark.parametrize(
    ("schema", "mapped", "beginnings"),
    [
        (SCHEMA, ["ID", "Home"], []),
        (SCHEMA, ["ID", "Home", "Work"], ["numbers go to 2 phone fields (Home, Work), and whether Callpop looks in"]),
        (Schema((Field(1, "Phone", is_phone=True, is_match=True),)), ["Phone"], ["the match field Phone is likely to"]),
    ],
)
def test_fields_that_may_surprise_are_warned_of(schema: Schema, mapped: list[str], beginnings: list[str]) -> None:
    found = list(of_fields(schema, mapped))
    assert len(found) == len(beginnings)
    assert all(text.startswith(beginning) for text, beginning in zip(found, beginnings, strict=True))


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (of_shared_numbers(["a", "b"]), "2 contacts share a number with another (a, b); which of them is shown"),
        (of_case(pl.Series(["a", "b"])), "2 contacts differ from another in the case of their match fields only: a, b"),
        (of_released(["a"]), "1 adopted contact left the source and stayed at the target: a; deletes: {adopted: true}"),
        (of_list(1, "s"), "1 contact of this source is not in the target's list: syncd reconcile s shows which"),
        (of_list(2, "s"), "2 contacts of this source are not in the target's list"),
    ],
)
def test_a_warning_counts_and_names_its_contacts(found: Iterator[str], beginning: str) -> None:
    [text] = found
    assert text.startswith(beginning)


@pytest.mark.parametrize(
    "found", [of_shared_numbers([]), of_case(pl.Series([], dtype=pl.String)), of_released([]), of_list(0, "s")]
)
def test_without_such_a_contact_there_is_no_warning(found: Iterator[str]) -> None:
    assert list(found) == []


@pytest.mark.parametrize(("rows", "shown", "last"), [(2, 2, "b.csv:3: odd"), (1003, 1001, "3 more rows have warnings")])
def test_the_first_thousand_rows_with_warnings_are_listed_with_their_places(rows: int, shown: int, last: str) -> None:
    frame = pl.DataFrame({"@line": range(2, rows + 2), "@origin": [1] * rows, "@warning": ["odd"] * rows})
    found = list(of_rows(frame, ["a.csv", "b.csv"]))
    assert (len(found), found[0], found[-1]) == (shown, "b.csv:2: odd", last)
