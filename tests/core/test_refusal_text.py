"""Why the target refused a row: the target's own words, and none of the data that they quote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.refusal_text import quoted, reason
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "External ID", is_match=True), Field(2, "Contact"), Field(3, "Phone", is_phone=True)))
REFUSED = "refused by Vocatech: "
NO_REASON = "refused by Vocatech, which gave no reason"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Phone is too long (max 50)", "Phone is too long (max 50)"),
        ("Required fields: Phone, Contact, Zip", "Required fields: Phone, Contact, …"),
        ("Contact 'Pat Example' is invalid", "Contact '…' is invalid"),
        ("Pat Example must be unique", "… must be unique"),
        ("External ID 4711 already exists", "External ID … already exists"),
        ("row 3 failed", "row 3 failed"),
        ("value Must be unique", "value … be unique"),  # inside a sentence, a capital begins a name
    ],
)
def test_words_of_errors_names_of_fields_and_short_numbers_stay(message: str, shown: str) -> None:
    assert reason(message, SCHEMA) == REFUSED + shown


@pytest.mark.parametrize("message", ["Pat.Long@example.com", "2125550100", "212-555-0100", "Pat", "…", "", "a" * 400])
def test_a_message_of_nothing_but_data_is_no_reason(message: str) -> None:
    assert reason(message, SCHEMA) == NO_REASON


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("invalid", "invalid"),
        ({"message": "invalid"}, "invalid"),
        ({"reason": "invalid"}, "invalid"),
        ({"detail": "invalid"}, "invalid"),
        ({"error": "invalid"}, "invalid"),
        ({"error": {"message": "invalid"}}, "invalid"),
        ({"errors": [{"message": "invalid"}, {"message": "missing"}]}, "invalid"),
        ({"error": {"error": {"message": "invalid"}}}, "invalid"),
        ({"message": "", "error": "invalid"}, "invalid"),
        ({"message": "invalid", "error": "missing"}, "invalid"),
    ],
)
def test_the_message_is_found_wherever_an_error_keeps_it(item: Any, shown: str) -> None:
    assert reason(item, SCHEMA) == REFUSED + shown


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ({"type": "VALIDATION_ERROR", "message": "invalid"}, "VALIDATION_ERROR: invalid"),
        ({"error": {"type": "VALIDATION_ERROR", "message": "Pat"}}, "VALIDATION_ERROR"),
        ({"type": "OUTER", "error": {"type": "INNER", "message": "invalid"}}, "OUTER: invalid"),
        ({"type": "Pat Example", "message": "invalid"}, "invalid"),  # a type is a constant of capitals
    ],
)
def test_the_type_of_an_error_stands_before_its_message(item: Any, shown: str) -> None:
    assert reason(item, SCHEMA) == REFUSED + shown


@pytest.mark.parametrize("item", [None, 7, [], {}, {"error": None}, {"errors": []}, {"message": ["invalid"]}])
def test_an_error_without_a_message_is_no_reason(item: Any) -> None:
    assert reason(item, SCHEMA) == NO_REASON


@given(st.text(st.sampled_from("QXZ"), min_size=2, max_size=8), st.sampled_from(["'{}' is invalid", "the {} exists"]))
def test_a_name_in_a_message_is_never_shown(name: str, message: str) -> None:
    assert name not in reason(message.format(name), SCHEMA)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("contact Jane Doe, 212-555-0147, has no phone", "contact …, has no phone"),
        ("jane doe has no phone", "… has no phone"),
        ("Area__c of Jane is too long", "Area__c of … is too long"),
        ("Key (Mail)=(jane@example.com) already exists", "Key (Mail)=(…) already exists"),
        ("<p>Jane Doe</p>", ""),
        ('{"name":"Jane"}', '{"name":"…"}'),
        ("12 Main Street, Springfield", ""),
        ("must be between 1 and 255", "must be between 1 and 255"),
        ("no scope crm.objects.contacts.read", "no scope crm.objects.contacts.read"),
        ("a\x1b[31mJane\n\u202eDoe is invalid", "a [… is invalid"),
    ],
)
def test_foreign_text_is_masked_but_for_known_names(text: str, shown: str) -> None:
    assert quoted(text, ["Area__c", "Mail"]) == shown


@pytest.mark.parametrize(
    "number",
    [
        "212-555-0147", "(212) 555-0147", "212.555.0147", "+1 212 555 0147", "2125550147", "+49 30 1234567",
        "212 x 555 y 0147", "212\u2011555\u20110147", "２１２５５５０１４７", "2 1 2 5 5 5 0 1 4 7", "212/555/0147",
        "tel:212-555-0147", "212,555,0147",
    ],
)  # fmt: skip
def test_no_telephone_number_is_shown_however_it_is_written(number: str) -> None:
    shown = quoted(f"the phone {number} is invalid")
    assert sum(map(str.isdecimal, shown)) == 0, shown
