"""The phones' time: the clock's, or one that runs fast from a past moment until it has caught up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


class PhoneClock:
    """Tells when something happens on the phones, in Unix seconds.

    It begins at ``since`` (None: now) and runs ``speed`` times as fast as ``clock`` until it reaches it; from then on
    both are equal. Waits of the sender are shorter by ``speed`` all the time.
    """

    def __init__(self, clock: Callable[[], float], *, speed: float = 1.0, since: float | None = None) -> None:
        self.clock = clock
        self.speed = speed
        self._began = clock()
        self._since = self._began if since is None else since

    def now(self) -> float:
        real = self.clock()
        return min(real, self._since + (real - self._began) * self.speed)

    def seconds(self, seconds: float) -> float:
        """Return how many seconds of the clock this many seconds of the phones' time take."""
        return seconds / self.speed


def stamp(moment: float) -> str:
    """Return a time as rows have it: ``2026-03-10T14:30:00.000Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_stamp(moment: float) -> str:
    """Return a time as the envelope of an event has it: ``2026-03-10T14:30:45+00:00``."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()
