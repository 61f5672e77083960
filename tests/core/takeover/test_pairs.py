"""Which rows under new keys have all that a vanishing contact has, as tables of rows and contacts."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.columns import KEY
from syncd.core.takeover.key_forms import WAS
from syncd.core.takeover.pairs import EXACT, Fields, Pairs, pairs_of, with_edited

NAMES = ("Ref", "Name", "Phone", "Kind")
Contact = tuple[str, str | None, str | None, str | None, str | None]
"""The key, and the values of ``NAMES``."""


def frame(contacts: list[Contact]) -> pl.DataFrame:
    return pl.DataFrame(contacts, schema=dict.fromkeys((KEY, *NAMES), pl.String), orient="row")


def found(new: list[Contact], old: list[Contact], of_key: tuple[str, ...] = ("Ref",)) -> Pairs:
    fields = Fields(NAMES, frozenset({"Phone"}), of_key, ("Ref", "Name", "Phone"))
    return pairs_of(frame(new), frame(old), fields)


ANN: Contact = ("01", "01", "Ann", "1;2", "Tenant")
BOB: Contact = ("02", "02", "Bob", "3", "Tenant")


def under(contact: Contact, key: str, **values: str | None) -> Contact:
    """Return the contact under another key, which its field ``Ref`` holds, with other ``values``."""
    known = dict(zip(NAMES, contact[1:], strict=True)) | {"Ref": key} | values
    return (key, *(known[name] for name in NAMES))  # type: ignore[return-value]


PAIRED: dict[str, tuple[list[Contact], list[Contact], list[tuple[str, str, bool]]]] = {
    "all values are equal": ([under(ANN, "x")], [ANN, BOB], [("x", "01", True)]),
    "numbers in another order": ([under(ANN, "x", Phone="2;1")], [ANN], [("x", "01", True)]),
    "an absent value and an empty one": (
        [under(ANN, "x", Phone="")],
        [under(ANN, "01", Phone=None)],
        [("x", "01", True)],
    ),
    "another name": ([under(ANN, "x", Name="Anna")], [ANN], []),
    "another number": ([under(ANN, "x", Phone="1")], [ANN], []),
    "the form of a value": ([under(ANN, "x", Name="ANN")], [ANN], [("x", "01", False)]),
    "a number that lost its zero": (
        [under(ANN, "x", Phone="30")],
        [under(ANN, "01", Phone="030")],
        [("x", "01", False)],
    ),
    "nothing but the key and what all have": (
        [under(ANN, "x", Name="", Phone="")],
        [under(ANN, "01", Name="", Phone="")],
        [],
    ),
    "two rows for one contact": ([under(ANN, "x"), under(ANN, "y")], [ANN], []),
    "one row for two contacts": ([under(ANN, "x")], [ANN, under(ANN, "03")], []),
    "twins whose keys change their form": (
        [under(ANN, "1"), under(ANN, "3")],
        [ANN, under(ANN, "03")],
        [("1", "01", True), ("3", "03", True)],
    ),
    "a twin whose key changes its form, and the other one": (
        [under(ANN, "1"), under(ANN, "z")],
        [ANN, under(ANN, "03")],
        [("1", "01", True), ("z", "03", True)],
    ),
    "a field that no contact was sent with": (
        [under(ANN, "x", Phone="7"), under(BOB, "y", Phone="8")],
        [under(ANN, "01", Phone=None), under(BOB, "02", Phone=None)],
        [("x", "01", True), ("y", "02", True)],
    ),
    "nothing vanishes": ([under(ANN, "x")], [], []),
    "nothing is new": ([], [ANN], []),
}


@pytest.mark.parametrize(("new", "old", "pairs"), PAIRED.values(), ids=PAIRED)
def test_a_row_is_paired_with_the_one_contact_that_it_has_all_of(
    new: list[Contact], old: list[Contact], pairs: list[tuple[str, str, bool]]
) -> None:
    assert found(new, old).sure.select(KEY, WAS, EXACT).rows() == pairs


def test_rows_and_contacts_that_are_equal_are_named_and_not_paired() -> None:
    pairs = found([under(ANN, "x"), under(ANN, "y"), under(BOB, "z")], [ANN, under(ANN, "03"), BOB])
    assert pairs.sure.select(KEY, WAS).rows() == [("z", "02")]
    assert (pairs.new.to_list(), pairs.old.to_list(), pairs.count) == (["x", "y"], ["01", "03"], 3)


def test_a_second_field_that_holds_the_key_of_every_row_and_contact_does_not_count() -> None:
    new, old = [under(ANN, "9", Kind="9"), under(BOB, "8", Kind="8")], [under(ANN, "1", Kind="1"), BOB]
    assert found(new, old).sure.is_empty()
    old[1] = under(BOB, "2", Kind="2")
    assert found(new, old).sure.select(KEY, WAS).rows() == [("9", "1"), ("8", "2")]


def edited(pairs: Pairs, new: list[str], old: list[str]) -> list[tuple[str, str]]:
    more = with_edited(pairs, pl.Series(KEY, new), pl.Series(KEY, old))
    return more.sure.select(KEY, WAS).rows()


def test_if_keys_only_change_their_form_rows_that_were_edited_as_well_are_paired_by_it() -> None:
    pairs = found([under(ANN, "1"), under(BOB, "2")], [ANN, BOB])
    assert edited(pairs, ["1", "2", "3", "9"], ["01", "02", "03", "04"]) == [("1", "01"), ("2", "02"), ("3", "03")]


def test_if_keys_are_others_rows_that_were_edited_as_well_are_not_paired() -> None:
    pairs = found([under(ANN, "x"), under(BOB, "y")], [ANN, BOB])
    assert edited(pairs, ["x", "y", "3"], ["01", "02", "03"]) == [("x", "01"), ("y", "02")]


def test_if_most_rows_have_the_key_of_a_contact_in_another_form_these_are_paired_without_any_equal_value() -> None:
    nothing = found([], [])
    assert edited(nothing, ["1", "2", "9"], ["01", "02", "03"]) == [("1", "01"), ("2", "02")]
    assert edited(nothing, ["1", "2", "8", "9"], ["01", "02", "03"]) == []
    # A key of which two rows have the form names none.
    assert edited(nothing, ["1", "1.0", "2"], ["01", "02"]) == []
