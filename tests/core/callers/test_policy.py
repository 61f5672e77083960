"""Who gets a number that several contacts want."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.callers.policy import (
    ASSIGNED,
    CLAIMS,
    company_field,
    content,
    decided,
    is_named_so,
    without_numbers,
)
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import DECIDING, SharedNumbers

N = "2125550101"

Claim = tuple[str, str, str, int, bool, bool, float]
"""Number, source, key, rank, fixed, named, changed."""


def claims(*found: Claim) -> pl.DataFrame:
    return pl.DataFrame(list(found), schema=CLAIMS, orient="row")


def assigned(*found: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(found), schema=ASSIGNED, orient="row")


def tenant(key: str, *, fixed: bool = False, named: bool = False, changed: float = 1.0) -> Claim:
    return (N, "tenants", key, 0, fixed, named, changed)


def owner(key: str, *, fixed: bool = False, named: bool = False, changed: float = 1.0) -> Claim:
    return (N, "owners", key, 1, fixed, named, changed)


def getting(found: pl.DataFrame) -> list[tuple[str, str]]:
    return [(source, key) for source, key, gets in found.select("@source", "@key", "@gets").iter_rows() if gets]


@pytest.mark.parametrize(
    ("policy", "wanting", "winner"),
    [
        ("first", [owner("1"), tenant("2"), tenant("10")], ("tenants", "10")),
        ("newest", [tenant("1"), owner("3", changed=2.0)], ("owners", "3")),
        ("newest", [owner("1", changed=2.0), tenant("9", changed=2.0)], ("tenants", "9")),
        ("company", [tenant("1"), owner("3", named=True)], ("owners", "3")),
        ("company", [tenant("5", named=True), tenant("4", named=True)], ("tenants", "4")),
        ("company", [owner("1"), tenant("2")], ("tenants", "2")),
        ("hold", [owner("1"), tenant("2")], None),
        ("hold", [owner("1")], ("owners", "1")),
        ("hold", [owner("1", fixed=True), tenant("2")], ("owners", "1")),
        ("first", [tenant("1"), owner("2", fixed=True)], ("owners", "2")),
    ],
)
def test_one_contact_gets_the_number(
    policy: SharedNumbers, wanting: list[Claim], winner: tuple[str, str] | None
) -> None:
    assert getting(decided(claims(*wanting), policy, assigned())) == ([winner] if winner else [])


@pytest.mark.parametrize("policy", sorted(DECIDING))
def test_what_a_person_says_comes_before_every_policy(policy: SharedNumbers) -> None:
    wanting = claims(tenant("1", changed=9.0, named=True), owner("3"))
    assert getting(decided(wanting, policy, assigned((N, "owners", "3")))) == [("owners", "3")]
    # Of a contact that does not want the number it counts for nothing.
    assert getting(decided(wanting, policy, assigned((N, "owners", "4")))) == getting(
        decided(wanting, policy, assigned())
    )


def test_a_number_in_a_match_field_stays_beside_the_one_that_a_person_chose() -> None:
    found = decided(claims(tenant("1", fixed=True), owner("3")), "first", assigned((N, "owners", "3")))
    assert getting(found) == [("owners", "3"), ("tenants", "1")]


def test_the_reason_says_who_has_the_number_and_why() -> None:
    def reasons(policy: SharedNumbers, *said: tuple[str, str, str], key: str = "7") -> list[str]:
        found = decided(claims(tenant(key), owner("3")), policy, assigned(*said))
        return [reason for reason in found.get_column("@reason") if reason]

    assert reasons("first") == ["tenants 7 has it (first)"]
    assert reasons("first", key="7\x1fb") == ["tenants 7+b has it (first)"]
    assert reasons("newest") == ["tenants 7 has it (newest)"]
    assert reasons("hold") == ["nobody has it until a person decides"] * 2
    assert reasons("hold", (N, "owners", "3")) == ["owners 3 has it (decided)"]


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ((False, False), "tenants 7 has it (first)"),
        ((True, True), "tenants 7 has it (first)"),
        ((True, False), "tenants 7 has it (company)"),
        ((False, True), "owners 3 has it (company)"),
    ],
)
def test_company_is_the_reason_only_if_the_company_decides(named: tuple[bool, bool], reason: str) -> None:
    wanting = claims(tenant("7", named=named[0]), owner("3", named=named[1]))
    found = decided(wanting, "company", assigned()).get_column("@reason")
    assert found.drop_nulls().to_list() == [reason]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2"]),
            st.sampled_from([("tenants", 0), ("owners", 1), ("crm", 2)]),
            st.sampled_from("abcd"),
            st.booleans(),
            st.floats(0, 3),
        ),
        unique_by=lambda each: (each[0], each[1], each[2]),
    ),
    st.sampled_from(sorted(DECIDING)),
    st.randoms(),
)
def test_the_order_of_claims_decides_nothing(found: list[tuple], policy: SharedNumbers, random: object) -> None:  # type: ignore[type-arg]
    rows: list[Claim] = [
        (number, source, key, rank, False, named, at) for number, (source, rank), key, named, at in found
    ]
    once = decided(claims(*rows), policy, assigned())
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = decided(claims(*shuffled), policy, assigned())
    assert sorted(once.rows(), key=repr) == sorted(again.rows(), key=repr)
    for number in {row[0] for row in rows}:
        mine = [row for row in rows if row[0] == number]
        key = {"newest": 6, "company": 5}.get(policy)
        best = min(mine, key=lambda row: (0 if key is None else -float(row[key]), row[3], row[2]))
        winners = getting(once.filter(pl.col("number") == number))
        assert winners == ([] if policy == "hold" and len(mine) > 1 else [(best[1], best[2])])


def test_the_company_is_the_first_text_field_that_says_so() -> None:
    def field(*names: str) -> str | None:
        return company_field(Schema(tuple(Field(0, name, is_phone=name.startswith("Tel")) for name in names)))

    assert field("Name", "Company Name", "Organisation") == "Company Name"
    assert field("Name", "ORGANIZATION") == "ORGANIZATION"
    assert field("Tel Company", "Name") is None


def test_a_name_is_its_companys_however_it_is_written() -> None:
    contacts = pl.DataFrame(
        {"Name": ["Acme Inc", " ACME inc ", "Ann", "", None], "Company": ["Acme Inc", "Acme Inc", "Acme Inc", "", None]}
    )
    assert contacts.select(is_named_so(contacts, "Name", "Company")).to_series().to_list() == [True, True] + [False] * 3
    assert contacts.select(is_named_so(contacts, "Name", None)).to_series().unique().to_list() == [False]


def test_numbers_are_taken_out_in_every_form_and_their_order_stays() -> None:
    contacts = pl.DataFrame(
        {
            "@key": ["a", "b", "c"],
            "@digest": [0, 0, 0],
            "Name": ["Ann", "Bo", "Cy"],
            "Phone": ["2125550103;12125550101;2125550102", "2125550101", None],
            "Mobile": ["2125550101", "", "2125550109"],
        },
        schema_overrides={"Phone": pl.String, "@digest": pl.Int64},
    )
    lost = pl.DataFrame({"@key": ["a", "b"], "number": [N, N]})
    left = without_numbers(contacts, lost, {"Phone", "Mobile"})
    assert left.columns == contacts.columns
    assert left.select("Phone", "Mobile").rows() == [("2125550103;2125550102", ""), ("", ""), (None, "2125550109")]
    # A field that may lose nothing keeps the number.
    kept = without_numbers(contacts, lost, {"Mobile"})
    assert kept.get_column("Phone").to_list() == contacts.get_column("Phone").to_list()


def test_neither_the_order_of_numbers_nor_an_absent_value_is_a_change() -> None:
    contacts = pl.DataFrame(
        {"Name": ["Ann", "Ann", "Ann"], "Phone": ["1;2", "2;1", "2"], "Note": ["", None, ""]},
        schema_overrides={"Note": pl.String},
    )
    one, same, other = contacts.select(content(contacts, ["Name", "Phone", "Note"], {"Phone"})).to_series()
    assert one == same != other
