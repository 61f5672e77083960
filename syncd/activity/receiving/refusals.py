"""One log line for each kind of refused delivery, at most one a minute, with nothing of a person in it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog

log = structlog.get_logger()

EVERY = 60.0
"""Seconds between two lines of one kind: whoever knows the address must not be able to fill the log."""

REMEDIES = {
    "signature": "a stranger, another secret, or a proxy that changes bodies: syncd webhook check",
    "no secret": "there is no secret yet: syncd webhook create",
    "unreadable secret": "receive.secret_file cannot be read: let syncd's user read it and its folder",
    "stale": "it was signed too long ago: compare this machine's clock; its day is read from the lists",
    "malformed": "it was signed, but is no event",
    "too long": "no event is this long",
    "slow": "it did not arrive in time",
    "not stored": "the store cannot be written; Vocatech sends it again",
    "other company": "it belongs to another company: compare the key with the webhook's",
    "path": "it came to another path than that of receive.url",
    "method": "only POST delivers",
}
"""Every kind, with what it means or what to do."""


class Refusals:
    """Counts them. ``told`` is called with a kind when a line of it is logged."""

    def __init__(self, told: Callable[[str], object], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._told, self._elapsed = told, elapsed
        self._since: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    def note(self, kind: str) -> None:
        """Count a delivery that was refused, or ignored, for this reason."""
        self._since[kind] += 1
        now = self._elapsed()
        if now - self._last.get(kind, float("-inf")) < EVERY:
            return
        log.warning("delivery refused", kind=kind, number=self._since.pop(kind), remedy=REMEDIES[kind])
        self._last[kind] = now
        self._told(kind)
