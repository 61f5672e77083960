"""Which contacts share a number."""

from __future__ import annotations

import polars as pl

from syncd.core.callers.shared import groups_of_one_number, sharing_a_number


def contacts(**phones: str | None) -> pl.DataFrame:
    return pl.DataFrame({"@key": list(phones), "Phone": list(phones.values())}, schema_overrides={"Phone": pl.String})


def test_contacts_share_a_number_whatever_else_they_have() -> None:
    found = contacts(a="2125550101;2125550102", b="2125550103", c="2125550102", d="", e=None)
    assert sharing_a_number(found, {"Phone"}) == ["a", "c"]


def test_a_number_that_one_contact_has_twice_is_not_shared() -> None:
    both = pl.DataFrame({"@key": ["a", "b"], "Home": ["2125550101", ""], "Work": ["2125550101", "2125550103"]})
    assert sharing_a_number(both, {"Home", "Work"}) == []


def test_a_number_is_shared_over_fields_and_however_it_is_stored() -> None:
    both = pl.DataFrame({"@key": ["a", "b"], "Home": ["12125550101", ""], "Work": ["", "(212) 555-0101"]})
    assert sharing_a_number(both, {"Home", "Work"}) == ["a", "b"]


def test_without_a_phone_field_nobody_shares_a_number() -> None:
    assert sharing_a_number(contacts(a="2125550101", b="2125550101"), set()) == []


def test_each_group_is_told_once() -> None:
    there = pl.DataFrame({"@id": [3, 1, 2], "Phone": ["1;2", "1;2", "2;9"]})
    assert groups_of_one_number(there, "@id", {"Phone"}) == [[1, 2, 3], [1, 3]]
