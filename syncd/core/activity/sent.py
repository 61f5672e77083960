"""What is remembered of the fields that a sink was sent: enough to see whether one has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

SHORT = 80
"""Texts of so many characters are remembered as they are; of longer ones, a digest and the length."""


def compact(value: Any) -> Any:
    """Return a field's value as it is remembered: what is short as it is, else ``#digest:length``."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= SHORT and value[:1] != "#" else _digested(value)
    text = _SPACED(value) if value else str(value)
    # Most lists are empty, or as short as one contact.
    return _digested_before(text) if len(text) <= SHORT else _digested(text)


def compacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as they are remembered."""
    # Nearly all values stay as they are: to ask so first takes half of the time.
    return {
        name: value
        if type(value) in _PLAIN or (type(value) is str and len(value) <= SHORT and value[:1] != "#")
        else compact(value)
        for name, value in fields.items()
    }


def digest_of(fields: Mapping[str, Any]) -> int:
    """Return the digest over fields (64 bits, signed)."""
    try:
        made = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        made = _DENSE(fields).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(made, digest_size=8).digest(), signed=True)


_PLAIN = frozenset((type(None), bool, int, float))


def _digested(text: str) -> str:
    return f"#{hashlib.blake2b(text.encode(errors='surrogatepass'), digest_size=8).hexdigest()}:{len(text)}"


_digested_before = lru_cache(maxsize=1024)(_digested)

# json.dumps would make an encoder for each value.
_SPACED = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_DENSE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
