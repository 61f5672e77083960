"""How many requests a day of a busy company takes, within the guide's windows, as the clock goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.activity.pulling.one_list import Rhythm
from tests.examples import SOAKING
from tests.worlds.phone_company import DAY, HOUR, PhoneCompany, at

HOURS = 24 if SOAKING else 3
"""Hours that are counted: the rechecks of the days before are in the first two."""
SCALE = 1 if SOAKING else 20
"""All numbers are so many times smaller, the pages too: the requests are those of 5,000 calls and 2,000 messages."""


RHYTHMS = [("newest", 600, {3: 60, 24: 600}), ("oldest", 600, {3: 60, 24: 600}), ("newest", 120, {3: 280, 24: 2300})]


@pytest.mark.parametrize(("order", "every", "most"), RHYTHMS if SOAKING else RHYTHMS[:2])
def test_a_day_of_5000_calls_and_2000_messages(tmp_path: Path, order: str, every: int, most: dict[int, int]) -> None:
    world = PhoneCompany(tmp_path, limited=True, list_order=order)
    world.now = at("2026-03-12", 0)
    # Eight days lie behind, so that every recheck happens on the day that is counted.
    world.rhythm = Rhythm(every=every, since=8 * DAY)
    with world.open():
        world.phones.traffic(5000 // SCALE, seed=7, since=at("2026-03-04", 0), messages=2000 // SCALE)
        world.line.limit = 500 // SCALE
        world.pull()
        world.live(at("2026-03-13", 0), every=HOUR)
        world.line.asked.clear()
        before = len(world.sandbox.requests)
        begin, moment = world.now, world.now
        while moment < begin + HOURS * HOUR:
            moment += every
            world.now = max(world.now, moment)
            world.pull()
        assert world.line.sent <= most[HOURS]
        assert [each for each in world.sandbox.requests[before:] if each.status == 429] == []
        # Calls of the last minute are still going on, and not in the list yet.
        assert len(set(world.truth()) - set(world.calls())) < 100 / SCALE
