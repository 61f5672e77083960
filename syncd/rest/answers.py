"""A server's answer as the callers of the HTTP client see it, and what its status and headers mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal

from syncd.errors import SyncdError

_ERROR_TYPE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    ``body`` is the parsed JSON if ``is_json``; otherwise it is None and ``problem`` says what came instead.
    ``attempts`` counts the sends that may have reached the server. ``headers`` have lower-case names; only those that
    the client was told to keep are there. ``verdict`` is the name that the caller's judge gave to this answer, or "".
    """

    status: int
    body: Any = None
    is_json: bool = False
    problem: str = ""
    attempts: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the client does with an answer because the caller's judge says so.

    ``accept``: return it whatever its status, with ``name`` as its verdict · ``retry``: it failed, try again after at
    least ``seconds``; ``name`` says why · ``wait``: it came too early, like a 429 (``seconds`` 0: back off) ·
    ``renew``: get new credentials and try once more, else raise ``error`` · ``fail``: raise ``error``.
    """

    do: Literal["accept", "retry", "wait", "renew", "fail"]
    name: str = ""
    seconds: float = 0.0
    error: SyncdError | None = None


Judge = Callable[[Answer], Verdict | None]
"""Judges an answer that still has every header; None leaves it to the client, which looks at the status."""


def is_refusal(status: int) -> bool:
    """Return whether a status is a 4xx that is final: the same request would be refused again."""
    # These three 4xx statuses say "not now": request timeout, too early, too many requests.
    return 400 <= status < 500 and status not in {408, 425, 429}


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the server asks to wait (RFC 9110, 10.2.3), or 0 if it does not ask.

    ``headers`` have lower-case names. The header holds a number of seconds, or a date on the server's own clock.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    moment = http_date(text)
    if moment is None:
        return 0.0
    # Compare with the server's own clock if it is known: ours may be minutes off.
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    # HTTP dates have whole seconds, so the server's moment may be up to a second later than it reads.
    return max(0.0, (moment - now).total_seconds() + 0.5)


# The date of one answer is asked for several times.
@lru_cache(maxsize=64)
def http_date(text: str) -> datetime | None:
    """Return the moment that a header holds (RFC 9110, 5.6.7), or None if it holds none."""
    with suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def error_type(answer: Answer) -> str:
    """Return ``, VALIDATION_ERROR``: the type in the answer's error envelope (guide: Errors), or an empty text."""
    # The envelope's message is never shown: it may quote the contact that was sent.
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return f", {kind}" if isinstance(kind, str) and _ERROR_TYPE.fullmatch(kind) else ""
