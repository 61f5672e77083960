"""What one request may take at most: seconds, bytes, and memory for what the bytes stand for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY = 64_000_000
"""The bytes of memory that an answer may take if ``max_answer`` is not greater."""

TIMES = 32
"""Ordinary records take fewer bytes of memory for each byte of their text."""


TOO_LONG = "the answer was longer than allowed (max_answer)"
TOO_DENSE = (
    "the answer would take more memory than allowed once it is parsed: raise max_answer, or have smaller pages sent"
)


class TooMuch(Exception):
    """The answer exceeds a bound; the message says which."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of every request of a client.

    ``timeout``: seconds for connecting, for sending and for each wait for a piece of the answer. ``deadline``: seconds
    that a request may take in all: its attempts, their answers, and the pauses between failed attempts. ``max_answer``:
    bytes of one answer, as sent and after unpacking.
    """

    timeout: float = 60.0
    deadline: float = 300.0
    max_answer: int = 64_000_000

    @property
    def room(self) -> int:
        """The memory (bytes) that an answer may take while it is parsed, or each record of a list that is not held."""
        # Some texts take seventy times their size as Python objects ("{},{},"): the bytes alone are no bound.
        return max(self.max_answer, min(MEMORY, TIMES * self.max_answer))
