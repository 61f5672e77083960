"""The target's own time, from the dates of its answers, and how far this machine's clock is off.

The target signs its deliveries with its own time, and a signature counts for 300 seconds. So a clock that is off by
minutes has every delivery refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from syncd.rest import Answer, http_date

WARN = 60.0
"""The seconds by which a clock that is off is worth a warning."""

ALARM = 200.0
"""The seconds by which a clock that is off is an alarm: at 300 every delivery is refused."""


class ServerTime:
    """Tells the target's time, in Unix seconds; ``clock`` is this machine's. Used by several threads at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.skew: float | None = None
        """The seconds by which the target's clock is ahead of this one; None until an answer had a date."""

    def judge(self, answer: Answer) -> None:
        """Take the time from an answer, whatever its status; the client judges it by itself."""
        date = self._date(answer.headers)
        if date is not None:
            # A date is rounded down to a second: in the middle of that second it is wrong by half a second at most.
            self.skew = date + 0.5 - self._clock()

    def of(self, answer: Answer) -> float:
        """Return when the target gave an answer, by its own clock; the time of now if the answer has no date."""
        date = self._date(answer.headers)
        return self.now() if date is None else date

    def now(self) -> float:
        """Return the target's time now; until an answer had a date, it is this machine's."""
        return self._clock() + (self.skew or 0.0)

    @property
    def trouble(self) -> Literal["", "warning", "alarm"]:
        """Whether this machine's clock is off by more than :data:`WARN` or :data:`ALARM`."""
        off = abs(self.skew or 0.0)
        return "alarm" if off > ALARM else "warning" if off > WARN else ""

    @staticmethod
    def _date(headers: Mapping[str, str]) -> float | None:
        found = http_date(headers.get("date", ""))
        return None if found is None else found.timestamp()
