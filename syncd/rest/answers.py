"""What a server's answer is to the one HTTP client's callers, and how it is judged: values, no connections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from syncd.errors import (
    AccessDenied,
    SourceDenied,
    SourceInvalid,
    SourceUnavailable,
    SyncdError,
    TargetRefused,
    TargetUnavailable,
)

_TOKEN = re.compile(r"[A-Z][A-Z0-9_]{1,63}")

_DIGITS = bytes(byte if 48 <= byte <= 57 else 0 for byte in range(256)).translate(
    bytes.maketrans(b"123456789", b"0" * 9)
)
"""Makes every digit a 0, and all else a zero byte."""

_LONG = b"0" * 19
"""So many digits at least has a number that takes more than 64 bits."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How failures are raised, so that a source's are told from the target's.

    ``who`` is the server's name in messages; ``key`` is what a person does about a refused key. ``refused`` gets a
    message and the status; ``unavailable`` a message and whether an attempt may have been carried out.
    """

    who: str
    key: str
    refused: Callable[[str, int], SyncdError]
    unavailable: Callable[[str, bool], SyncdError]
    denied: Callable[[str], SyncdError] = AccessDenied


TARGET = Failures(
    who="Vocatech",
    key="check target.api_key; a new key comes from the portal's integrations area or from support@vocatech.com",
    refused=lambda message, status: TargetRefused(message, status=status),
    unavailable=lambda message, in_doubt: TargetUnavailable(message, in_doubt=in_doubt),
)


def source_failures(who: str, *, key: str) -> Failures:
    """Failures that concern one source alone: what a connector gives its client."""
    return Failures(
        who=who,
        key=key,
        refused=lambda message, _status: SourceInvalid(message),
        unavailable=lambda message, _in_doubt: SourceUnavailable(message),
        denied=SourceDenied,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    ``body`` is the parsed JSON if ``is_json``, else None and ``problem`` says what came instead. ``attempts`` counts
    the sends that may have reached the server. ``headers``, by lower-case name, are those that the client keeps.
    ``verdict`` is what the caller's rules named this answer, if they did.
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
    """What a caller's rule makes of an answer, before the client's own judgement.

    ``accept``: return it, whatever its status, with ``name`` as its verdict · ``retry``: it failed, try again, after
    ``seconds`` at least · ``wait``: not now and no failure, as a 429 (``seconds`` 0: back off) · ``renew``: get new
    credentials and try once more · ``fail``: raise ``error``.
    """

    do: Literal["accept", "retry", "wait", "renew", "fail"]
    name: str = ""
    seconds: float = 0.0
    error: SyncdError | None = None


Judge = Callable[[Answer], Verdict | None]
"""Judges an answer that holds every header; None leaves it to the client."""


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number, or a date on its own clock); 0 if it does not.

    ``headers`` have lower-case names. A fraction of a second is added to a date, which has none.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    moment = http_date(text)
    if moment is None:
        return 0.0
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds() + 0.5)


def http_date(text: str) -> datetime | None:
    """The moment that a header tells (RFC 9110, 5.6.7), or None."""
    with suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def error_type(answer: Answer) -> str:
    """``, VALIDATION_ERROR``: the type in the envelope of an error (guide: Errors), or nothing.

    Never its message, which may quote what was sent.
    """
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return f", {kind}" if isinstance(kind, str) and _TOKEN.fullmatch(kind) else ""


def parse(content: bytes | None, *, exact: bool = False) -> tuple[Any, str]:
    """The parsed JSON and "", or None and what came instead. ``exact``: fractions as Decimal, as they were written."""
    if content is None:
        return None, "the answer was longer than allowed"
    if not content.strip():
        return None, "the answer was empty"
    try:
        return (json.loads(content, parse_float=Decimal) if exact else _loads(content)), ""
    except (ValueError, RecursionError):
        page = content.lstrip()[:1] == b"<"
        return None, "a gateway answered with a page" if page else "the answer was cut off or is not JSON"


def _loads(content: bytes) -> Any:
    """Parse JSON quickly; what a lax server writes besides (half of a surrogate pair) as the interpreter does.

    So are numbers that may take more than 64 bits, which would lose their last digits.
    """
    if _LONG not in content.translate(_DIGITS):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(content)
    return json.loads(content)
