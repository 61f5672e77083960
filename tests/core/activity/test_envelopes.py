"""What a delivery says of itself, and which two deliveries are one event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.envelopes import malformed, of, opened

EVENT = {
    "id": "evt_67890abcdef",
    "event_type": "call.ended",
    "timestamp": "2026-03-10T14:30:45+00:00",
    "company_id": 123,
    "data": {"call_id": "c045ac31", "extension": "101"},
}


def content(**changed: Any) -> str:
    found = of({**EVENT, **changed})
    assert found is not None
    return found.content


def test_the_guides_event() -> None:
    found = opened(json.dumps(EVENT).encode())
    assert found is not None
    assert (found.id, found.type, found.company, found.subject) == ("evt_67890abcdef", "call.ended", "123", "c045ac31")
    assert found.at == 1773153045.0
    assert len(found.content) == 64


def test_same_event_under_two_ids() -> None:
    turned = {"extension": "101", "call_id": "c045ac31"}
    assert content() == content(id="evt_other") == content(data=turned)


@pytest.mark.parametrize(
    "changed",
    [
        {"event_type": "call.started"},
        {"timestamp": "2026-03-10T14:30:46+00:00"},
        {"data": {"call_id": "c045ac31", "extension": "102"}},
        {"data": {"message_id": "c045ac31", "extension": "101"}},
        {"data": None},
    ],
)
def test_two_events_are_two(changed: dict[str, Any]) -> None:
    assert content(**changed) != content()


def test_without_a_time_only_the_id_tells_two_events_apart() -> None:
    assert content(timestamp=None) != content(timestamp=None, id="evt_other")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"evt"',
        b"<html>502 Bad Gateway</html>",
        b"{",
        b'{"id": "evt_1"}',
        b'{"event_type": "call.ended"}',
        b'{"id": 5, "event_type": "call.ended"}',
        b'{"id": "", "event_type": "call.ended"}',
        b'{"id": "evt_1", "event_type": null}',
        b'{"id": "\\ud800", "event_type": "call.ended"}',
        b'{"id": "evt_1", "event_type": "call.ended", "data": {"call_id": "\\udfff"}}',
        b'{"id": "a\\u0000b", "event_type": "call.ended"}',
        b'{"id": "evt_1", "event_type": "call.ended", "data": {"call_id": "a\\u0000b"}}',
        b'{"id": "evt_1", "event_type": "call.ended", "data": ' + b"9" * 5000 + b"}",
        b'{"id": "evt_1", "event_type": "call.ended", "data": ' + b"[" * 200_000,
        b'{"id": "evt_1", "event_type": "call.ended"\xff}',
    ],
)
def test_what_is_no_event(body: bytes) -> None:
    assert opened(body) is None
    assert malformed(body).startswith("malformed:")


def test_odd_parts_are_left_out() -> None:
    found = opened(b'{"id": "evt_1", "event_type": "new.type", "timestamp": 5, "data": [1], "company_id": null}')
    assert found is not None
    assert (found.at, found.company, found.subject) == (None, "", None)
    numbered = of({**EVENT, "data": {"call_id": 5550100}})
    assert numbered is not None
    assert numbered.subject == "5550100"


@given(st.binary(max_size=60))
def test_no_body_is_too_odd(body: bytes) -> None:
    opened(body)
