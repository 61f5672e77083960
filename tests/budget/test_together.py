"""Requests of three tiers by several processes: no window is ever exceeded, and contacts go first."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budget import Budget, Together, Window
from syncd.errors import Stopped
from tests.worlds.request_log import Clock, MemoryLog
from tests.worlds.tiered_server import TieredServer

MINUTE, HOUR = 60.0, 3600.0
SMALL = {"default": (Window(6, 10.0), Window(20, 60.0)), "reports": (Window(3, 10.0),), "messaging": (Window(2, 30.0),)}
KINDS = ("default", "reports", "messaging")

step = st.tuples(
    st.integers(0, 1),
    st.sampled_from(KINDS),
    st.sampled_from((0.0, 0.0, 0.0, 0.7, 9.0)),
    st.floats(0.001, 0.5),
    st.floats(0.001, 0.49),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(step, min_size=20, max_size=80))
def test_two_processes_never_exceed_a_window_of_three_tiers(
    steps: Sequence[tuple[int, str, float, float, float]],
) -> None:
    server = TieredServer(SMALL)
    processes = [server.process(), server.process()]
    for which, kind, pause, there, back in steps:
        server.clock.sleep(pause)
        server.send(processes[which][kind], kind, there, back)
    server.clock.sleep(10)
    assert sum(map(len, server.arrived.values())) == len(steps) + sum(kind == "reports" for _, kind, *_ in steps)
    assert server.refused == []


def backlog(server: TieredServer, kind: str, count: int) -> float:
    """Let two processes send ``count`` requests of a kind as fast as they may; return the seconds."""
    processes = [server.process()[kind], server.process()[kind]]
    begun = server.clock.now
    for number in range(count):
        server.send(processes[number % 2], kind, 0.05, 0.05)
    server.clock.sleep(1)
    return server.clock.now - 1 - begun


def test_a_backlog_of_lists_uses_all_that_their_windows_allow() -> None:
    server = TieredServer({**SMALL, "default": (Window(60, MINUTE),), "reports": (Window(30, MINUTE),)})
    # 300 requests, 30 a minute: the last 30 may leave after nine minutes.
    assert 9 * MINUTE <= backlog(server, "reports", 300) <= 9 * MINUTE / 0.98
    assert server.refused == []


def test_lists_and_other_requests_share_the_default_tier() -> None:
    server = TieredServer({**SMALL, "default": (Window(8, MINUTE),), "reports": (Window(6, MINUTE),)})
    process = server.process()
    for kind in ("default", "default", "default", "reports", "reports", "reports", "reports", "reports"):
        server.send(process[kind], kind, 0.1, 0.1)
    assert server.clock.slept == []
    # The reports have room for one more, and the default tier has none.
    server.send(process["reports"], "reports", 0.1, 0.1)
    assert sum(server.clock.slept) >= MINUTE
    assert server.refused == []


def test_a_list_that_finds_one_tier_full_takes_no_place_in_the_other() -> None:
    server = TieredServer({**SMALL, "default": (Window(1, HOUR),), "reports": (Window(5, HOUR),)})
    server.send(server.process()["default"], "default", 0.1, 0.1)
    stopping = threading.Event()
    tiers = [
        Budget(log, server.tiers[tier], clock=server.clock, stopping=stopping, on_wait=lambda _: stopping.set())
        for tier, log in server.logs.items()
        if tier != "messaging"
    ]
    tiers.reverse()
    with pytest.raises(Stopped):
        Together(tiers[0], tiers[1]).take()
    assert server.logs["reports"].history == []
    assert [left for _, left in tiers[0].left()] == [5]


class SlowLog(MemoryLog):
    """A log whose first places take a while to be stored."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = 3.0

    def add(self, moment: float) -> None:
        super().add(moment)
        self.clock.now += self.seconds
        self.seconds = 0.0


def test_a_place_counts_from_when_its_request_leaves_though_the_other_tier_was_slow() -> None:
    clock = Clock()
    window = [Window(1, 10.0)]
    own, other = (Budget(log, window, clock=clock, sleep=clock.sleep) for log in (MemoryLog(), SlowLog(clock)))
    lists = Together(own, other)
    lists.answered(lists.take())
    left = clock.now
    own.take()
    assert clock.now - left >= 10.0


def test_a_share_leaves_room_for_contacts() -> None:
    server = TieredServer({**SMALL, "default": (Window(1000, HOUR),), "reports": (Window(500, HOUR),)})
    contacts, lists = server.process(), server.process(share=0.5)
    for _ in range(250):
        server.send(lists["reports"], "reports", 0.1, 0.1)
    assert server.clock.slept == []
    for _ in range(700):
        server.send(contacts["default"], "default", 0.1, 0.1)
    assert server.clock.slept == []
    # Of 950 places in the hour all are taken for a user that may have half of them.
    assert lists["reports"].forecast(1) == pytest.approx(HOUR, abs=5)


def test_a_share_counts_what_everybody_used() -> None:
    log, clock = MemoryLog(), Clock()
    contacts, media = (
        Budget(log, [Window(10, MINUTE)], share=share, clock=clock, sleep=clock.sleep) for share in (1.0, 0.4)
    )
    for _ in range(3):
        contacts.answered(contacts.take())
    assert media.take_now() is not None
    assert media.take_now() is None
    assert contacts.take_now() is not None


def test_a_share_is_at_least_one_request() -> None:
    budget = Budget(MemoryLog(), [Window(2, MINUTE)], share=0.01)
    assert (budget.take_now() is None, budget.take_now() is None) == (False, True)


def test_a_429_pauses_its_own_tier() -> None:
    server = TieredServer(SMALL)
    one, other = server.process(), server.process()
    one["reports"].pause(20)
    other["default"].answered(other["default"].take())
    other["messaging"].answered(other["messaging"].take())
    assert server.clock.slept == []
    other["reports"].answered(other["reports"].take())
    assert sum(server.clock.slept) == pytest.approx(20)


def test_a_list_waits_for_a_pause_of_either_tier() -> None:
    server = TieredServer(SMALL)
    server.process()["default"].pause(20)
    lists = server.process()["reports"]
    lists.answered(lists.take())
    assert sum(server.clock.slept) == pytest.approx(20)


def test_the_forecast_is_that_of_the_fullest_tier() -> None:
    server = TieredServer({**SMALL, "default": (Window(60, MINUTE),), "reports": (Window(30, MINUTE),)})
    lists = server.process()["reports"]
    assert lists.forecast(30) <= 31
    assert MINUTE <= lists.forecast(31) <= MINUTE + 2
    for _ in range(45):
        server.send(server.process()["default"], "default", 0.1, 0.1)
    assert lists.forecast(16) >= 58


def test_without_windows_nobody_waits_and_nothing_is_stored() -> None:
    server = TieredServer({"default": (), "reports": (), "messaging": ()})
    lists = server.process()["reports"]
    places = [lists.take() for _ in range(3)]
    assert len(set(places)) == 3
    for place in places:
        lists.answered(place)
    assert (server.clock.slept, server.logs["default"].history) == ([], [])
