"""The log of requests in the state file: each tier has places, answers and pauses of its own."""

from __future__ import annotations

from pathlib import Path

from syncd.budget import Budget, Together, Window
from syncd.state import State
from syncd.state.glance import Glance

WINDOWS = [Window(3, 60.0)]


def test_tiers_do_not_see_each_other(tmp_path: Path) -> None:
    with State(tmp_path / "syncd.db") as state:
        default, reports = (Budget(state.requests.tier(tier), WINDOWS) for tier in ("default", "reports"))
        place = reports.take()
        reports.answered(place)
        reports.take()
        reports.pause(30)
        assert [left for _, left in reports.left()] == [1]
        assert [left for _, left in default.left()] == [3]
        assert (reports.take_now(), default.take_now() is None) == (None, False)
        with state.requests.tier("reports").exclusive() as times:
            assert list(times.answers(0, place)) == [place]
            times.forget(float("inf"))
        assert [left for _, left in default.left()] == [2]


def test_two_processes_share_each_tier_and_a_look_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    with State(path) as one, State(path) as other:
        lists = Together(*(Budget(one.requests.tier(tier), WINDOWS) for tier in ("reports", "default")))
        contacts = Budget(other.requests, WINDOWS)
        for _ in range(2):
            lists.answered(lists.take())
        contacts.answered(contacts.take())
        assert contacts.take_now() is None
        with Glance(path) as glance:
            left = {tier: Budget(glance.requests(tier), WINDOWS).left() for tier in ("default", "reports", "messaging")}
        assert {tier: free for tier, [(_, free)] in left.items()} == {"default": 0, "reports": 1, "messaging": 3}


def test_a_place_that_is_given_back_is_free_again(tmp_path: Path) -> None:
    for read_only in (False, True):
        with State(tmp_path / "syncd.db", read_only=read_only) as state:
            budget = Budget(state.requests.tier("messaging"), WINDOWS)
            budget.give_back(budget.take())
            assert [left for _, left in budget.left()] == [3]


def test_a_dry_run_counts_its_own_places_by_tier(tmp_path: Path) -> None:
    with State(tmp_path / "syncd.db", read_only=True) as state:
        Budget(state.requests.tier("reports"), WINDOWS).take()
        left = {tier: Budget(state.requests.tier(tier), WINDOWS).left() for tier in ("default", "reports")}
        assert {tier: free for tier, [(_, free)] in left.items()} == {"default": 3, "reports": 2}
