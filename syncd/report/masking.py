"""Masks values, so that a sample can be shown: the column is still recognised, the person is not."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def masked(value: str, *, phone: bool = False) -> str:
    """Return ``J… S…`` for ``Jane Smith``, ``212•••1234`` for a number of a phone field; nothing whole is left."""
    if phone:
        return ";".join(_number(number) for number in value.split(";"))
    # A word of one letter has no rest to hide, so that even its first letter would be the whole word.
    return _WORD.sub(lambda word: f"{word[0][0]}…" if len(word[0]) > 1 else "…", value)


def _number(number: str) -> str:
    if len(number) >= 10:
        return f"{number[:3]}•••{number[-4:]}"
    return f"•••{number[-2:]}" if len(number) >= 7 else "•••"
