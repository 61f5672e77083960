"""The form in which two numbers are compared, for single texts; :mod:`syncd.core.callers.numbers` has it for frames."""

from __future__ import annotations

import re

NO_DIGIT, WITH_ONE = r"\D", r"^1(\d{10})$"
"""What is left out of a number, and a number of the North American plan with its leading 1."""

SEPARATOR = ";"
"""Stands between the numbers of one value, as the target keeps them."""

_NO_DIGIT, _WITH_ONE = re.compile(NO_DIGIT), re.compile(WITH_ONE)


def plain(text: str) -> str:
    """Return the digits of one number, as the target keeps them, without the leading 1 of the North American plan."""
    return _WITH_ONE.sub(r"\1", _NO_DIGIT.sub("", text))


def plain_numbers(value: str) -> list[str]:
    """Return the numbers of one value, each once; "" has none."""
    return [number for number in dict.fromkeys(map(plain, value.split(SEPARATOR))) if number]
