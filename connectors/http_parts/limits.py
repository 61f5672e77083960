"""Keep a source's request limits: sliding windows in this process, and pauses that the server's headers ask for.

A code connector makes one :class:`Pacer` and gives ``pacer.places("POST", "/search")`` to each request of its client.
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
    """At most ``requests`` in any ``seconds``, of the requests whose ``METHOD /path`` the regex ``match`` finds."""

    requests: int
    seconds: float
    match: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """The headers by which a server says how many requests are left.

    ``remaining`` is the header with the number of requests left. ``reset`` is the header that says when there are
    more: after so many ``unit``, or at a Unix time (``epoch``). Without ``reset``, the pause is ``pause`` seconds.
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
        """Return when the window has a place, at the earliest ``now``."""
        while self.sent and self.sent[0] <= now - self.limit.seconds:
            self.sent.popleft()
        return self.sent[0] + self.limit.seconds if len(self.sent) >= self.limit.requests else now


class Pacer:
    """The windows of one source.

    ``clock`` gives monotonic seconds, ``now`` Unix seconds. ``sleep`` waits for so many seconds and returns whether a
    stop ended the wait. ``longest``: a pause is no longer than this, also if the server asks for more (seconds).
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        hints: Sequence[Hint] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
        longest: float = float("inf"),
    ) -> None:
        # Nothing is stored between reads: one run at a time reads a source, so no other process spends its limits.
        self._windows = [_Window(limit) for limit in limits]
        self._hints = hints
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._longest = longest
        self._paused_until = 0.0

    @property
    def headers(self) -> frozenset[str]:
        """The lower-case names of the headers that :meth:`note_headers` looks at."""
        return frozenset(name.lower() for hint in self._hints for name in (hint.remaining, hint.reset) if name)

    def places(self, method: str, path: str) -> Places:
        """Return where a request takes its places: every window whose limit matches the request."""
        request = f"{method} {path}"
        return Places(self, [window for window in self._windows if re.search(window.limit.match, request)])

    def take(self, windows: Sequence[_Window]) -> float:
        """Wait until every one of ``windows`` has a place, take the places, and return their time.

        Raises:
            Stopped: a stop ended the wait.

        """
        # Look again after each wait: a sleep may end early, and one request too many costs a long pause.
        while True:
            now = self._clock()
            free = max([self._paused_until, *(window.free_at(now) for window in windows)])
            if free <= now:
                break
            if self._sleep(free - now):
                raise Stopped("stopped while waiting for the source's request limits")
        for window in windows:
            window.sent.append(now)
        return now

    def pause(self, seconds: float) -> None:
        """Let no request be sent for so long."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, self._longest))

    def note_headers(self, headers: Mapping[str, str]) -> None:
        """Pause if an answer says that no request is left; ``headers`` have lower-case names."""
        for hint in self._hints:
            left = headers.get(hint.remaining.lower(), "")
            # Servers write the number in several ways: "0", "00", "0.0", with spaces.
            if re.fullmatch(r"\s*0+(\.0*)?\s*", left):
                self.pause(self._seconds_until_reset(hint, headers))

    def _seconds_until_reset(self, hint: Hint, headers: Mapping[str, str]) -> float:
        with suppress(ValueError, OverflowError):
            reset = float(headers.get(hint.reset.lower(), ""))
            seconds = {"seconds": reset, "milliseconds": reset / 1000, "epoch": reset - self._now()}[hint.unit]
            # A Unix time in the past means that the two clocks differ: pause as if there were no header.
            if seconds >= 0:
                return seconds
        return hint.pause


@dataclass(frozen=True, slots=True)
class Places:
    """The windows of one request; the ``budget`` of a request of :class:`syncd.rest.Client`."""

    pacer: Pacer
    windows: Sequence[_Window]

    def take(self) -> float:
        return self.pacer.take(self.windows)

    def answered(self, place: float) -> None:
        # Move the place to now: the server counted the request when it arrived, which was between sending and now.
        now = self.pacer._clock()  # noqa: SLF001 (one object in two parts)
        for window in self.windows:
            with suppress(ValueError):
                window.sent.remove(place)
            window.sent.append(now)

    def pause(self, seconds: float) -> None:
        self.pacer.pause(seconds)
