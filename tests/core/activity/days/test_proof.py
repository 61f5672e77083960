"""What a reading of a list proves, and when a day is read again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.days.proof import Sheet, Standing, Verdict, added_up, after_reading, is_due, judged
from syncd.core.activity.days.windows import ended
from tests.worlds.moving_list import MovingList

DAY = "2026-03-10"
HOUR, END = 3600.0, ended(DAY)
RECHECK = (HOUR, 24 * HOUR, 72 * HOUR, 168 * HOUR)
ROWS = {f"c{number}": float(number) for number in range(8)}


def read(served: MovingList) -> list[Sheet]:
    sheets = [served.page(1)]
    while not sheets[-1].is_last:
        sheets.append(served.page(len(sheets) + 1))
    return sheets


def three() -> list[Sheet]:
    return [MovingList(ROWS).page(number) for number in (1, 2, 3)]


@pytest.mark.parametrize("order", ["newest", "oldest", "unstable"])
def test_a_list_that_stands_still_is_read_whole(order: str) -> None:
    verdict = MovingList(ROWS, order=order).read()
    if order == "unstable":
        assert verdict.why in {"rows came twice", ""}
    else:
        assert (verdict.why, verdict.keys, verdict.total) == ("", frozenset(ROWS), 8)
        assert verdict.order == order


def test_an_empty_list_is_whole_with_one_page_or_none() -> None:
    for pages in (0, 1, None):
        assert judged([Sheet(1, total=0, pages=pages)]).why == ""


@pytest.mark.parametrize(
    ("sheets", "why"),
    [
        (three()[:2], "it has other pages than it says"),
        ([], "the list does not say how many rows it has"),
        ([replace(sheet, total=None) for sheet in three()], "the list does not say how many rows it has"),
        ([*three()[:2], replace(three()[2], total=9)], "rows came or went while it was read"),
        ([three()[0], replace(three()[0], number=2), three()[2]], "a page came twice"),
        ([replace(sheet, total=9) for sheet in three()], "it holds fewer rows than it says"),
        ([replace(sheet, total=7) for sheet in three()], "it holds more rows than it says"),
        ([*three()[:2], replace(three()[2], keys=(None, "c0"))], "a row has no id"),
        ([*three()[:2], replace(three()[2], keys=("c7", "c0"))], "rows came twice"),
    ],
)
def test_what_is_wrong_with_a_reading_is_named(sheets: list[Sheet], why: str) -> None:
    assert judged(sheets).why == why


def test_the_digest_tells_changed_rows_and_not_another_order() -> None:
    newest, oldest = (MovingList(ROWS, order=order).read() for order in ("newest", "oldest"))
    changed = three()
    changed[0] = replace(changed[0], digests=(1, *changed[0].digests[1:]))
    assert newest.digest == oldest.digest != judged(changed).digest


@given(
    order=st.sampled_from(["newest", "oldest", "unstable"]),
    moves=st.lists(st.sampled_from(["", "", "new", "old", "gone", "swap"]), max_size=12),
    lie=st.sampled_from([0, 0, 0, 1, -1]),
    seed=st.integers(0, 9),
    readings=st.integers(1, 3),
)
def test_a_proved_day_holds_exactly_what_the_list_held(
    order: str, moves: list[str], lie: int, seed: int, readings: int
) -> None:
    """Between two pages, rows come (with a new or an old time) and go; what is gone does not come back."""
    served = MovingList(ROWS, order=order, lie=lie)
    todo, count = list(moves), 0

    held: list[frozenset[str]] = []

    def move() -> None:
        nonlocal count
        count += 1
        match todo.pop(0) if todo else "":
            case "new":
                served.rows[f"n{count}"] = 100.0 + count
            case "old":
                served.rows[f"o{count}"] = 0.5 + count / 100
            case "swap" if served.rows:
                del served.rows[max(served.rows, key=served.rows.__getitem__)]
                served.rows[f"s{count}"] = 100.0 + count
            case "gone" if served.rows:
                del served.rows[sorted(served.rows)[seed % len(served.rows)]]
        held.append(frozenset(served.rows))

    served.move = move
    standing, keys = Standing(), None
    for number in range(4):
        held[:] = [frozenset(served.rows)]
        verdict = added_up([read(served) for _ in range(readings)])
        standing = after_reading(standing, keys, verdict, END + number)
        if standing.state == "proved":
            # At one moment since the reading before it, the list held just this.
            assert verdict.keys in held
        keys = keys if verdict.why else verdict.keys
    if lie:
        assert standing.state in {"open", "read"}


def test_readings_of_a_list_without_an_order_add_up() -> None:
    served = MovingList(ROWS, order="unstable")
    readings = [[served.page(number) for number in (1, 2, 3)] for _ in range(9)]
    # No page of these is the same twice, and the first reading lacks a row.
    assert judged(readings[0]).why == "rows came twice"
    found = added_up(readings)
    assert (found.why, found.keys) == ("", frozenset(ROWS))
    assert found.digest == MovingList(ROWS).read().digest
    del served.rows["c0"]
    assert added_up([*readings, [served.page(number) for number in (1, 2, 3)]]).why != ""


def test_one_reading_alone_can_be_wrong_and_is_no_proof() -> None:
    served = MovingList(ROWS, order="newest")

    def move() -> None:
        served.move = lambda: None
        del served.rows["c7"]
        served.rows["c9"] = 9.0

    served.move = move
    verdict = served.read()
    assert verdict.why == ""
    assert verdict.keys != set(served.rows)
    assert after_reading(Standing(), None, verdict, END).state == "read"


def whole(*keys: str) -> Verdict:
    return Verdict(frozenset(keys), len(keys), 1, "", "digest")


FLAWED = replace(whole("a"), why="rows came twice")


@pytest.mark.parametrize(
    ("before", "keys", "verdict", "after"),
    [
        ("open", None, whole("a"), "read"),
        ("open", None, FLAWED, "open"),
        ("read", {"a"}, whole("a"), "proved"),
        ("read", {"a"}, whole("a", "b"), "read"),
        ("read", {"a"}, FLAWED, "read"),
        ("proved", {"a"}, whole("a"), "proved"),
        ("proved", {"a"}, whole("b"), "changed"),
        ("proved", {"a"}, FLAWED, "changed"),
        ("changed", {"b"}, whole("b"), "proved"),
        ("changed", {"b"}, whole("a"), "changed"),
    ],
)
def test_the_state_of_a_day_follows_its_readings(before, keys, verdict: Verdict, after: str) -> None:  # type: ignore[no-untyped-def]
    known = None if keys is None else frozenset(keys)
    found = after_reading(Standing(before, END, END), known, verdict, END + 9)
    assert (found.state, found.last_read) == (after, END + 9)
    assert found.since == (END if before == after else END + 9)


@pytest.mark.parametrize(
    ("standing", "now", "due"),
    [
        (Standing(), END - 1, False),
        (Standing(), END, True),
        (Standing("open", END - 9), END, True),
        (Standing("read", END, END), END + HOUR - 1, False),
        (Standing("read", END, END), END + HOUR, True),
        (Standing("proved", END + HOUR, END), END + 24 * HOUR - 1, False),
        (Standing("proved", END + HOUR, END), END + 24 * HOUR, True),
        (Standing("proved", END + 25 * HOUR, END), END + 71 * HOUR, False),
        (Standing("proved", END + 25 * HOUR, END), END + 200 * HOUR, True),
        (Standing("proved", END + 169 * HOUR, END), END + 9999 * HOUR, False),
        (Standing("read", END + 500 * HOUR, END + 500 * HOUR), END + 501 * HOUR, True),
        (Standing("changed", END + 500 * HOUR, END + 500 * HOUR), END + 500.5 * HOUR, False),
        # Read by a clock that was set back since.
        (Standing("read", END + 2 * HOUR, END), END + HOUR / 2, True),
        (Standing("proved", END + 9999 * HOUR, END), END + 500 * HOUR, True),
        # Read for four hours without a proof: four hours more.
        (Standing("open", END + 504 * HOUR, END + 500 * HOUR), END + 507 * HOUR, False),
        (Standing("open", END + 504 * HOUR, END + 500 * HOUR), END + 508 * HOUR, True),
    ],
)
def test_a_day_is_read_when_it_has_ended_and_again_later(standing: Standing, now: float, *, due: bool) -> None:
    assert is_due(DAY, standing, now, RECHECK) == due
