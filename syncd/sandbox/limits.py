"""The request windows of a key: they slide, and a refused request learns how long to wait."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import starmap

from syncd.errors import ConfigError

DEFAULT_LIMITS: tuple[tuple[int, float], ...] = ((60, 60.0), (1000, 3600.0), (20000, 86400.0))
"""The guide's default tier: (requests, seconds) of each window."""

REPORTS: tuple[tuple[int, float], ...] = ((30, 60.0), (500, 3600.0), (10000, 86400.0))
"""The guide's tier of ``GET /calls`` and ``GET /messages``."""

MESSAGING: tuple[tuple[int, float], ...] = ((5, 600.0),)
"""The guide's tier of ``POST /messages``."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
WINDOW = re.compile(r"(\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*([smhd])")


def parse_limits(text: str) -> tuple[tuple[int, float], ...] | None:
    """Read ``60/1m,1000/1h`` as ((requests, seconds), …); ``none`` means no limit.

    Raises:
        ConfigError: the text does not have this form, or a window has no request or no length.

    """
    if text.strip().casefold() == "none":
        return None
    windows = tuple(_window(part) for part in text.split(","))
    if any(not requests or not seconds for requests, seconds in windows):
        raise ConfigError(f"limits: {text!r} has a window without requests or without length")
    return windows


def _window(part: str) -> tuple[int, float]:
    found = WINDOW.fullmatch(part.strip())
    if not found:
        raise ConfigError(f"limits: {part.strip()!r} is not a window; write '60/1m,1000/1h,20000/1d' or 'none'")
    return int(found[1]), float(found[2] or 1) * UNITS[found[3]]


class _Window:
    """The times of the requests that one window of one key still counts."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.requests = requests
        self.seconds = seconds
        self.taken: deque[float] = deque()

    # A window that slides, not a counter that starts anew each minute: at its edges that would let twice as many pass.
    def wait(self, now: float) -> float:
        while self.taken and self.taken[0] + self.seconds <= now:
            self.taken.popleft()
        return self.taken[0] + self.seconds - now if len(self.taken) >= self.requests else 0.0


class Windows:
    """The windows of every key. A refused request takes no place."""

    def __init__(self, limits: Iterable[tuple[int, float]] | None) -> None:
        self.limits: Sequence[tuple[int, float]] = tuple(limits or ())
        self._keys: defaultdict[str, list[_Window]] = defaultdict(lambda: list(starmap(_Window, self.limits)))

    def take(self, key: str, now: float) -> float:
        """Take a place for a request at ``now`` (seconds) and return 0, or return the seconds until one is free."""
        # Ask all windows before taking: a place in one must not be lost because another is full.
        wait = self.wait(key, now)
        if wait <= 0:
            self.enter(key, now)
        return wait

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until a place is free at all windows, without taking it."""
        return max((window.wait(now) for window in self._keys[key]), default=0.0)

    def enter(self, key: str, now: float) -> None:
        """Take a place for a request at ``now``, whether one is free or not."""
        for window in self._keys[key]:
            window.taken.append(now)

    def left(self, key: str, now: float) -> list[tuple[int, float, int]]:
        """Return (requests, seconds, requests left at ``now``) of each of the key's windows."""
        windows = self._keys[key]
        for window in windows:
            # Forgets the places that have left the window.
            window.wait(now)
        return [(each.requests, each.seconds, each.requests - len(each.taken)) for each in windows]
