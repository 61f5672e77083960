"""The target's own time, from the dates of its answers, and how far this machine's clock is off.

The target signs its deliveries with its own time, and a signature counts for 300 seconds. So a clock that is off by
minutes has every delivery refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.core.activity.skew import WRONG, Trouble, trouble_of
from syncd.rest import Answer, http_date


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
        """Return when the target gave an answer, by its own clock; the time of now if the answer has no date.

        That is the end of the second which the date names: an answer knows what happened earlier in it.
        """
        date = self._date(answer.headers)
        return self.now() if date is None else date + 0.999

    def now(self) -> float:
        """Return the target's time now; until an answer had a date, it is this machine's."""
        return self._clock() + (self.skew or 0.0)

    @property
    def shows_the_day(self) -> bool:
        """Whether this machine's clock is known to be right enough to tell how old something is."""
        return self.skew is not None and abs(self.skew) <= WRONG

    @property
    def trouble(self) -> Trouble:
        """How bad it is that this machine's clock is off."""
        return trouble_of(self.skew)

    @staticmethod
    def _date(headers: Mapping[str, str]) -> float | None:
        found = http_date(headers.get("date", ""))
        return None if found is None else found.timestamp()
