"""Why an activity is, or is not, a contact's, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.activity.attribution import deciding
from syncd.core.activity.attribution.candidates import BY_HAND, DAY, NEXT, STAYS, candidates
from syncd.core.activity.attribution.deciding import Rules
from syncd.core.activity.attribution.decision import Decision

RULES = Rules("first", late=2 * DAY, horizon=10 * DAY, now=30 * DAY)
AT = 20 * DAY
ANN, BO = ("tenants", "7"), ("tenants", "3")
Why = tuple[str, bool, str]


def had(key: str, since: float | None = None, until: float | None = None) -> dict[str, Any]:
    """A contact had the number since and until some day."""
    days = {"since": since and since * DAY, "until": until and until * DAY}
    return {"source": "tenants", "key": key, "there": until is None, **days}


def decided(outcome: Any, *contacts: tuple[str, str], reason: str = deciding.THEN) -> Decision:
    return Decision("call", "c1", outcome, "2125550101", contacts, reason=reason)


def why(rows: list[dict[str, Any]], decision: Decision | None, at: float = AT) -> list[Why]:
    return [(each.key, each.chosen, each.why) for each in candidates(rows, decision, at, RULES)]


@pytest.mark.parametrize(
    ("rows", "decision", "said"),
    [
        ([had("7")], None, [("7", False, NEXT)]),
        ([had("7")], decided("matched", ANN), [("7", True, deciding.THEN)]),
        (
            [had("7", until=21), had("3", since=21)],
            decided("matched", ANN),
            [
                ("7", True, deciding.THEN),
                ("3", False, "it got the number later, and another contact had it then"),
            ],
        ),
        ([had("7", until=19)], decided("unknown"), [("7", False, "it had lost the number before")]),
        ([had("7", 21, 22)], decided("unknown"), [("7", False, "it got the number later, and lost it again")]),
        (
            [had("7", since=23)],
            decided("unknown"),
            [("7", False, "it got the number more than 2 days later (activity.attribute.late)")],
        ),
        (
            [had("7"), had("3")],
            decided("shared", BO, reason="several"),
            [("7", False, "several"), ("3", True, "several")],
        ),
        ([had("7"), had("3")], decided("matched", BO), [("7", False, STAYS), ("3", True, deciding.THEN)]),
        ([had("3", since=23)], decided("matched", BO), [("3", True, STAYS)]),
        ([had("7")], decided("person", BO), [("7", False, BY_HAND), ("3", True, BY_HAND)]),
        ([had("7")], decided("person"), [("7", False, BY_HAND)]),
        ([], decided("matched", ANN), [("7", True, STAYS)]),
        (
            [had("7", 1, 5), had("7", 12)],
            decided("matched", ANN),
            [("7", False, "it had lost the number before"), ("7", True, deciding.THEN)],
        ),
        (
            [had("7", since=21)],
            decided("unknown"),
            [("7", False, "the activity is older than activity.attribute.late")],
        ),
    ],
)
def test_each_contact_of_a_number_has_its_reason(
    rows: list[dict[str, Any]], decision: Decision | None, said: list[Why]
) -> None:
    assert why(rows, decision) == said


def test_before_the_history_only_contacts_of_now_count() -> None:
    rows = [had("7", since=25), had("3", until=25)]
    assert why(rows, decided("matched", ANN, reason=deciding.NOW), 5 * DAY) == [
        ("7", True, deciding.NOW),
        ("3", False, "it has not the number now, and the history does not go back so far"),
    ]
