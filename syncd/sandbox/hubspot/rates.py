"""How often the account may be asked: three policies, and what the headers tell of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from syncd.sandbox.hubspot.errors import limited
from syncd.sandbox.limits import Windows
from syncd.sandbox.replies import Reply

LIMITS: tuple[tuple[int, float], ...] = ((100, 10.0), (250_000, 86_400.0))
"""A free account's (requests, seconds): of one app in ten seconds, of the account in a day."""

SEARCHES = ((5, 1.0),)
"""Searches of the account, by whomever."""

ASSOCIATIONS = ((100, 10.0),)

DAY = 86_400.0


class Rates:
    """The windows. ``limits`` None: none at all, of searches neither."""

    def __init__(self, limits: Sequence[tuple[int, float]] | None = LIMITS, *, dialects: Mapping[str, str]) -> None:
        chosen = tuple(limits or ())
        self._dialects = dialects
        self._rolling = Windows(window for window in chosen if window[1] < DAY)
        self._daily = Windows(window for window in chosen if window[1] >= DAY)
        self._own = {
            "search": ("SECONDLY", Windows(SEARCHES if chosen else ())),
            "associations": ("TEN_SECONDLY_ROLLING", Windows(ASSOCIATIONS if chosen else ())),
        }

    def refusal(self, operation: str, token: str, now: float) -> Reply | None:
        """A 429, or None when the request has taken its places.

        Searches and associations have windows of their own in place of the ten seconds of the others.
        """
        policy, windows = self._own.get(operation, ("TEN_SECONDLY_ROLLING", self._rolling))
        wait = windows.take("account" if operation == "search" else token, now)
        if wait <= 0:
            policy, wait = "DAILY", self._daily.take("account", now)
        return limited(policy, self._retry_after(wait)) if wait > 0 else None

    def headers(self, operation: str, token: str, now: float, *, oauth: bool) -> dict[str, str]:
        """What an answer tells of the windows: nothing on a search, nothing of the day with OAuth."""
        if operation in ("search", "token"):
            return {}
        told: dict[str, str] = {}
        for requests, seconds, left in self._rolling.left(token, now)[:1]:
            told |= {
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(seconds * 1000)),
                "X-HubSpot-RateLimit-Max": str(requests),
                "X-HubSpot-RateLimit-Remaining": str(left),
            }
        for requests, _, left in [] if oauth else self._daily.left("account", now)[:1]:
            told |= {"X-HubSpot-RateLimit-Daily": str(requests), "X-HubSpot-RateLimit-Daily-Remaining": str(left)}
        return told

    def _retry_after(self, wait: float) -> dict[str, str]:
        return {"Retry-After": str(math.ceil(wait))} if self._dialects["retry_after"] == "seconds" else {}
