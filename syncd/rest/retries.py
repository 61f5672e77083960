"""Decide when a request is sent again, how long to wait before, and when to give up.

A failed attempt is repeated after growing, jittered pauses, a bounded number of times. An attempt that came too early
(429) is no failure: it waits as long as the server says. A refused key is tried once more with renewed credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
import tenacity

from syncd.rest.answers import Answer

log = structlog.get_logger()

# Jitter, so that several processes that failed together do not come back together.
_JITTERED = tenacity.wait_random_exponential(multiplier=0.5, max=60.0, min=0.1)


class Places(Protocol):
    """Where requests take their places; the part of :class:`syncd.budget.Budget` that the client needs."""

    def take(self) -> float:
        """Wait for a place and return its time."""

    def answered(self, place: float) -> None:
        """Note that the request of ``place`` was answered, or failed."""

    def pause(self, seconds: float) -> None:
        """Give no place for ``seconds``."""


class Again(Exception):
    """An attempt may be repeated; the message says why. ``after``: the seconds that the server asks to wait, or 0."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class Failed(Again):
    """An attempt failed."""


class Limited(Again):
    """An attempt came too early."""


class Renewed(Again):
    """The credentials of an attempt were refused, and there are new ones now."""


class GivenUp(Exception):
    """No further attempt is made; the message says why, and for which request. ``remedy``: what a person does."""

    def __init__(self, why: str, remedy: str = "try again later") -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(slots=True)
class Tries:
    """The attempts of one request so far.

    ``sends``: how many may have reached the server. ``lost``: the seconds that failures and their pauses took.
    ``waited``: the seconds of waiting because of 429s. ``renewed``: whether the credentials were renewed.
    """

    name: str
    budget: Places | None = None
    failures: int = 0
    sends: int = 0
    lost: float = 0.0
    waited: float = 0.0
    renewed: bool = False

    def limited(self, seconds: float) -> Limited:
        # Count a second at least: a server that answers 429 without a time must not be asked for ever.
        self.waited += max(1.0, seconds)
        return Limited("answered with status 429", seconds)

    def failed(self, seconds: float, *, sent: bool) -> None:
        self.failures += 1
        self.sends += sent
        self.lost += seconds


@dataclass(frozen=True, slots=True)
class Retries:
    """Makes attempts until one is answered.

    ``attempts``: how often a request may fail. ``deadline``: the seconds that attempts and the pauses between them may
    take in all. ``patience``: the seconds that 429s may take in all. ``sleep`` waits for so many seconds, or fewer.
    """

    attempts: int
    deadline: float
    patience: float
    sleep: Callable[[float], object]

    def __call__(self, attempt: Callable[[], Answer], tries: Tries) -> Answer:
        """Return the answer of the first attempt that raises neither Failed, Limited nor Renewed.

        Raises:
            GivenUp: the request has failed often enough, or waited long enough.

        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Again),
            stop=lambda _state: self._is_enough(tries),
            wait=lambda state: self._wait(tries, state),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except Failed as failed:
            times = "once" if tries.failures == 1 else f"{tries.failures} times"
            raise GivenUp(f"{failed} ({tries.name} was tried {times})") from None
        except Again as refused:
            raise GivenUp(f"{refused} on {tries.name}, for longer than syncd waits") from None

    def _is_enough(self, tries: Tries) -> bool:
        return tries.failures >= self.attempts or tries.lost >= self.deadline or tries.waited > self.patience

    def _wait(self, tries: Tries, state: tenacity.RetryCallState) -> float:
        """Return the seconds until the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Renewed):
            return 0.0
        if isinstance(error, Limited):
            wait = error.after or max(1.0, _JITTERED(state))
            log.info("request_limited", request=tries.name, seconds=round(wait, 1))
            if not tries.budget:
                return wait
            # The budget does the waiting, so that requests of other threads and processes wait too.
            tries.budget.pause(wait)
            return 0.0
        asked = error.after if isinstance(error, Failed) else 0.0
        # A server may ask for hours, but a failure is given up after deadline in any case.
        wait = max(_JITTERED(state), min(asked, self.deadline))
        tries.lost += wait
        # tenacity asks for the wait after the last attempt too, but then nothing waits.
        pause = {} if self._is_enough(tries) else {"seconds": round(wait, 1)}
        log.warning("request_failed", request=tries.name, why=str(error), **pause)
        return wait

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)
