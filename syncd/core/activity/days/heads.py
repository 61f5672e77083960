"""A look at the head of the open window: which page is asked for next, and whether the window is known whole."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from syncd.core.activity.days.proof import Order, Sheet

ROUNDS = 3
"""How often a look begins anew because a row came while it looked."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a look found: the ``fresh`` identities, and whether all that the window holds is known now.

    If not, ``is_whole`` is False and the window has to be read whole.
    """

    fresh: frozenset[str]
    is_whole: bool


def look(known: AbstractSet[str], order: Order, limit: int) -> Generator[int, Sheet, Head]:
    """Look for the rows that a window has beyond the ``known`` ones: yields numbers of pages, is sent these pages.

    ``order``: the learned order of the list. ``limit``: the rows of a page, as far as known; the pages say it anew.
    The count decides whether everything was found, the order only where to look.
    """
    have = set(known)
    for _ in range(ROUNDS):
        before = len(have)
        last = yield from _follow(have, order, limit)
        if last.total is None or None in last.keys:
            return Head(frozenset(have - known), is_whole=False)
        limit = last.limit or limit
        if len(have) >= last.total or len(have) == before:
            break
    return Head(frozenset(have - known), is_whole=len(have) == last.total)


def _follow(have: set[str], order: Order, limit: int) -> Generator[int, Sheet, Sheet]:
    """Follow the order until nothing is missing or nothing more comes; add what is there to ``have``; return a page."""
    number = first = _first_page(len(have), order, limit)
    while True:
        sheet = yield number
        counted = len(have)
        have.update(key for key in sheet.keys if key is not None)
        if sheet.total is None or None in sheet.keys or len(have) >= sheet.total:
            return sheet
        # Oldest first, the first page may hold nothing but known rows.
        is_idle = len(have) == counted and not (order == "oldest" and number == first)
        if sheet.is_last or is_idle or order not in {"newest", "oldest"}:
            break
        # The pages may be smaller than they were believed to be.
        first = _first_page(len(have), order, sheet.limit or limit)
        number = max(number + 1, first)
    if order == "oldest" and first > 1:
        # A long call comes into the list when it ends, and stands where it began.
        sheet = yield first - 1
        have.update(key for key in sheet.keys if key is not None)
    return sheet


def _first_page(known: int, order: Order, limit: int) -> int:
    # Oldest first, the page with the last known row: new ones stand on it, or after it.
    return max(1, -(-known // limit)) if order == "oldest" else 1
