"""The request rates of the account: three policies, and the headers about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from syncd.sandbox.hubspot.errors import limited
from syncd.sandbox.limits import Windows
from syncd.sandbox.replies import Reply

LIMITS: tuple[tuple[int, float], ...] = ((100, 10.0), (250_000, 86_400.0))
"""The (requests, seconds) of a free account: of one app in ten seconds, of the account in a day."""

SEARCHES = ((5, 1.0),)
"""Searches of the whole account, of all its apps together."""

ASSOCIATIONS = ((100, 10.0),)

DAY = 86_400.0


class Rates:
    """The windows. With ``limits`` None there are no windows, not even for searches."""

    def __init__(self, limits: Sequence[tuple[int, float]] | None = LIMITS, *, dialects: Mapping[str, str]) -> None:
        chosen = tuple(limits or ())
        self._dialects = dialects
        self._rolling = Windows(window for window in chosen if window[1] < DAY)
        self._daily = Windows(window for window in chosen if window[1] >= DAY)
        links = ("TEN_SECONDLY_ROLLING", Windows(ASSOCIATIONS if chosen else ()))
        self._own = {
            "search": ("SECONDLY", Windows(SEARCHES if chosen else ())),
            **dict.fromkeys(("associations", "associate", "labels"), links),
        }

    def refusal(self, operation: str, token: str, now: float) -> Reply | None:
        """Return a 429, or None if the request has taken its places."""
        # Searches and associations have windows of their own in place of the ten seconds of other operations.
        policy, windows = self._own.get(operation, ("TEN_SECONDLY_ROLLING", self._rolling))
        wait = windows.take("account" if operation == "search" else token, now)
        # The day last: a request that the shorter window refuses does not count for it.
        if wait <= 0:
            policy, wait = "DAILY", self._daily.take("account", now)
        return limited(policy, self._retry_after(wait)) if wait > 0 else None

    def headers(self, operation: str, token: str, now: float, *, oauth: bool) -> dict[str, str]:
        """Return the headers about the windows: none on a search, none about the day with OAuth."""
        if operation in ("search", "token"):
            return {}
        headers: dict[str, str] = {}
        for requests, seconds, left in self._rolling.left(token, now)[:1]:
            headers |= {
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(seconds * 1000)),
                "X-HubSpot-RateLimit-Max": str(requests),
                "X-HubSpot-RateLimit-Remaining": str(left),
            }
        for requests, _, left in [] if oauth else self._daily.left("account", now)[:1]:
            headers |= {"X-HubSpot-RateLimit-Daily": str(requests), "X-HubSpot-RateLimit-Daily-Remaining": str(left)}
        return headers

    def _retry_after(self, wait: float) -> dict[str, str]:
        return {"Retry-After": str(math.ceil(wait))} if self._dialects["retry_after"] == "seconds" else {}
