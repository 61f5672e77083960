"""What an answer to a push proves of each row: tables of rows sent, answers, and outcomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.outcomes import (
    Accepted,
    Outcome,
    Refused,
    Unknown,
    has_form,
    judge,
    left_undone,
    match_keys,
    number,
    numbers,
    texts,
    without_twins,
)
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name")))
BY_PHONE = Schema((Field(1, "Company", is_match=True), Field(2, "Phone", is_phone=True, is_match=True)))


def entry(key: Any, id_: Any, **more: Any) -> dict[str, Any]:
    return {"contact": {"id": id_, "fields": {"ID": key}}, "action": "created", **more}


def judged(sent: list[str], body: Any) -> list[str]:
    """Each outcome in short: ``+7`` accepted as 7, ``-`` refused, ``-0`` refused as a twin of row 0, ``?`` unknown."""
    outcomes = judge(match_keys([{"ID": key} for key in sent], SCHEMA), body, SCHEMA)
    return [short(outcome) for outcome in outcomes]


def short(outcome: Outcome) -> str:
    if isinstance(outcome, Accepted):
        return f"+{outcome.id}"
    if isinstance(outcome, Refused):
        return "-" if outcome.twin is None else f"-{outcome.twin}"
    return "?"


ANSWERS: dict[str, tuple[list[str], Any, list[str]]] = {
    "each row by its match value": (["a", "b"], {"contacts": [entry("b", 8), entry("a", 7)]}, ["+7", "+8"]),
    "the order of the rows proves nothing": (["a", "b"], {"contacts": [entry("x", 7), entry("y", 8)]}, ["?", "?"]),
    "a row that is not named": (["a", "b"], {"contacts": [entry("a", 7)]}, ["+7", "?"]),
    "one contact told twice": (["a"], {"contacts": [entry("a", 7), entry("a", 7)]}, ["+7"]),
    "two contacts for one row": (["a"], {"contacts": [entry("a", 7), entry("a", 8)]}, ["+8"]),
    "two contacts for two rows alike": (["a", "a"], {"contacts": [entry("a", 7), entry("a", 8)]}, ["?", "?"]),
    "two rows, one contact": (["a", "b"], {"contacts": [entry("a", 7), entry("b", 7)]}, ["+7", "-0"]),
    "the same match value twice": (["a", "a"], {"contacts": [entry("a", 7)]}, ["+7", "-0"]),
    "a row without a match value": (["", "b"], {"contacts": [entry("", 7), entry("b", 8)]}, ["?", "+8"]),
    "another case, if one row fits": (["a", "b"], {"contacts": [entry("A", 7), entry("b", 8)]}, ["+7", "+8"]),
    "another case, if two rows fit": (["a", "A"], {"contacts": [entry("Ａ", 7)]}, ["?", "?"]),
    "an entry that is a failure": (["a"], {"contacts": [entry("a", 7, action="rejected")]}, ["?"]),
    "an entry with an error": (["a"], {"contacts": [entry("a", 7, errors=["x"])]}, ["?"]),
    "an unknown action of success": (["a"], {"contacts": [entry("a", 7, action="unchanged")]}, ["+7"]),
    "a contact without its envelope": (["a"], {"contacts": [{"id": 7, "fields": {"ID": "a"}}]}, ["+7"]),
    "one row and one error": (["a"], {"errors": ["no"]}, ["-"]),
    "one row, and errors counted alone": (["a"], {"contacts": [], "summary": {"errors": 1}}, ["-"]),
    "one row, and nothing told": (["a"], {"contacts": [], "errors": []}, ["?"]),
    "an error that repeats its row": (
        ["a", "b"],
        {"contacts": [], "errors": [{"fields": {"ID": "b"}, "error": "no"}]},
        ["?", "-"],
    ),
    "an error with a position that only fits from 0": (
        ["a", "b"],
        {"contacts": [entry("b", 8)], "errors": [{"index": 0}]},
        ["-", "+8"],
    ),
    "an error with a position that fits from 0 and from 1": (
        ["a", "b", "c"],
        {"contacts": [entry("a", 7)], "errors": [{"index": 2}]},
        ["+7", "?", "?"],
    ),
    "a refusal never takes an acceptance back": (
        ["a", "b"],
        {"contacts": [entry("a", 7)], "errors": [{"fields": {"ID": "a"}}]},
        ["+7", "?"],
    ),
    "no lists": (["a", "b"], {"ok": True}, ["?", "?"]),
    "no JSON object": (["a"], ["a"], ["?"]),
}


@pytest.mark.parametrize(("sent", "body", "outcomes"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_proves_an_outcome_for_each_row(sent: list[str], body: Any, outcomes: list[str]) -> None:
    assert judged(sent, body) == outcomes


def test_an_accepted_row_has_the_fields_that_the_target_returned_as_text() -> None:
    body = {"contacts": [{"contact": {"id": "7", "fields": {"ID": 5, "Name": None}}, "action": "updated"}]}
    assert judge(match_keys([{"ID": "5"}], SCHEMA), body, SCHEMA) == [Accepted(7, {"ID": "5", "Name": ""}, "updated")]


@pytest.mark.parametrize(
    ("body", "tells"),
    [
        ({"contacts": []}, True),
        ({"errors": []}, True),
        ({"contacts": None, "errors": []}, True),
        ({"contacts": {}}, False),
        ({"summary": {"errors": 0}}, False),
        ([], False),
        (None, False),
    ],
)
def test_an_answer_tells_of_rows_if_it_has_one_of_the_lists(body: Any, tells: bool) -> None:
    assert has_form(body) == tells


@pytest.mark.parametrize(
    ("contact", "key"),
    [
        ({"Company": " Acme ", "Phone": "2125550100"}, ("Acme", frozenset({"2125550100"}))),
        ({"Company": "Cafe\u0301", "Phone": "2125550100"}, ("Café", frozenset({"2125550100"}))),
        ({"Company": 42, "Phone": 12125550100}, ("42", frozenset({"2125550100"}))),
        ({"Company": "Acme", "Phone": "n/a"}, None),
        ({"Company": " ", "Phone": "2125550100"}, None),
        ({"Company": True, "Phone": "2125550100"}, None),
        ({"Phone": "2125550100"}, None),
    ],
)
def test_match_values_are_put_into_one_form_and_none_may_be_empty(contact: dict[str, Any], key: object) -> None:
    assert match_keys([contact], BY_PHONE) == [key]


def test_without_a_match_field_no_contact_has_a_match_value() -> None:
    assert match_keys([{"Name": "Ann"}], Schema((Field(1, "Name"),))) == [None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2125550100;12125550101", {"2125550100", "2125550101"}),
        ("+1 (212) 555-0100", {"2125550100"}),
        ("2125550100;2125550100", {"2125550100"}),
        ("442079460958", {"442079460958"}),
        ("32125550100", {"32125550100"}),  # eleven digits, but no leading 1
        (";n/a;", set()),
        ("", set()),
    ],
)
def test_a_phone_field_is_a_set_of_numbers_in_national_form(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (7, 7),
        ("7", 7),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (0, None),
        (-7, None),
        (True, None),
        (7.0, None),
        ("", None),
        ("٧", None),
        ("9" * 19, None),
        (None, None),
    ],
)
def test_an_id_is_a_positive_number_that_the_state_can_hold(value: Any, id_: int | None) -> None:
    assert number(value) == id_


def test_every_value_of_a_field_becomes_text_that_can_be_stored() -> None:
    found = texts({"a": "x", "b": 5, "c": 1.5, "d": None, "e": True, "f": ["x"], "g": "\ud83d"})
    assert found == {"a": "x", "b": "5", "c": "1.5", "d": "", "e": "", "f": "", "g": "?"}


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers() | st.booleans()))
def test_texts_are_always_utf_8(fields: dict[str, Any]) -> None:
    for name, value in texts(fields).items():
        assert (name + value).encode().decode() == name + value


def test_of_rows_that_became_one_contact_the_first_stands() -> None:
    seven, eight = Accepted(7, {}, "created"), Accepted(8, {}, "created")
    kept = without_twins([seven, Unknown("?"), eight, seven], rows=[4, 5, 6, 9])
    assert [short(outcome) for outcome in kept] == ["+7", "?", "+8", "-4"]


UNKNOWN = Unknown("the answer does not name it")


@pytest.mark.parametrize(
    ("outcomes", "body", "refused", "undone"),
    [
        ([UNKNOWN], {"error": {"message": "no"}}, True, True),
        ([UNKNOWN], None, False, False),
        ([UNKNOWN, UNKNOWN], {"contacts": [], "errors": ["no"]}, False, True),
        ([UNKNOWN, UNKNOWN], {"contacts": [], "summary": {"errors": 1}}, False, True),
        ([UNKNOWN, UNKNOWN], {"contacts": [entry("x", 7)], "errors": ["no"]}, False, False),
        ([UNKNOWN, UNKNOWN], {"contacts": [entry("x", 7)], "errors": ["no", "no"]}, False, True),
        ([UNKNOWN], {"contacts": [entry("x", 7)]}, True, False),
        ([UNKNOWN], {"contacts": [{"contact": None}], "errors": ["no"]}, False, True),
    ],
)
def test_unknown_rows_are_left_undone_if_no_contact_came_or_errors_account_for_all_of_them(
    outcomes: list[Outcome], body: Any, refused: bool, undone: bool
) -> None:
    assert left_undone(outcomes, body, refused=refused) == undone
