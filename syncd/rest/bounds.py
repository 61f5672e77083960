"""What one request may take at most: seconds, bytes, and memory for what the bytes stand for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

WEIGHTS = {b"{": 184, b"[": 64, b",": 56}
"""The bytes of memory that a parsed JSON value takes besides its text, by the byte that announces it."""

LIKELY = 8
"""The bytes of memory for each byte of text that ordinary records take at most."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of every request of a client.

    ``timeout``: seconds for connecting, for sending and for each wait for a piece of the answer. ``deadline``: seconds
    that a request may take in all: its attempts, their answers, and the pauses between failed attempts. ``max_answer``:
    bytes of one answer, as sent and after unpacking. ``paged``: every answer has a size that was asked for, so that it
    holds few values; without it, an answer may be a whole list.
    """

    timeout: float = 60.0
    deadline: float = 300.0
    max_answer: int = 64_000_000
    paged: bool = False

    def room(self, size: int) -> int:
        """Return the memory (bytes) that the values of an answer of ``size`` bytes may take."""
        # A small answer may take 700 times its size as Python objects ("[[[["): its bytes alone are no bound.
        return self.max_answer // 2 + (0 if self.paged else LIKELY * size)
