"""Bodies of requests and answers: encode JSON and forms, read an answer up to a size, parse its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

_DIGITS = bytes(byte if 48 <= byte <= 57 else 0 for byte in range(256)).translate(
    bytes.maketrans(b"123456789", b"0" * 9)
)
"""A translation table that turns every digit into 0 and every other byte into NUL."""

_LONG_NUMBER = b"0" * 19
"""The fewest digits of a number that does not fit into 64 bits, after :data:`_DIGITS`."""


def encode(value: Any, form: Mapping[str, str] | None) -> tuple[str, bytes] | None:
    """Return the content type and the bytes of ``form``, or else of the JSON ``value``; None if both are None."""
    if form is not None:
        return "application/x-www-form-urlencoded", urlencode(form).encode("ascii")
    if value is None:
        return None
    try:
        return "application/json", orjson.dumps(value)
    except orjson.JSONEncodeError:
        # orjson refuses numbers beyond 64 bits and half of a surrogate pair; the standard library writes both.
        return "application/json", json.dumps(value, separators=(",", ":")).encode("ascii")


def read(response: httpx.Response, most: int) -> bytes | None:
    """Return the body of a streamed response, or None if it is longer than ``most`` bytes."""
    pieces, size = [], 0
    # Count the unpacked bytes while they arrive: a small gzip body may unpack to more than the memory holds.
    for piece in response.iter_bytes():
        size += len(piece)
        if size > most:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def parse(content: bytes | None, *, exact: bool = False) -> tuple[Any, str]:
    """Return the parsed JSON and "", or None and what came instead.

    ``content`` None: the body was too long. ``exact``: fractions become Decimals and keep their digits.
    """
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
    # orjson makes a float of an integer beyond 64 bits, which loses its last digits: an id would become another id.
    if _LONG_NUMBER not in content.translate(_DIGITS):
        # Some servers write half of a surrogate pair: orjson refuses it, the standard library reads it.
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(content)
    return json.loads(content)
