"""When a request is sent again, how long is waited before, and when it is given up.

A failure is waited out with growing, jittered pauses and a bounded number of times. A request that came too early (429)
has not failed, and waits as the server says. A refused key is tried once more with another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
import tenacity

from syncd.rest.answers import Answer

log = structlog.get_logger()

RETRIED = frozenset({408, 425, 429})
"""The 4xx statuses that say "not now"; every 5xx is tried again too."""

_JITTERED = tenacity.wait_random_exponential(multiplier=0.5, max=60.0, min=0.1)


class Places(Protocol):
    """Where requests take their places; what the client needs of :class:`syncd.budget.Budget`."""

    def take(self) -> float: ...

    def answered(self, place: float) -> None: ...

    def pause(self, seconds: float) -> None: ...


class Failed(Exception):
    """An attempt came to nothing; ``after``: seconds that the server asks to wait."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class Limited(Exception):
    """An attempt came too early; ``after``: seconds that the server asks to wait, 0 if it does not say."""

    def __init__(self, after: float) -> None:
        super().__init__("answered with status 429")
        self.after = after


class Renewed(Exception):
    """An attempt had credentials that were refused, and there are others now."""


class GivenUp(Exception):
    """No further attempt is made; the message says why, and on what."""


@dataclass(slots=True)
class Tries:
    """What became of a request's attempts.

    ``sends`` may have reached the server; ``lost`` and ``waited`` are the seconds that failures and 429s took;
    ``renewed``: the credentials were.
    """

    name: str
    budget: Places | None = None
    failures: int = 0
    sends: int = 0
    lost: float = 0.0
    waited: float = 0.0
    renewed: bool = False

    def limited(self, seconds: float) -> Limited:
        self.waited += max(1.0, seconds)
        return Limited(seconds)

    def failed(self, seconds: float, *, sent: bool) -> None:
        self.failures += 1
        self.sends += sent
        self.lost += seconds


@dataclass(frozen=True, slots=True)
class Retries:
    """Makes attempts until one is answered.

    ``attempts``: how often a request may fail; ``max_wait``: the seconds that failures and the waits between them may
    take in all; ``patience``: those that 429s may. ``sleep`` waits for so many seconds, or less.
    """

    attempts: int
    max_wait: float
    patience: float
    sleep: Callable[[float], object]

    def __call__(self, attempt: Callable[[], Answer], tries: Tries) -> Answer:
        """The answer of the first attempt that is not Failed, Limited or Renewed.

        Raises:
            GivenUp: it was tried long enough.

        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Failed, Limited, Renewed)),
            stop=lambda _state: self._is_enough(tries),
            wait=lambda state: self._wait(tries, state),
            sleep=self._rest,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except Failed as failed:
            times = "once" if tries.failures == 1 else f"{tries.failures} times"
            raise GivenUp(f"{failed} ({tries.name} was tried {times})") from None
        except (Limited, Renewed) as refused:
            raise GivenUp(f"{refused}, for longer than can be waited, on {tries.name}") from None

    def _is_enough(self, tries: Tries) -> bool:
        return tries.failures >= self.attempts or tries.lost >= self.max_wait or tries.waited > self.patience

    def _wait(self, tries: Tries, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt. After a 429 it is the budget that waits, if there is one."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Renewed):
            return 0.0
        if isinstance(error, Limited):
            wait = error.after or max(1.0, _JITTERED(state))
            log.info("request_limited", request=tries.name, seconds=round(wait, 1))
            if not tries.budget:
                return wait
            tries.budget.pause(wait)
            return 0.0
        asked = error.after if isinstance(error, Failed) else 0.0
        wait = max(_JITTERED(state), min(asked, self.max_wait))
        tries.lost += wait
        waits = {} if self._is_enough(tries) else {"seconds": round(wait, 1)}  # after the last attempt nothing waits
        log.warning("request_failed", request=tries.name, why=str(error), **waits)
        return wait

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)
