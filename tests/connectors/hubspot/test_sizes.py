"""The requests and the time that HubSpot accounts of real sizes cost."""

from __future__ import annotations

from bisect import bisect_right

import pytest

from connectors.hubspot.account import Pace
from syncd.rest import Answer
from syncd.sandbox.hubspot.rates import LIMITS
from syncd.source import Needs
from tests.worlds.hubspot_account import Clock
from tests.worlds.hubspot_source import Crm

BARE = Needs(("hs_object_id",), frozenset({"hs_object_id", "firstname"}))


def busiest(times: list[float], seconds: float) -> int:
    """Return the largest number of ``times`` within any span of ``seconds``."""
    return max(bisect_right(times, at + seconds - 1e-6) - place for place, at in enumerate(times))


def test_fifty_thousand_contacts_take_500_lists_at_90_in_ten_seconds() -> None:
    crm = Crm(50_000, needs=BARE, limits=LIMITS)
    assert len(set(crm.read())) == 50_000
    assert crm.end.proof == "complete"
    assert crm.asked()["contacts/list"] == 500
    assert {each.status for each in crm.fake.requests} == {200}
    assert busiest([each.at for each in crm.fake.requests], 10.0) <= 90
    assert crm.fake.requests[-1].at - crm.fake.requests[0].at < 60


def test_twenty_five_thousand_contacts_of_one_millisecond_are_all_read() -> None:
    crm = Crm(25_000, needs=BARE, limits=LIMITS)
    crm.read_up_to_now()
    crm.contacts.touch_all(at=crm.clock.ms)
    assert len(set(crm.read())) == 25_000
    assert crm.end.proof == "partial"
    assert crm.asked()["contacts/search"] == 125
    assert {each.status for each in crm.fake.requests} == {200}


@pytest.mark.parametrize(("most", "used"), [(None, 90), (100, 90), (110, 99), (190, 171)])
def test_the_limit_that_answers_tell_of_is_used_to_nine_tenths(most: int | None, used: int) -> None:
    clock, times = Clock(), []
    pace = Pace(clock=clock, sleep=clock.sleep)
    for _ in range(400):
        times.append(pace.pacer.places("GET", "/crm/objects/2026-09/contacts").take())
        pace.adopt_limit(Answer(200, headers={"x-hubspot-ratelimit-max": str(most)} if most else {}))
    assert busiest(times[1:], 10.0) == used
