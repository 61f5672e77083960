"""Bodies of requests and answers: encode JSON and forms, parse the JSON of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson

_DIGITS = bytes(byte if 48 <= byte <= 57 else 0 for byte in range(256)).translate(
    bytes.maketrans(b"123456789", b"0" * 9)
)
"""A translation table that turns every digit into 0 and every other byte into NUL."""

_LONG_NUMBER = b"0" * 19
"""The fewest digits of a number that does not fit into 64 bits, after :data:`_DIGITS`."""


_PIECE = 1 << 20

_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")

DEEPEST = 100
"""Levels of nesting that an answer may have: whoever looks into a value, level by level, must not run out of stack."""

TOO_DEEP = f"the answer is nested more than {DEEPEST} levels deep"

PAGE = "a gateway answered with a page"
"""What came instead of JSON if it looks like HTML, or like Cloudflare's answer to a program."""

_GATEWAYS = re.compile(rb"\s*(?:<|error code: 1\d{3}\b)")


def encode(value: Any, form: Mapping[str, str] | None) -> tuple[str, bytes] | None:
    """Return the content type and the bytes of ``form``, or else of ``value``; None if both are None.

    ``value`` is written as JSON; bytes are JSON already, which the caller has signed.
    """
    if form is not None:
        return "application/x-www-form-urlencoded", urlencode(form).encode("ascii")
    if value is None:
        return None
    return "application/json", value if isinstance(value, bytes) else encoded(value)


def encoded(value: Any) -> bytes:
    """Return a value as JSON."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # orjson refuses numbers beyond 64 bits and half of a surrogate pair; the standard library writes both.
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def parse(content: bytearray, *, exact: bool = False) -> tuple[Any, str]:
    """Return the parsed JSON and "", or None and what came instead.

    ``exact``: fractions become Decimals and keep their digits.
    """
    if not content or content.isspace():
        return None, "the answer was empty"
    try:
        value = json.loads(content, parse_float=Decimal) if exact else _loads(content)
    except (ValueError, RecursionError):
        return None, what_came(content)
    if _may_be_deep(content) and is_deep(value):
        return None, TOO_DEEP
    return value, ""


def what_came(content: bytearray) -> str:
    """Return what came instead of JSON, by the beginning of it."""
    return PAGE if _GATEWAYS.match(content) else "the answer was cut off or is not JSON"


def _loads(content: bytearray) -> Any:
    # orjson makes a float of an integer beyond 64 bits, which loses its last digits: an id would become another id.
    if not _has_long_number(content):
        # Some servers write half of a surrogate pair: orjson refuses it, the standard library reads it.
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(content)
    return json.loads(content)


def _has_long_number(content: bytearray) -> bool:
    # In pieces, as each is copied; they overlap, so that no number is cut in two.
    pieces = (content[start : start + _PIECE + len(_LONG_NUMBER)] for start in range(0, len(content), _PIECE))
    return any(_LONG_NUMBER in piece.translate(_DIGITS) for piece in pieces)


def _may_be_deep(content: bytearray) -> bool:
    """Return False if the brackets alone show that nothing is nested more than :data:`DEEPEST` levels deep."""
    # Each round takes the innermost brackets away. Brackets inside of texts can only make it more careful.
    brackets = content.translate(None, _NO_BRACKETS)
    for taken in range(DEEPEST):
        if len(brackets) <= 2 * (DEEPEST - taken):
            return False
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) == before:
            break
    return True


def is_deep(value: Any) -> bool:
    """Return whether a value is nested more than :data:`DEEPEST` levels deep."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [each for group in inner for each in group]
        if not level:
            return False
    return True
