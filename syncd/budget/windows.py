"""The windows of a key, and the log of the places that were taken in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Window(NamedTuple):
    """At most ``requests`` requests in any ``seconds`` seconds."""

    requests: int
    seconds: float

    def part(self, share: float) -> int:
        """Return how many requests a ``share`` of the window is, at least one."""
        # Floats: 0.29 * 100 is 28.999…, and a share of 29 % of 100 requests is 29.
        return max(1, math.floor(self.requests * share + 1e-9))


class RequestTimes(Protocol):
    """The stored places, inside the exclusive section. Times are Unix seconds."""

    def since(self, moment: float) -> list[float]:
        """Return the times of the places taken after ``moment``, ascending."""

    def add(self, moment: float) -> None:
        """Store a place."""

    def remove(self, moment: float) -> None:
        """Remove a place whose request is not sent."""

    def forget(self, before: float) -> None:
        """Remove the places taken before ``before``."""

    def note_answers(self, late: Mapping[float, float]) -> None:
        """Store how many seconds after its time each place's request was answered."""

    def answers(self, first: float, last: float) -> dict[float, float]:
        """Return the stored answers of the places from ``first`` to ``last``."""

    def paused_until(self) -> float:
        """Return when the pause that the target asked for ends; 0 if it never asked."""

    def pause(self, until: float) -> None:
        """Replace the end of the pause."""


class RequestLog(Protocol):
    """The store of the places of all processes."""

    def exclusive(self) -> AbstractContextManager[RequestTimes]:
        """Enter a section that one process (and thread) at a time is in; its writes are durable when it ends.

        A read-only state may also be entered; only ``since`` and ``paused_until`` work there.
        """
