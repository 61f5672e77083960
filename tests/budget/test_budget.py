"""The budget: the key's windows are obeyed exactly, used almost completely, shared, and never block for ever."""

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budget import Budget, Window, describe, describe_requests
from syncd.errors import Stopped
from tests.worlds.patience import BUSY
from tests.worlds.request_log import Clock, MemoryLog

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
GUIDE = (Window(60, MINUTE), Window(1000, HOUR), Window(20_000, DAY))


def a_budget(
    *windows: Window,
    log: MemoryLog | None = None,
    clock: Clock | None = None,
    on_wait: Callable[[float], None] | None = None,
) -> tuple[Budget, Clock]:
    clock = clock or Clock()
    return Budget(log or MemoryLog(), windows, clock=clock, sleep=clock.sleep, on_wait=on_wait), clock


def take(budget: Budget, times: int = 1) -> list[float]:
    """Take places one after the other; each request is answered at once."""
    places = []
    for _ in range(times):
        places.append(budget.take())
        budget.answered(places[-1])
    return places


def most_in_any(places: list[float], seconds: float) -> int:
    return max(sum(place <= other < place + seconds for other in places) for place in places)


def test_a_window_lets_its_requests_through_at_once_and_makes_the_next_one_wait() -> None:
    budget, clock = a_budget(Window(3, 10.0))
    take(budget, 3)
    assert clock.slept == []
    take(budget)
    assert 10.0 <= sum(clock.slept) <= 10.2


@settings(max_examples=60, deadline=None)
@given(
    windows=st.lists(st.builds(Window, st.integers(1, 9), st.floats(0.5, 30)), min_size=1, max_size=3),
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=40),
)
def test_no_window_ever_holds_more_than_its_requests(windows: list[Window], pauses: list[float]) -> None:
    log = MemoryLog()
    budget, clock = a_budget(*windows, log=log)
    for pause in pauses:
        clock.now += pause
        budget.answered(budget.take())
    assert all(most_in_any(log.history, window.seconds) <= window.requests for window in windows)


@settings(max_examples=60, deadline=None)
@given(ways=st.lists(st.floats(0, 0.08), min_size=40, max_size=40))
def test_the_server_never_sees_too_many_whatever_way_the_requests_take(ways: list[float]) -> None:
    budget, clock = a_budget(Window(5, 1.0))
    arrivals: list[float] = []
    for way in ways:
        place = budget.take()
        clock.now += way
        arrivals.append(clock.now)
        clock.now += 0.001
        budget.answered(place)
    assert most_in_any(arrivals, 1.0) <= 5


def test_a_backlog_uses_98_percent_of_what_the_windows_allow() -> None:
    log = MemoryLog()
    budget, clock = a_budget(Window(50, 1.0), Window(400, 10.0), log=log)
    begun = clock.now
    for _ in range(4000):
        place = budget.take()
        clock.now += 0.004
        budget.answered(place)
    assert 3600 / (log.history[-400] - begun) >= 0.98 * 40


def test_slow_answers_do_not_slow_a_window_of_a_minute_below_98_percent() -> None:
    log = MemoryLog()
    budget, clock = a_budget(Window(60, MINUTE), log=log)
    for _ in range(1200):
        place = budget.take()
        clock.now += 0.9
        budget.answered(place)
    assert MINUTE / (log.history[-1] - log.history[-61]) >= 0.98


def test_two_processes_share_one_budget() -> None:
    log, clock = MemoryLog(), Clock()
    one, _ = a_budget(Window(4, 10.0), log=log, clock=clock)
    other, _ = a_budget(Window(4, 10.0), log=log, clock=clock)
    take(one, 2)
    take(other, 2)
    assert clock.slept == []
    take(one)
    assert clock.slept


def test_another_process_knows_when_a_request_was_answered() -> None:
    """Without the answer's time, the process would keep a margin in every window, and lose that time."""
    log, clock = MemoryLog(), Clock()
    one, _ = a_budget(Window(4, 60.0), log=log, clock=clock)
    other, _ = a_budget(Window(4, 60.0), log=log, clock=clock)
    take(one, 4)
    one._try(take=True)  # its next request
    take(other)
    assert sum(clock.slept) == pytest.approx(60.0, abs=0.05)


def test_a_request_that_has_no_answer_yet_may_only_just_arrive() -> None:
    log, clock = MemoryLog(), Clock()
    one, _ = a_budget(Window(1, 60.0), log=log, clock=clock)
    other, _ = a_budget(Window(1, 60.0), log=log, clock=clock)
    one.take()
    take(other)
    assert sum(clock.slept) == pytest.approx(61.0, abs=0.05)


def test_a_bulk_leaves_room_for_small_runs() -> None:
    log, clock = MemoryLog(), Clock()
    load, _ = a_budget(Window(1000, HOUR), log=log, clock=clock)
    fresh, _ = a_budget(Window(1000, HOUR), log=log, clock=clock)
    take(load, 985)
    assert clock.slept == []
    take(fresh, 15)
    assert clock.slept == []
    take(load)
    assert sum(clock.slept) > 3000


def test_a_run_that_begins_is_small_again() -> None:
    budget, clock = a_budget(Window(1000, HOUR))
    take(budget, 985)
    budget.begin()
    take(budget, 15)
    assert clock.slept == []


def test_a_small_run_that_waits_gets_the_next_place_before_a_bulk() -> None:
    log, clock = MemoryLog(), Clock()
    load, _ = a_budget(Window(60, MINUTE), log=log, clock=clock)
    fresh, _ = a_budget(Window(60, MINUTE), log=log, clock=clock)
    take(load, 60)
    [(_, wait_of_load), (_, wait_of_fresh)] = load._try(take=True), fresh._try(take=True)
    assert 0.005 < wait_of_load - wait_of_fresh < 0.1


def test_a_restart_does_not_refill_the_windows() -> None:
    log, clock = MemoryLog(), Clock()
    take(a_budget(Window(4, 10.0), log=log, clock=clock)[0], 4)
    after, _ = a_budget(Window(4, 10.0), log=log, clock=clock)
    assert after.left() == [(Window(4, 10.0), 0)]
    take(after)
    assert sum(clock.slept) >= 10.0


def test_threads_take_different_places() -> None:
    log = MemoryLog()
    budget = Budget(log, [Window(1000, 60.0)])
    threads = [threading.Thread(target=take, args=(budget, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(log.history)) == 100


def test_the_log_is_never_held_while_waiting() -> None:
    log, clock = MemoryLog(), Clock()
    held: list[bool] = []

    def sleep(seconds: float) -> None:
        held.append(log.inside)
        clock.sleep(seconds)

    take(Budget(log, [Window(1, 5.0)], clock=clock, sleep=sleep), 3)
    assert held == [False, False]


def test_a_pause_is_seen_by_every_process() -> None:
    log, clock = MemoryLog(), Clock()
    one, _ = a_budget(Window(60, MINUTE), log=log, clock=clock)
    other, _ = a_budget(Window(60, MINUTE), log=log, clock=clock)
    one.pause(30)
    take(other)
    assert sum(clock.slept) == pytest.approx(30)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    log, clock = MemoryLog(), Clock()
    one, _ = a_budget(Window(60, MINUTE), log=log, clock=clock)
    one.pause(30)
    one.pause(1)
    take(one)
    assert sum(clock.slept) == pytest.approx(30)


def test_a_pause_holds_without_windows_too() -> None:
    budget, clock = a_budget()
    budget.pause(7)
    take(budget)
    assert sum(clock.slept) == pytest.approx(7)


def test_without_windows_the_log_is_not_even_opened() -> None:
    log = MemoryLog()
    budget, clock = a_budget(log=log)
    take(budget, 5)
    assert (log.entered, clock.slept, budget.left()) == (0, [], [])


def test_waiting_ends_at_once_when_asked_to_stop() -> None:
    stopping = threading.Event()
    budget = Budget(MemoryLog(), [Window(1, HOUR)], stopping=stopping, on_wait=lambda _: stopping.set())
    take(budget)
    begun = time.monotonic()
    with pytest.raises(Stopped):
        budget.take()
    assert time.monotonic() - begun < BUSY


def test_waiting_is_told_again_every_minute_and_at_its_end() -> None:
    told: list[float] = []
    budget, _ = a_budget(Window(1, 150.0), on_wait=told.append)
    take(budget, 2)
    assert [round(seconds) for seconds in told] == [150, 90, 30, 0]


@pytest.mark.parametrize("step", [30.0, HOUR, 400 * DAY])
def test_a_clock_that_is_set_back_does_not_block(step: float) -> None:
    log = MemoryLog()
    budget, clock = a_budget(Window(3, 10.0), log=log)
    take(budget, 3)
    budget.pause(4)
    clock.now -= step
    take(budget, 3)
    assert sum(clock.slept) <= 15
    assert max(log.places) <= clock.now


def test_another_process_that_finds_places_of_the_future_does_not_block() -> None:
    log = MemoryLog()
    log.places = [1_800_000_000.0, 1_800_000_001.0, 1_800_000_002.0]
    budget, clock = a_budget(Window(3, 10.0), log=log)
    take(budget)
    assert 5 <= sum(clock.slept) <= 11


def test_what_no_window_counts_is_forgotten() -> None:
    log = MemoryLog()
    budget, clock = a_budget(Window(5, 1.0), log=log)
    for _ in range(600):
        take(budget)
        clock.now += 1
    assert len(log.places) < 150


@settings(max_examples=40, deadline=None)
@given(
    windows=st.lists(st.builds(Window, st.integers(1, 9), st.floats(0.5, 30)), max_size=3),
    before=st.integers(0, 12),
    requests=st.integers(0, 40),
)
def test_a_forecast_comes_true(windows: list[Window], before: int, requests: int) -> None:
    budget, clock = a_budget(*windows)
    take(budget, before)
    forecast, begun = budget.forecast(requests, each=0.0), clock.now
    take(budget, requests)
    assert clock.now - begun == pytest.approx(forecast, rel=0.03, abs=0.5)


def test_a_forecast_writes_nothing() -> None:
    log = MemoryLog()
    budget, _ = a_budget(*GUIDE, log=log)
    budget.forecast(5000)
    budget.left()
    assert log.history == []


def test_a_forecast_of_a_day_of_requests_takes_no_time() -> None:
    budget, _ = a_budget(*GUIDE)
    begun = time.process_time()
    seconds = budget.forecast(19_500)
    assert time.process_time() - begun < 0.5
    assert 19 * HOUR <= seconds <= 20 * HOUR


@pytest.mark.parametrize(
    ("requests", "text"),
    [
        (0, "no requests"),
        (1, "1 request, about 1 s"),
        (12, "12 requests, about 12 s"),
        (1_960, "1,960 requests, about 1 h 17 m at this key's limits"),
        (2_003, "2,003 requests, about 2 h 1 m at this key's limits"),
    ],
)
def test_a_forecast_is_said_as_a_person_says_it(requests: int, text: str) -> None:
    budget, _ = a_budget(*GUIDE)
    assert describe_requests(requests, budget.forecast(requests)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59.6, "1 m"),
        (200, "3 m 20 s"),
        (3599.9, "1 h"),
        (4620, "1 h 17 m"),
        (86_399, "1 d"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds: float, text: str) -> None:
    assert describe(seconds) == text
