"""A request log in memory, and a clock that only ``sleep`` moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class MemoryLog:
    """A request log in memory; ``history`` keeps every place, also the forgotten ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.places: list[float] = []
        self.history: list[float] = []
        self.until = 0.0
        self.late: dict[float, float] = {}
        self.inside = False
        self.entered = 0

    @contextmanager
    def exclusive(self) -> Iterator[MemoryLog]:
        with self._lock:
            self.inside = True
            self.entered += 1
            yield self
            self.inside = False

    def since(self, moment: float) -> list[float]:
        return sorted(place for place in self.places if place > moment)

    def add(self, moment: float) -> None:
        self.places.append(moment)
        self.history.append(moment)

    def remove(self, moment: float) -> None:
        self.places.remove(moment)
        self.history.remove(moment)

    def forget(self, before: float) -> None:
        self.places = [place for place in self.places if place >= before]

    def note_answers(self, late: Mapping[float, float]) -> None:
        self.late.update(late)

    def answers(self, first: float, last: float) -> dict[float, float]:
        return {place: late for place, late in self.late.items() if first <= place <= last}

    def paused_until(self) -> float:
        return self.until

    def pause(self, until: float) -> None:
        self.until = until


class Clock:
    """A clock at ``now``; ``sleep`` moves it forward and keeps the length in ``slept``."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
