"""A digest over settings, the same in every process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel


def digest_of(settings: Any) -> str:
    """Return a SHA-256 (hex) over settings, and over no secret."""
    text = json.dumps(_canonical(settings), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return ``value`` as JSON that is the same in every process."""
    if isinstance(value, BaseModel):
        return {name: _canonical(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: _canonical(getattr(value, part.name)) for part in fields(value)}
        return {"": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    # A set's order differs from process to process.
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_canonical(item), sort_keys=True) for item in value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    # str() masks a secret, so a rotated key does not change the digest.
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
