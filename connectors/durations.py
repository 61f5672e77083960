"""A length of time as an option: seconds, or ``30s``, ``5m``, ``1h30m``, ``2d``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(value: Any) -> Any:
    """The seconds that ``value`` stands for; what is no text is left to pydantic.

    Raises:
        ValueError: it is no duration.

    """
    if not isinstance(value, str):
        return value
    text = re.sub(r"\s", "", value)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        raise ValueError("expected seconds or a duration such as 30s, 5m or 1h")
    return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    Field(ge=0),
    WithJsonSchema({"type": ["number", "string"], "pattern": r"^\s*(\d+(\.\d+)?\s*[smhd]?\s*)+$"}),
]
"""Seconds (float), at least 0."""
