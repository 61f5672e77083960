"""Which unknown callers become contacts, and which wait."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.activity.delivering.leads import Caller, Leads, LeadWorld, name_of, plan_leads
from syncd.core.activity.delivering.plan import PASSED, Before, lead_name
from syncd.core.settings.sinks import DAY, LeadRules

NOW = 1_773_154_800.0
NUMBER = "2125550101"
RULES = LeadRules(calls=2, talk=30.0, count=3)


def caller(number: str | None = NUMBER, *, ago: float = 3_600.0, calls: int = 2, **more: Any) -> Caller:
    return Caller(number, calls=calls, newest=NOW - ago, **more)


def noted(status: str, reason: str | None = None, next_try: float = 0.0) -> Before:
    return Before(status, reason=reason, next_try=next_try)


def planned(*callers: Caller, **world: Any) -> Leads:
    return plan_leads(callers, RULES, LeadWorld(NOW, **world))


@pytest.mark.parametrize(
    ("each", "becomes"),
    [
        (caller(calls=2), True),
        (caller(calls=1), False),
        (caller(calls=1, talk=30.0), True),
        (caller(calls=1, talk=29.9), False),
        (caller(None), False),
        (caller(""), False),
        (caller("123456"), False),
        (caller("1234567"), True),
        (caller(is_own=True), False),
        (caller(is_forgotten=True), False),
        (caller(is_out=True), False),
        (caller(ago=30 * DAY), True),
        (caller(ago=30 * DAY + 1), False),
    ],
)
def test_who_becomes_a_contact(each: Caller, becomes: bool) -> None:
    assert planned(each) == (Leads({NUMBER if each.number == NUMBER else "1234567": None}) if becomes else Leads())


@pytest.mark.parametrize(
    ("before", "world", "expected"),
    [
        (noted("accepted"), {}, Leads()),
        (noted("pending"), {}, Leads({NUMBER: None})),
        (noted("pending"), {"made": 3}, Leads({NUMBER: None})),
        (noted("pending", next_try=NOW + 1), {}, Leads()),
        (noted("waiting"), {}, Leads({NUMBER: None})),
        (noted("waiting", next_try=NOW + 1), {}, Leads()),
        (noted("waiting"), {"made": 3}, Leads(held={"leads.count": (NUMBER,)})),
        (noted("waiting", PASSED), {"made": 3}, Leads({NUMBER: PASSED})),
        (noted("waiting", PASSED), {"odd": True}, Leads({NUMBER: PASSED})),
        (noted("held", "leads.count"), {}, Leads(held={"leads.count": (NUMBER,)})),
        (noted("held", "leads.count"), {"reopens": True}, Leads({NUMBER: None})),
        (noted("held", "leads.count"), {"passing": {"leads.count"}}, Leads({NUMBER: PASSED})),
        (noted("held", "activity.unknown"), {}, Leads({NUMBER: None})),
        (noted("held", "activity.unknown"), {"odd": True}, Leads(held={"activity.unknown": (NUMBER,)})),
        (noted("held", "activity.unknown"), {"measured": False}, Leads(held={"activity.unknown": (NUMBER,)})),
        (None, {"odd": True}, Leads(held={"activity.unknown": (NUMBER,)})),
        (None, {"made": 2}, Leads({NUMBER: None})),
        (None, {"made": 3}, Leads(held={"leads.count": (NUMBER,)})),
    ],
)
def test_what_is_noted_of_a_number_decides_with(before: Before | None, world: dict[str, Any], expected: Leads) -> None:
    assert planned(caller(before=before), **world) == expected


@pytest.mark.parametrize("status", ["waiting", "held", "pending"])
def test_who_is_wanted_no_more_waits_no_longer(status: str) -> None:
    assert planned(caller(is_own=True, before=noted(status, PASSED))) == Leads(dropped=(NUMBER,))


def test_more_than_count_wait_all_together() -> None:
    many = [caller(f"212555010{n}", ago=100.0 - n) for n in range(4)]
    assert planned(*many[:3]) == Leads({each.number: None for each in many[:3] if each.number})
    assert planned(*many) == Leads(held={"leads.count": tuple(each.number for each in many if each.number)})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ann   Lee ", "Ann Lee"),
        ("Bakery 24", "Bakery 24"),
        ("Anonymous", None),
        ("", None),
        (None, None),
        ("+1 (212) 555-0101", None),
    ],
)
def test_the_name_is_what_the_network_says_if_it_is_one(text: str | None, name: str | None) -> None:
    assert name_of(text, NUMBER) == name


def test_a_list_names_no_number() -> None:
    assert NUMBER not in lead_name(NUMBER)
