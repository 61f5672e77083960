"""Which files are removed, and how far back files are fetched."""

from __future__ import annotations

from collections.abc import Container

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.media.keeping import Kept, Limits, Room, fetched_from, too_many

NOW = 1_000.0


def files(*sizes: int) -> list[Kept]:
    """Return files of these sizes, whose calls were at 0, 100, 200…"""
    return [Kept(f"rec_{n}", f"call:{n}", n * 100.0, size, f"{n}.mp3") for n, size in enumerate(sizes)]


def removed(found: list[Kept], limits: Limits, awaited: Container[str] = ()) -> list[int]:
    total = sum(each.size for each in found)
    return [int(each.media_id[4:]) for each in too_many(found, total, limits, NOW, awaited)]


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        (Limits(None, 40), []),
        (Limits(None, 39), [0]),
        (Limits(None, 30), [0]),
        (Limits(None, 0), [0, 1, 2, 3]),
        (Limits(850, 40), [0, 1]),
        (Limits(900, 40), [0]),
        (Limits(850, 15), [0, 1, 2]),
        (Limits(2_000, 40), []),
    ],
)
def test_the_oldest_go_first(limits: Limits, gone: list[int]) -> None:
    assert removed(files(10, 10, 10, 10), limits) == gone


def test_what_is_awaited_stays_and_others_make_room() -> None:
    assert removed(files(10, 10, 10, 10), Limits(850, 25), {"call:0"}) == [1, 2]
    assert removed(files(10, 10), Limits(1, 0), {"call:0", "call:1"}) == []


@given(sizes=st.lists(st.integers(0, 50), max_size=12), keep=st.integers(1, 1_500), at_most=st.integers(0, 300))
def test_afterwards_the_limits_hold_and_nothing_goes_in_vain(sizes: list[int], keep: int, at_most: int) -> None:
    found = files(*sizes)
    gone = removed(found, Limits(keep, at_most))
    assert gone == list(range(len(gone)))
    left = found[len(gone) :]
    assert sum(each.size for each in left) <= at_most
    assert not [each for each in left if each.at < NOW - keep]
    if gone:
        last = found[len(gone) - 1]
        assert last.at < NOW - keep or sum(each.size for each in left) + last.size > at_most


@pytest.mark.parametrize(
    ("room", "limits", "since"),
    [
        (Room(), Limits(None, 100), float("-inf")),
        (Room(), Limits(300, 100), 700.0),
        (Room(50, 10, 200.0), Limits(None, 100), float("-inf")),
        (Room(95, 10, 200.0), Limits(None, 100), 200.0),
        (Room(95, 10, 200.0), Limits(300, 100), 700.0),
        (Room(101, 10, 200.0), Limits(None, 100), float("inf")),
    ],
)
def test_what_would_be_removed_at_once_is_not_fetched(room: Room, limits: Limits, since: float) -> None:
    assert fetched_from(room, limits, NOW) == since
