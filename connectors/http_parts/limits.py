"""A source's request limits: sliding windows in this process, and what the server says is left.

The source's budget is spent by this process alone, one run at a time, so nothing of it is kept. A code connector makes
one :class:`Pacer` and gives ``pacer.places("POST", "/search")`` to each request of its client.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from syncd.errors import Stopped

Unit = Literal["seconds", "milliseconds", "epoch"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``requests`` in any ``seconds``, of those whose ``METHOD /path`` the pattern ``match`` is found in."""

    requests: int
    seconds: float
    match: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """The headers by which a server says what is left.

    ``remaining`` names the requests left, ``reset`` when there are more: in ``unit``, or at a Unix time (``epoch``).
    Without a ``reset``, nothing is left for ``pause`` seconds.
    """

    remaining: str
    reset: str = ""
    unit: Unit = "seconds"
    pause: float = 1.0


@dataclass(slots=True)
class _Window:
    limit: Limit
    sent: deque[float] = field(default_factory=deque)

    def free_at(self, now: float) -> float:
        """When there is a place, at the earliest ``now``."""
        while self.sent and self.sent[0] <= now - self.limit.seconds:
            self.sent.popleft()
        return self.sent[0] + self.limit.seconds if len(self.sent) >= self.limit.requests else now


class Pacer:
    """The windows of one source.

    ``clock``: monotonic seconds; ``sleep``: waits for so many, and returns whether a stop ended the wait; ``now``: Unix
    seconds.
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        hints: Sequence[Hint] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._windows = [_Window(limit) for limit in limits]
        self._hints = hints
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._paused = 0.0

    @property
    def headers(self) -> frozenset[str]:
        """The headers, by lower-case name, that :meth:`told` looks at."""
        return frozenset(name.lower() for hint in self._hints for name in (hint.remaining, hint.reset) if name)

    def places(self, method: str, path: str) -> Places:
        """Where a request takes its places: in every window that is for it."""
        named = f"{method} {path}"
        return Places(self, [window for window in self._windows if re.search(window.limit.match, named)])

    def take(self, windows: Sequence[_Window]) -> float:
        """Wait until every one of ``windows`` has a place, and take it; the moment it was taken.

        Raises:
            Stopped: the wait was ended.
        """
        while True:
            now = self._clock()
            free = max([self._paused, *(window.free_at(now) for window in windows)])
            if free <= now:
                break
            if self._sleep(free - now):
                raise Stopped("asked to stop while the source's limits were waited for")
        for window in windows:
            window.sent.append(now)
        return now

    def pause(self, seconds: float) -> None:
        """Let no request be sent for so long."""
        self._paused = max(self._paused, self._clock() + seconds)

    def told(self, headers: Mapping[str, str]) -> None:
        """Heed what an answer says is left; ``headers`` have lower-case names."""
        for hint in self._hints:
            left = headers.get(hint.remaining.lower(), "")
            if re.fullmatch(r"\s*0+(\.0*)?\s*", left):
                self.pause(self._reset(hint, headers))

    def _reset(self, hint: Hint, headers: Mapping[str, str]) -> float:
        with suppress(ValueError, OverflowError):
            told = float(headers.get(hint.reset.lower(), ""))
            seconds = {"seconds": told, "milliseconds": told / 1000, "epoch": told - self._now()}[hint.unit]
            if seconds >= 0:
                return seconds
        return hint.pause


@dataclass(frozen=True, slots=True)
class Places:
    """The windows of one request, as :class:`syncd.rest.Client` takes places."""

    pacer: Pacer
    windows: Sequence[_Window]

    def take(self) -> float:
        return self.pacer.take(self.windows)

    def answered(self, place: float) -> None:
        """The server counts a request when it comes in, at the latest now: from here on it is in the windows."""
        now = self.pacer._clock()  # noqa: SLF001 (one object in two parts)
        for window in self.windows:
            with suppress(ValueError):
                window.sent.remove(place)
            window.sent.append(now)

    def pause(self, seconds: float) -> None:
        self.pacer.pause(seconds)
