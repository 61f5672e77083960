"""The failed deliveries are understood in every form that they may be shown in."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.activity.failures import Failure, Shown, failures_of
from syncd.core.activity.instants import seconds

AT = "2026-03-10T14:30:45+00:00"
EVENT: dict[str, Any] = {"id": "evt_1", "event_type": "call.ended", "timestamp": AT, "data": {"call_id": "c1"}}
ROW: dict[str, Any] = {"webhook_id": 7, "event_id": "evt_1", "event_type": "call.ended", "event_timestamp": AT}
KNOWN = Failure("evt_1", None, "call.ended", seconds(AT), "7")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"failures": [ROW], "meta": {"total_pages": 2}}, Shown((KNOWN,), 2)),
        ([ROW], Shown((KNOWN,))),
        ({"data": [ROW]}, Shown((KNOWN,))),
        (
            {"failures": [ROW | {"payload": EVENT}]},
            Shown((Failure("evt_1", EVENT, "call.ended", seconds(AT), "7"),)),
        ),
        ([EVENT], Shown((Failure("evt_1", EVENT, "call.ended", seconds(AT)),))),
        (["evt_1", 12], Shown((Failure("evt_1"), Failure("12")))),
        ([], Shown(())),
        ({"failures": [None, [], 1.5]}, Shown(())),
        ({"error": {"code": 404}}, None),
        ("none", None),
        (None, None),
    ],
)
def test_each_form_is_read(body: Any, shown: Shown | None) -> None:
    assert failures_of(body) == shown


def test_a_failure_without_an_id_is_known_again_by_what_is_shown_of_it() -> None:
    one, two = ({"url": "https://hooks.example.com", "failed_at": AT, "attempts": number} for number in (5, 4))
    [first, again, other] = failures_of([one, dict(reversed(one.items())), two]).failures  # type: ignore[union-attr]
    assert first.key == again.key != other.key
    assert first.at == seconds(AT)
