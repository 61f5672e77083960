"""What an answer to a push proves of each row: tables of rows sent, answers, and outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.outcomes import Accepted, Outcome, Refused, Unknown, has_form, judge, left_undone, without_twins
from syncd.core.remote import match_keys
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name")))


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
