"""The target's fields: how they are read, and what keeps contacts from being pushed to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.core.schema import (
    SET_UP,
    Field,
    Schema,
    parse_fields,
    problem_of_display,
    problems_of_mapping,
    problems_with,
)

ID = Field(1, "External ID", is_match=True)
NAME = Field(2, "Contact")
PHONE = Field(3, "Phone", is_phone=True)
SCHEMA = Schema((ID, NAME, PHONE))


def test_the_fields_are_read_in_the_targets_order_and_unknown_keys_are_ignored() -> None:
    items: list[Any] = [
        {"id": 7, "name": "Phone", "is_phone": True, "is_match": False, "colour": "red"},
        {"id": 3, "name": "External ID", "is_match": True, "is_integration": True},
    ]
    assert parse_fields({"fields": items, "meta": {}}) == Schema(
        (Field(7, "Phone", is_phone=True), Field(3, "External ID", is_match=True, is_integration=True))
    )


@pytest.mark.parametrize("flag", [None, 1, "true", "yes", []])
def test_a_flag_counts_only_if_it_is_true(flag: Any) -> None:
    assert parse_fields({"fields": [{"name": "Phone", "is_match": flag}]}) == Schema((Field(0, "Phone"),))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "no list of fields"),
        ([], "no list of fields"),
        ({}, "no list of fields"),
        ({"fields": {"name": "Phone"}}, "no list of fields"),
        ({"fields": [{"id": 1}]}, "has no name"),
        ({"fields": [{"id": 1, "name": 5}]}, "has no name"),
        ({"fields": ["Phone"]}, "has no name"),
    ],
)
def test_a_body_of_another_form_is_refused(body: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fields(body)


def test_a_schema_knows_its_names_its_match_fields_and_its_phones() -> None:
    both = Schema((PHONE, Field(4, "Company", is_match=True), ID))
    assert both.names == ("Phone", "Company", "External ID")
    assert both.match == ("Company", "External ID")
    assert both.phones == {"Phone"}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Schema((Field(9, "External ID", is_match=True, is_integration=True), NAME, PHONE)), True),
        (Schema((ID, NAME, Field(3, "Phone"))), False),
        (Schema((ID, Field(2, "Contact", is_match=True), PHONE)), False),
        (Schema((ID, Field(2, "Name"), PHONE)), False),
        (Schema((ID, NAME)), False),
    ],
)
def test_the_description_differs_if_a_push_may_hold_something_else(other: Schema, same: bool) -> None:
    assert (other.described() == SCHEMA.described()) == same
    assert "\n" not in other.described()
    assert json.loads(other.described())


@pytest.mark.parametrize(
    ("schema", "problems"),
    [
        (SCHEMA, []),
        (Schema(()), [f"the company has no contact fields yet: {SET_UP}"]),
        (Schema((NAME,)), [f"no contact field is a match field, so every push could make a twin: {SET_UP}"]),
        (
            Schema((ID, PHONE, NAME, NAME, PHONE)),
            [
                f"two contact fields are called {name!r}: rename one in the Vocatech admin portal"
                for name in ("Contact", "Phone")
            ],
        ),
    ],
)
def test_fields_that_no_mapping_could_be_right_for_are_told_with_the_remedy(
    schema: Schema, problems: list[str]
) -> None:
    assert problems_with(schema) == problems


MAPPINGS: dict[str, tuple[list[str], dict[str, str], list[tuple[str | None, str]]]] = {
    "all there": (["External ID", "Phone"], {}, []),
    "a field that the company lacks": (
        ["External ID", "Phon"],
        {},
        [("Phon", "no contact field 'Phon' (did you mean 'Phone'?); it has: External ID, Contact, Phone")],
    ),
    "a field under its former name": (
        ["External ID", "Mobile"],
        {"Mobile": "Phone"},
        [("Mobile", "'Mobile' was renamed at the target and is called 'Phone' now: write that here")],
    ),
    "no match field": (["Phone"], {}, [(None, "the match field 'External ID' is not mapped: add it to mapping")]),
    # One problem, not two: the former name already says which field is meant.
    "the match field under its former name": (
        ["Our ID"],
        {"Our ID": "External ID"},
        [("Our ID", "'Our ID' was renamed at the target and is called 'External ID' now")],
    ),
    "a reserved name": (
        ["External ID", "@key"],
        {},
        [("@key", "no contact field '@key'"), ("@key", "names that begin with '@' are reserved")],
    ),
}


@pytest.mark.parametrize(("mapped", "renames", "expected"), MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_that_does_not_fit_the_fields_is_told_at_its_rule(
    mapped: list[str], renames: dict[str, str], expected: list[tuple[str | None, str]]
) -> None:
    found = problems_of_mapping(SCHEMA, mapped, renames)
    assert [place for place, _ in found] == [place for place, _ in expected]
    for (_, text), (_, part) in zip(found, expected, strict=True):
        assert part in text


def test_the_name_that_a_phone_shows_is_a_text_field() -> None:
    assert problem_of_display(SCHEMA, None) is None
    assert problem_of_display(SCHEMA, "Contact") is None
    # A company that tells its contacts apart by their names shows these names.
    assert problem_of_display(SCHEMA, "External ID") is None
    told = problem_of_display(SCHEMA, "Phone") or ""
    assert told.startswith(
        "the contact field 'Phone' holds phone numbers, and no name: name a text field, such as 'Con"
    )
    assert (problem_of_display(Schema((ID, PHONE)), "Phone") or "").endswith("name a text field")


def test_a_missing_name_field_is_told_like_a_missing_mapped_field() -> None:
    assert "(did you mean 'Contact'?)" in (problem_of_display(SCHEMA, "Contct") or "")
    assert "is called 'Contact' now: write that here" in (problem_of_display(SCHEMA, "Who", {"Who": "Contact"}) or "")
