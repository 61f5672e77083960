"""A look at the head of the window takes few requests and finds what came."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.days.heads import Head, look
from syncd.core.activity.days.proof import Order, Sheet
from tests.worlds.moving_list import MovingList, answered

ROWS = {f"c{number:02}": float(number) for number in range(20)}
ORDERS: list[Order] = ["newest", "oldest", "unstable", ""]


def known(count: int) -> set[str]:
    return set(sorted(ROWS)[:count])


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize(("fresh", "requests"), [(0, 1), (1, 1), (3, 2), (7, 4)])
def test_new_rows_are_found_in_the_learned_order(order: Order, fresh: int, requests: int) -> None:
    served = MovingList(ROWS, order=order)
    found = answered(look(known(20 - fresh), order, 3), served)
    assert found == Head(frozenset(ROWS.keys() - known(20 - fresh)), is_whole=True)
    assert len(served.asked) <= requests


def test_nothing_new_is_one_request_in_any_order() -> None:
    for order in ORDERS:
        served = MovingList(ROWS, order=order or "newest")
        assert answered(look(set(ROWS), order, 3), served).is_whole
        assert len(served.asked) == 1


def test_an_unknown_order_asks_for_the_whole_window() -> None:
    served = MovingList(ROWS, order="oldest")
    assert not answered(look(known(19), "", 3), served).is_whole
    assert served.asked == [1]


@pytest.mark.parametrize(("believed", "is_"), [("newest", "oldest"), ("oldest", "newest")])
def test_a_wrong_belief_of_the_order_costs_requests_and_loses_nothing(believed: Order, is_: str) -> None:
    served = MovingList(ROWS, order=is_)
    found = answered(look(known(12), believed, 3), served)
    assert found.is_whole == (set(ROWS) - known(12) == found.fresh)


def test_a_row_that_left_asks_for_the_whole_window() -> None:
    assert not answered(look({*ROWS, "gone"}, "newest", 3), MovingList(ROWS)).is_whole
    assert not answered(look({*known(19), "gone"}, "newest", 3), MovingList(ROWS)).is_whole


def test_a_smaller_page_than_believed_is_learned() -> None:
    served = MovingList(ROWS, order="oldest", limit=2)
    found = answered(look(known(18), "oldest", 500), served)
    assert found.is_whole


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_call_arrives_between_two_pages_of_a_look(order: Order) -> None:
    served = MovingList(ROWS, order=order)

    def arrive() -> None:
        served.move = lambda: None
        served.rows["c99"] = 99.0

    served.move = arrive
    found = answered(look(known(14), order, 3), served)
    assert found == Head(frozenset(served.rows.keys() - known(14)), is_whole=True)


def test_a_server_that_gives_the_same_page_for_ever_does_not_keep_a_look() -> None:
    class Stuck(MovingList):
        def page(self, number: int) -> Sheet:
            return replace(super().page(1), number=number, total=50, pages=None)

    for order in ORDERS:
        served = Stuck(ROWS)
        assert not answered(look({"x"}, order, 3), served).is_whole
        assert len(served.asked) < 9


@given(
    order=st.sampled_from(ORDERS),
    is_=st.sampled_from(["newest", "oldest", "unstable"]),
    count=st.integers(0, 20),
    lie=st.sampled_from([0, 0, 1, -1]),
)
def test_a_look_that_says_whole_knows_what_a_still_list_holds(order: Order, is_: str, count: int, lie: int) -> None:
    served = MovingList(ROWS, order=is_, lie=lie)
    found = answered(look(known(count), order, 3), served)
    if found.is_whole and not lie:
        assert known(count) | found.fresh == set(ROWS)
    assert found.fresh <= set(ROWS)
