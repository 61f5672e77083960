"""A list of a server in pages, whose rows come and go between two pages."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import TypeVar

from syncd.core.activity.days.proof import Sheet, Verdict, judged

T = TypeVar("T")


class MovingList:
    """Rows by their key, each with its time. ``move`` is called after each page.

    ``order``: ``newest``, ``oldest`` or ``unstable``. ``lie``: how many rows the total is beside the truth.
    ``asked``: the numbers of the pages that were asked for.
    """

    def __init__(self, rows: dict[str, float], *, order: str = "newest", limit: int = 3, lie: int = 0) -> None:
        self.rows = dict(rows)
        self.order = order
        self.limit = limit
        self.lie = lie
        self.move: Callable[[], object] = lambda: None
        self.asked: list[int] = []
        self._random = random.Random(7)

    def page(self, number: int) -> Sheet:
        self.asked.append(number)
        keys = sorted(self.rows, key=lambda key: (self.rows[key], key), reverse=self.order == "newest")
        if self.order == "unstable":
            self._random.shuffle(keys)
        shown = tuple(keys[(number - 1) * self.limit : number * self.limit])
        total = max(0, len(keys) + self.lie)
        sheet = Sheet(
            number,
            shown,
            tuple(int(self.rows[key] * 1000) for key in shown),
            tuple(self.rows[key] for key in shown),
            total=total,
            pages=-(-len(keys) // self.limit),
            limit=self.limit,
        )
        self.move()
        return sheet

    def read(self) -> Verdict:
        sheets = [self.page(1)]
        while not sheets[-1].is_last:
            sheets.append(self.page(len(sheets) + 1))
        return judged(sheets)


def answered(work: Generator[int, Sheet, T], pages: MovingList) -> T:
    """Send each page that ``work`` asks for, and return its result."""
    try:
        number = next(work)
        while True:
            number = work.send(pages.page(number))
    except StopIteration as done:
        result: T = done.value
        return result
