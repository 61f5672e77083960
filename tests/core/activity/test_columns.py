"""A record has the columns of its kind, whatever a row has."""

from __future__ import annotations

import pytest

from syncd.core.activity.columns import COLUMNS, SCHEMA, record_of
from syncd.core.settings.sinks import CallRules


def test_every_column_belongs_to_a_kind() -> None:
    assert {*COLUMNS["call"], *COLUMNS["message"]} == set(SCHEMA)
    assert {*COLUMNS["call"]} & {*COLUMNS["message"]} == {
        "kind", "id", "direction", "status", "remote_number", "own_number", "first_by", "missing_since",
        "attribution", "contacts",
    }  # fmt: skip


def test_a_record_has_all_columns_and_no_others() -> None:
    record = record_of({"kind": "call", "id": "c1", "body": "of a message", "segments": [{"n": 1, "odd": 2}]})
    assert list(record) == list(COLUMNS["call"])
    assert record["segments"] == [
        {
            "n": 1,
            **dict.fromkeys(("type", "name", "extension", "start_time", "duration", "answered", "media_id", "path")),
        }
    ]
    assert record["contacts"] == []
    assert record["summary"] is None


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("é\udc00", "é\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("é🏠", "é🏠"),
        ("", ""),
    ],
)
def test_what_no_database_holds_is_replaced(text: str, stored: str) -> None:
    record = record_of({"kind": "message", "id": "m1", "body": text, "contacts": [{"source": "crm", "key": text}]})
    assert (record["body"], record["contacts"]) == (stored, [{"source": "crm", "key": stored}])


@pytest.mark.parametrize(
    ("rules", "texts"),
    [
        (None, ("s", "t")),
        (CallRules(), ("s", "t")),
        (CallRules(transcript="api"), ("s", "t")),
        (CallRules(summary=False), (None, "t")),
        (CallRules(transcript="none"), ("s", None)),
    ],
)
def test_texts_that_the_rules_leave_out_are_none(rules: CallRules | None, texts: tuple[str | None, str | None]) -> None:
    record = record_of({"kind": "call", "id": "c1", "summary": "s", "transcription": "t"}, rules)
    assert (record["summary"], record["transcription"]) == texts


def test_the_rules_of_calls_do_not_touch_messages() -> None:
    record = record_of({"kind": "message", "id": "m1", "body": "b"}, CallRules(summary=False, transcript="none"))
    assert list(record) == list(COLUMNS["message"])
