"""``syncd activity days``: the order in which people read the days."""

from __future__ import annotations

from syncd.activity.store.days import Day
from syncd.activity.store.store import ActivityStore
from tests.worlds.commands import Command
from tests.worlds.world import World


def test_the_newest_day_comes_first_and_its_calls_before_its_messages(company: World, syncd: Command) -> None:
    company.activity = {}
    company.settings()
    with ActivityStore(company.folder / "activity.db") as store:
        for kind, day in (("call", "2026-03-09"), ("message", "2026-03-10"), ("call", "2026-03-10")):
            store.days.put(Day(kind, day, state="open"))
    code, out, _ = syncd("activity", "days")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["2026-03-10", "calls"],
        ["2026-03-10", "messages"],
        ["2026-03-09", "calls"],
    ]
