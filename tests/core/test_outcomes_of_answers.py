"""What an answer of the target proves about each row that was sent."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.outcomes import judge
from syncd.core.refusal_text import reason
from syncd.core.remote import match_keys
from syncd.core.schema import Schema
from syncd.target.contacts import Accepted, Refused
from tests.examples import examples
from tests.worlds.target_server import BY_PHONE, SCHEMA, entry, row, rows


def proves(sent: list[dict[str, str]], body: Any, schema: Schema = SCHEMA) -> list[str]:
    """Return each row's outcome as a word."""
    outcomes = judge(match_keys(sent, schema), body, schema)
    return [type(outcome).__name__.lower() for outcome in outcomes]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["0", "1", "2"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({"External ID": st.sampled_from(["0", "1", " 2 ", "9", 1, None])}) | JSON
ENTRIES = st.fixed_dictionaries(
    {"contact": st.fixed_dictionaries({"id": st.integers(0, 3) | JSON, "fields": FIELDS}) | JSON},
    optional={"action": st.sampled_from(["created", "error"]) | JSON, "error": JSON},
)
ERRORS = st.fixed_dictionaries(
    {}, optional={"index": st.integers(-1, 4) | JSON, "row": JSON, "fields": FIELDS, "message": JSON, "error": JSON}
)
BODIES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "contacts": st.lists(ENTRIES | JSON, max_size=5) | JSON,
        "errors": st.lists(ERRORS | JSON, max_size=4) | JSON,
        "summary": st.fixed_dictionaries({"errors": st.integers(0, 4) | JSON}) | JSON,
    },
)


def ids_named(body: Any) -> set[str]:
    """Return every External ID in the contacts of an answer."""
    found = set()
    for item in body.get("contacts") or [] if isinstance(body, dict) else []:
        contact = item.get("contact", item) if isinstance(item, dict) else None
        fields = contact.get("fields") if isinstance(contact, dict) else None
        found |= {str(fields.get("External ID")).strip()} if isinstance(fields, dict) else set()
    return found


@settings(max_examples=examples(100, 2_500), deadline=None)
@given(body=BODIES, count=st.integers(1, 3))
def test_no_answer_breaks_the_judge_and_none_accepts_a_row_that_it_does_not_name(body: Any, count: int) -> None:
    if isinstance(body, dict) and not isinstance(body.get("contacts", []), list):
        body["contacts"] = []
    outcomes = judge(match_keys(rows(count), SCHEMA), body, SCHEMA)
    named = ids_named(body)
    assert len(outcomes) == count
    assert all(str(at) in named for at, outcome in enumerate(outcomes) if isinstance(outcome, Accepted))
    for outcome in outcomes:
        assert not isinstance(outcome, Refused) or "Invented" not in outcome.reason


def test_a_row_is_found_by_its_match_values_and_never_by_its_position() -> None:
    assert proves(rows(2), {"contacts": [entry(row(1), 8), entry(row(0), 7)]}) == ["accepted", "accepted"]
    assert proves(rows(2), {"contacts": [entry(row(5), 7), entry(row(6), 8)]}) == ["unknown", "unknown"]
    assert proves(rows(1), {"contacts": [entry({"External ID": "00"}, 7)], "errors": []}) == ["unknown"]


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        ({"Company": " Acme ", "Phone": "2125550100"}, {"Company": "Acme", "Phone": "2125550100"}),
        ({"Company": "Café", "Phone": "2125550100"}, {"Company": "Cafe\u0301", "Phone": "2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100"}, {"Company": "ACME", "Phone": "2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100;2125550101"}, {"Company": "Acme", "Phone": "2125550101;2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100"}, {"Company": "Acme", "Phone": "+1 (212) 555-0100"}),
        ({"Company": "42", "Phone": "2125550100"}, {"Company": 42, "Phone": 12125550100}),
    ],
)
def test_match_values_are_compared_loosely(sent: dict[str, str], returned: dict[str, Any]) -> None:
    assert proves([sent], {"contacts": [entry(returned, 7)]}, BY_PHONE) == ["accepted"]


def test_case_decides_only_where_it_is_not_needed_to_tell_rows_apart() -> None:
    answer = {"contacts": [entry(row("ABC"), 7)]}
    assert proves([row("abc")], answer) == ["accepted"]
    assert proves([row("abc"), row("Abc")], answer) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    "item",
    [
        entry(row(0), None),
        entry(row(0), 0),
        entry(row(0), True),
        entry(row(0), 7, "error"),
        entry(row(0), 7, "skipped"),
        {**entry(row(0), 7), "error": "x"},
        {"contact": None, "action": "error"},
        {"contact": {"id": 7}},
        7,
    ],
)
def test_an_entry_without_an_id_or_with_a_failure_accepts_nothing(item: Any) -> None:
    assert proves(rows(2), {"contacts": [item]}) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("missing", "errors", "expected"),
    [
        ({3}, [{"index": 3}], {3}),  # counted from 1 it means row 2, which is accepted
        ({3}, [{"index": 4}], {3}),
        ({3}, [{"index": 9}], set()),
        ({0, 4}, [{"index": 0}, {"index": 4}], {0, 4}),
        ({0, 4}, [{"row": 1}, {"row": 5}], {0, 4}),
        ({2, 3}, [{"index": 3}], set()),  # row 3 counted from 0, or row 2 counted from 1
        ({1, 2, 3}, [{"index": 2}, {"index": 3}], {2}),  # rows 2 and 3 counted from 0, or rows 1 and 2 counted from 1
        ({3}, ["row 3 is not valid"], set()),
        ({3}, [{"fields": {"External ID": "3"}}], {3}),
        ({3}, [{"fields": {"External ID": "2"}}], set()),
        ({2, 3}, [{"index": True}], set()),
        ({3, 4}, [{"index": 3}, {"index": 3}], {3}),
    ],
)
def test_an_error_is_tied_to_a_row_only_beyond_doubt(missing: set[int], errors: list[Any], expected: set[int]) -> None:
    contacts = [entry(row(number), number + 1) for number in range(5) if number not in missing]
    got = proves(rows(5), {"summary": {"errors": len(errors)}, "contacts": contacts, "errors": errors})
    assert {at for at, word in enumerate(got) if word == "refused"} == expected
    assert {at for at, word in enumerate(got) if word == "unknown"} == missing - expected


def test_a_summary_that_disagrees_makes_positions_no_proof() -> None:
    contacts = [entry(row(0), 1), entry(row(1), 2)]
    answer = {"summary": {"errors": 2}, "contacts": contacts, "errors": [{"index": 2}]}
    assert proves(rows(3), answer) == ["accepted", "accepted", "unknown"]
    echoed = {**answer, "errors": [{"fields": row(2)}]}
    assert proves(rows(3), echoed) == ["accepted", "accepted", "refused"]


def test_a_failure_told_by_the_summary_alone_refuses_a_single_row() -> None:
    assert proves(rows(1), {"summary": {"errors": 1}, "contacts": [], "errors": []}) == ["refused"]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"index": 1, "message": "Phone is too long (max 50)"}, "refused by Vocatech: Phone is too long (max 50)"),
        ("Contact 'Pat Example' already exists", "refused by Vocatech: Contact '…' already exists"),
        ({"error": {"type": "VALIDATION_ERROR", "message": "212-555-0100"}}, "refused by Vocatech: VALIDATION_ERROR"),
        ({"message": "Pat.Long@example.com"}, "refused by Vocatech, which gave no reason"),
        (None, "refused by Vocatech, which gave no reason"),
    ],
)
def test_a_reason_is_told_in_the_targets_words_without_any_data(item: Any, text: str) -> None:
    assert reason(item, SCHEMA) == text
