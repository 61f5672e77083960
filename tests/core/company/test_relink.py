"""Which contacts of the ledger a restored company still has, and under which ids."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.core.company.evidence import Known
from syncd.core.company.relink import links
from syncd.core.remote import Remote
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True)))
ANN = {"ID": "A1", "Name": "Ann Lee", "Phone": "2125550101"}
BOB = {"ID": "B2", "Name": "Bob Ray", "Phone": "2125550102"}

WORLDS: Mapping[str, tuple[Mapping[int, Mapping[str, str]], list[tuple[str, int, bool]]]] = {
    "all is as it was": ({1: ANN, 2: BOB}, [("ann", 1, True), ("bob", 2, True)]),
    "the ids are others": ({7: BOB, 9: ANN}, [("ann", 9, True), ("bob", 7, True)]),
    "the ids are exchanged": ({1: BOB, 2: ANN}, [("ann", 2, True), ("bob", 1, True)]),
    "one is gone": ({2: BOB}, [("bob", 2, True)]),
    "all are gone": ({}, []),
    "one has an older value": ({1: {**ANN, "Name": "Ann"}, 2: BOB}, [("ann", 1, False), ("bob", 2, True)]),
    "others are there under the ids": ({1: {"ID": "X", "Name": "X"}, 2: {"ID": "Y"}}, []),
    "somebody else has the match value": ({9: {"ID": "A1", "Name": "Zed", "Phone": "1"}, 2: BOB}, [("bob", 2, True)]),
    "two have one match value": ({8: ANN, 9: ANN, 2: BOB}, [("bob", 2, True)]),
    "two have one match value, one under the id of before": ({1: ANN, 9: ANN}, [("ann", 1, True)]),
}


@pytest.mark.parametrize(("there", "expected"), WORLDS.values(), ids=WORLDS)
def test_contacts_are_found_when(there: Mapping[int, Mapping[str, str]], expected: list[tuple[str, int, bool]]) -> None:
    known = [Known("s", "ann", 1, ANN), Known("s", "bob", 2, BOB)]
    found = links(known, {id_: Remote(id_, fields) for id_, fields in there.items()}, SCHEMA)
    assert [(each.key, each.id, each.same) for each in found] == expected


def test_a_link_holds_all_values_of_the_target() -> None:
    [found] = links([Known("s", "ann", 1, ANN)], {5: Remote(5, {**ANN, "Note": "x", "Empty": ""})}, SCHEMA)
    assert found.returned == {**ANN, "Note": "x"}
