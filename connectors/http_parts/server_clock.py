"""The time of a server, as the dates of its answers tell it: a server dates its records by its own clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.rest import http_date


class ServerClock:
    """Tells the server's time, in Unix seconds; until an answer has a date, it is the time of ``clock``, our own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead: float | None = None

    def note(self, headers: Mapping[str, str]) -> float | None:
        """Take the time from an answer's headers and return it; None if they have no date."""
        date = http_date(headers.get("date", ""))
        if date is None:
            return None
        # A date is rounded down, and is older than its answer: the time is rather a little early than late.
        self._ahead = date.timestamp() - self._clock()
        return date.timestamp()

    @property
    def is_known(self) -> bool:
        """Whether an answer had a date."""
        return self._ahead is not None

    def now(self) -> float:
        """Return the server's time now."""
        return self._clock() + (self._ahead or 0.0)
