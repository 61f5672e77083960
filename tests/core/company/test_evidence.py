"""Which contacts prove that a target is the company of the ledger."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.core.company.evidence import Known, equal_values, is_same, proved, searches, telling_fields
from syncd.core.remote import Remote
from syncd.core.schema import Field, Schema

BY_ID = Schema(
    (
        Field(1, "ID", is_match=True),
        Field(2, "Name"),
        Field(3, "Phone", is_phone=True),
        Field(4, "Kind"),
        Field(5, "Note"),
    )
)
BY_PHONE = Schema((Field(1, "Name", is_match=True), Field(2, "Phone", is_phone=True, is_match=True), Field(3, "Ref")))
ANN = {"ID": "A-100042", "Name": "Ann Lee", "Phone": "2125550142"}

SAME: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "nothing changed": (ANN, ANN),
    "a note was written": (ANN, {**ANN, "Note": "called"}),
    "the name was edited": (ANN, {**ANN, "Name": "Ann Park"}),
    "the number was edited": (ANN, {**ANN, "Phone": "7185550142"}),
    "a field was made again, so that it is empty": (ANN, {**ANN, "Phone": ""}),
    "another case and more spaces": (ANN, {"ID": "a-100042 ", "Name": "ANN  LEE", "Phone": ""}),
    "another form of the number": (ANN, {**ANN, "Name": "", "Phone": "12125550142"}),
    "another Unicode form": ({**ANN, "Name": "Zoe\u0301"}, {**ANN, "Name": "Zo\xe9", "Phone": ""}),
    "only the match value is known": ({"ID": "7"}, {"ID": "7", "Name": "Ann"}),
    "the other values were empty": ({"ID": "7", "Name": "", "Phone": ""}, {"ID": "7", "Name": "Ann"}),
    "the company has a field no more": ({**ANN, "Gone": "x"}, ANN),
}

OTHER: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "another match value": (ANN, {**ANN, "ID": "B-1"}),
    "no match value": (ANN, {**ANN, "ID": ""}),
    "the same match value of another person": (ANN, {"ID": "A-100042", "Name": "Bo Park", "Phone": "7185550199"}),
    "one of three values": (
        {**ANN, "Kind": "tenant"},
        {"ID": "A-100042", "Name": "Bo", "Phone": "1", "Kind": "tenant"},
    ),
    "nothing is known": ({}, ANN),
    "no match value is known": ({"Name": "Ann Lee"}, ANN),
}


@pytest.mark.parametrize(("was", "now"), SAME.values(), ids=SAME)
def test_a_contact_is_the_same_although(was: Mapping[str, str], now: Mapping[str, str]) -> None:
    known = Known("s", "1", 8, was)
    assert is_same(known, Remote(8, now), BY_ID, telling_fields([known]))


@pytest.mark.parametrize(("was", "now"), OTHER.values(), ids=OTHER)
def test_a_contact_is_another_one_with(was: Mapping[str, str], now: Mapping[str, str]) -> None:
    known = Known("s", "1", 8, was)
    assert not is_same(known, Remote(8, now), BY_ID, telling_fields([known]))


def test_the_numbers_of_a_match_field_may_be_in_any_order() -> None:
    known = Known("s", "1", 8, {"Name": "Ann", "Phone": "2125550101;2125550102"})
    there = Remote(8, {"Name": "Ann", "Phone": "2125550102;2125550101"})
    assert is_same(known, there, BY_PHONE, telling_fields([known]))


def test_a_value_that_every_contact_has_proves_nothing() -> None:
    known = [Known("s", str(n), n, {"ID": str(n), "Name": f"Ann {n}", "Kind": "tenant"}) for n in range(1, 5)]
    there = {n: Remote(n, {"ID": str(n), "Name": f"Bo {n}", "Kind": "tenant"}) for n in range(1, 5)}
    assert telling_fields(known) == {"ID", "Name"}
    assert not proved(known, there, BY_ID, telling_fields(known))


def test_a_contact_under_another_id_proves_nothing() -> None:
    known = [Known("s", "1", 8, ANN)]
    assert not proved(known, {9: Remote(9, ANN)}, BY_ID, telling_fields(known))
    assert proved(known, {8: Remote(8, ANN), 9: Remote(9, {})}, BY_ID, telling_fields(known))


def test_values_are_equal_only_if_all_are() -> None:
    assert equal_values(Known("s", "1", 8, ANN), Remote(8, {**ANN, "Note": "x"}), BY_ID)
    assert not equal_values(Known("s", "1", 8, ANN), Remote(8, {**ANN, "Name": "x"}), BY_ID)


@pytest.mark.parametrize(
    ("fields", "schema", "expected"),
    [
        (ANN, BY_ID, ["A-100042", "Ann Lee", "2125550142"]),
        ({"ID": "7", "Name": "Ann Lee", "Phone": "2125550142"}, BY_ID, ["Ann Lee", "2125550142", "7"]),
        ({"ID": "7", "Name": ""}, BY_ID, ["7"]),
        ({"Name": "Bo", "Phone": "2125550101;2125550102"}, BY_PHONE, ["2125550101", "Bo"]),
        ({"Gone": "a field that is gone"}, BY_ID, []),
    ],
)
def test_a_contact_is_searched_for_by_what_few_others_have(
    fields: Mapping[str, str], schema: Schema, expected: list[str]
) -> None:
    assert [text for _, text in searches([Known("s", "1", 8, fields)], schema)] == expected


def test_there_is_a_handful_of_searches_and_each_contact_has_its_turn() -> None:
    many = [Known("s", str(n), n, {"ID": f"A-{n:06}", "Name": f"Name {n}"}) for n in range(1, 12)]
    assert [each.id for each, _ in searches(many, BY_ID)] == list(range(1, 9))
    assert [text for _, text in searches(many[:2], BY_ID)] == ["A-000001", "A-000002", "Name 1", "Name 2"]
