"""One request shows that no proved day has changed; a few more find the day."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.activity.days.sums import Sum, history_sum
from syncd.core.activity.days.windows import Days
from syncd.core.activity.instants import day_after, days_between
from tests.examples import examples

YEAR = days_between("2025-03-01", "2026-02-28")


class Lists:
    """Rows by the days in which they stand, as the server has them; ``longest``: the most days that it counts;
    ``oldest``: the oldest day."""

    def __init__(self, rows: dict[str, set[str]], longest: int = 9999, oldest: str = "") -> None:
        self.rows = {key: set(days) for key, days in rows.items()}
        self.longest = longest
        self.oldest = oldest
        self.asked: list[Days] = []

    def count(self, days: Days) -> int:
        return sum(any(days.first <= day <= days.last for day in each) for each in self.rows.values())

    def refuses(self, days: Days) -> bool:
        return days.length > self.longest or days.first < self.oldest

    def compared(self, known: Lists, proved: list[str], longest: int = 9999) -> Sum:
        work = history_sum(proved, known.count, longest)
        try:
            days = next(work)
            while True:
                self.asked.append(days)
                days = work.send(None if self.refuses(days) else self.count(days))
        except StopIteration as done:
            found: Sum = done.value
            return found


def traffic() -> dict[str, set[str]]:
    rows = {f"{day} {number}": {day} for day in YEAR for number in range(3)}
    # A call over midnight may stand in two days.
    return rows | {f"{day} long": {day, day_after(day)} for day in YEAR[:-1]}


def test_nothing_changed_is_one_request() -> None:
    server = Lists(traffic())
    assert server.compared(Lists(traffic()), YEAR).changed == frozenset()
    assert len(server.asked) == 1


def test_a_proved_day_that_gains_a_call_is_found_by_halving() -> None:
    for day in (YEAR[0], YEAR[100], YEAR[-1]):
        server = Lists(traffic() | {"late": {day}})
        assert server.compared(Lists(traffic()), YEAR).changed == {day}
        # 1 for the sum, and 9 halvings of 365 days.
        assert len(server.asked) <= 19


def test_days_that_are_not_proved_are_left_out() -> None:
    server = Lists(traffic())
    hole = YEAR[50]
    found = server.compared(Lists(traffic()), [day for day in YEAR if day != hole])
    assert found.changed == frozenset()
    assert len(server.asked) == 2
    assert Lists({}).compared(Lists({}), []).changed == frozenset()


def test_a_range_that_is_refused_is_halved_and_the_limit_is_learned() -> None:
    server = Lists(traffic() | {"late": {YEAR[200]}}, longest=60)
    found = server.compared(Lists(traffic()), YEAR)
    assert found.changed == {YEAR[200]}
    assert 1 < found.longest <= 60
    again = Lists(traffic(), longest=60)
    again.compared(Lists(traffic()), YEAR, found.longest)
    assert all(days.length <= 60 for days in again.asked)


def test_days_that_are_too_old_for_the_server_are_left_out_and_their_end_is_learned() -> None:
    server = Lists(traffic() | {"late": {YEAR[300]}}, oldest=YEAR[275])
    found = server.compared(Lists(traffic()), YEAR)
    assert found.changed == {YEAR[300]}
    assert found.reached == YEAR[275]
    assert found.longest >= 30
    assert len(server.asked) < 40


def test_a_server_that_counts_nothing_at_all_is_not_asked_for_ever() -> None:
    assert Lists(traffic(), longest=0).compared(Lists(traffic()), YEAR).changed == frozenset()


def test_a_call_over_midnight_that_no_longer_stands_in_both_days_leads_to_its_days() -> None:
    rows = traffic()
    key = f"{YEAR[10]} long"
    server = Lists(rows | {key: {YEAR[10]}})
    # The count of all days is the same, so only the days themselves could tell: their own rechecks do.
    assert server.compared(Lists(rows), YEAR).changed == frozenset()
    moved = Lists({**rows, "a": {YEAR[10]}, "b": {YEAR[11]}})
    known = Lists({**rows, "a": {YEAR[10], YEAR[11]}})
    assert moved.compared(known, YEAR).changed == {YEAR[10], YEAR[11]}


@settings(max_examples=examples(25, 1_000))
@given(st.lists(st.integers(0, 364), max_size=4), st.sampled_from([7, 31, 9999]))
def test_every_day_that_gained_is_found(gained: list[int], longest: int) -> None:
    late = {f"late {number}": {YEAR[at]} for number, at in enumerate(gained)}
    server = Lists(traffic() | late, longest)
    assert server.compared(Lists(traffic()), YEAR).changed == {YEAR[at] for at in gained}
