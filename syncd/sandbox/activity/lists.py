"""Activities by their time, and what a list selects of them: quick for hundreds of thousands, exact for new ones."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from math import inf
from typing import Any, Generic, Protocol, TypeVar


class Timed(Protocol):
    """What stands in a list."""

    @property
    def start(self) -> float: ...


T = TypeVar("T", bound=Timed)

KEPT = 8
"""How many selections are remembered."""


class Timeline(Generic[T]):
    """Activities in the order of their start; of equal starts, in the order in which they were added."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._starts: list[float] = []
        self.version = 0
        self._selections: OrderedDict[Hashable, tuple[int, float, Sequence[Any]]] = OrderedDict()

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Iterable[T]) -> None:
        """Add activities."""
        for item in items:
            at = bisect_right(self._starts, item.start)
            self._starts.insert(at, item.start)
            self._items.insert(at, item)
        self.version += 1

    def between(self, begin: float, end: float) -> Sequence[T]:
        """Return those that start from ``begin`` until before ``end``."""
        return self._items[bisect_left(self._starts, begin) : bisect_left(self._starts, end)]

    def select(
        self,
        key: Hashable,
        between: tuple[float, float],
        now: float,
        choose: Callable[[T], tuple[Sequence[Any], float]],
    ) -> Sequence[Any]:
        """Return what ``choose`` takes of each activity between two moments, oldest first.

        ``choose`` returns that and until when it is right. ``key`` names the selection: it is made anew only when an
        activity was added or changed, or when it is no longer right.
        """
        known = self._selections.get(key)
        if known and known[0] == self.version and now < known[1]:
            return known[2]
        found: list[Any] = []
        until = inf
        for item in self.between(*between):
            chosen, right = choose(item)
            found.extend(chosen)
            until = min(until, right)
        self._selections[key] = (self.version, until, found)
        if len(self._selections) > KEPT:
            self._selections.popitem(last=False)
        return found
