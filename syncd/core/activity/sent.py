"""What is remembered of the fields that a sink was sent: enough to see whether one has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SHORT = 80
"""Texts of so many characters are remembered as they are; of longer ones, a digest and the length."""


def compact(value: Any) -> Any:
    """Return a field's value as it is remembered: what is short as it is, else ``#digest:length``."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    if isinstance(value, str) and len(text) <= SHORT and not text.startswith("#"):
        return text
    return f"#{hashlib.blake2b(text.encode(errors='surrogatepass'), digest_size=8).hexdigest()}:{len(text)}"


def compacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as they are remembered."""
    # Most values are short texts and nothing at all.
    return {
        name: value
        if value is None or (type(value) is str and len(value) <= SHORT and value[:1] != "#")
        else compact(value)
        for name, value in fields.items()
    }


# json.dumps would make an encoder for each record.
_ENCODED = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def digest_of(fields: Mapping[str, Any]) -> int:
    """Return the digest over fields (64 bits, signed)."""
    made = _ENCODED(fields)
    digest = hashlib.blake2b(made.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
