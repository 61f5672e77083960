"""Places in several tiers of the key's windows at once.

Vocatech has windows of their own for the lists of calls and messages. Whether such a request counts in the windows of
all other requests too is not known, so it takes a place in both.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from syncd.budget.budget import Budget
from syncd.budget.wording import SECONDS_EACH

_APART = 1e-6


class Together:
    """Hands out places that are taken in each of several budgets, ``own`` first. Used by several threads at once."""

    def __init__(self, own: Budget, *others: Budget) -> None:
        self._budgets = (own, *others)
        self._lock = threading.Lock()
        # The places of each request that is under way, by the place that stands for all of them.
        self._taken: dict[float, Sequence[float]] = {}

    def begin(self) -> None:
        """Begin a run: its first requests go first."""
        for budget in self._budgets:
            budget.begin()

    def take(self) -> float:
        """Wait until each budget has a place, take them, and return a time that stands for all of them.

        Raises:
            Stopped: the process was asked to stop; no place was taken.

        """
        while (places := self._try()) is None:
            # Without taking: a place that waits for another one is of no use to anybody.
            for budget in self._budgets:
                budget.wait()
        for budget, place in zip(self._budgets, places, strict=True):
            budget.leaves(place)
        with self._lock:
            moment = places[0]
            # Without windows, two threads may be given the same time.
            while moment in self._taken:
                moment += _APART
            self._taken[moment] = places
        return moment

    def answered(self, place: float) -> None:
        """Note that the request of a place was answered, or will never be."""
        with self._lock:
            places = self._taken.pop(place)
        for budget, each in zip(self._budgets, places, strict=True):
            budget.answered(each)

    def pause(self, seconds: float) -> None:
        """Let no process take a place in the own tier for ``seconds``, because the target asked for it with a 429."""
        self._budgets[0].pause(seconds)

    def forecast(self, requests: int, *, each: float = SECONDS_EACH) -> float:
        """Return the seconds that ``requests`` more requests will take; write nothing."""
        return max(budget.forecast(requests, each=each) for budget in self._budgets)

    def _try(self) -> Sequence[float] | None:
        """Take a place in each budget, or in none; None if one has none now."""
        places: list[float] = []
        for budget in self._budgets:
            place = budget.take_now()
            if place is None:
                for other, taken in zip(self._budgets, places, strict=False):
                    other.give_back(taken)
                return None
            places.append(place)
        return places
