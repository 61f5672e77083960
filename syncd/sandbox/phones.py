"""The stored form of a phone field: digits, joined by ``;``, without duplicates (guide: Contacts, step 1)."""

# Written apart from syncd's own phone rules: a mistake there must not be repeated by the server that tests it.

from __future__ import annotations

import re

from syncd.sandbox.dialects import Dialects

EXTENSION = re.compile(r"(?<=[\d)\s])(?:#|extension|ext|x)[.:=]?\s*(\d+)\s*$", re.IGNORECASE)
NOT_DIGITS = re.compile(r"[^0-9]+")
LETTER = re.compile(r"[^\W\d_]")
LIMIT = 3
"""The most numbers of a field, if the dialect ``phone_count`` sets a bound."""


class BadPhone(ValueError):
    """The field is refused; the message says why and holds no number."""


def stored_phones(text: str, dialects: Dialects) -> str:
    """Return the stored form of a phone field.

    Raises:
        BadPhone: a dialect refuses it.

    """
    parts = re.split("[;,]" if dialects["phone_comma"] == "splits" else ";", text)
    numbers = [number for part in parts if (number := _number(part, dialects))]
    unique = list(dict.fromkeys(numbers))
    if dialects["phone_order"] == "sorted":
        unique.sort()
    return ";".join(_bounded(unique, dialects["phone_count"]))


def _bounded(numbers: list[str], rule: str) -> list[str]:
    if rule == "refused" and len(numbers) > LIMIT:
        raise BadPhone(f"has more than {LIMIT} numbers")
    return numbers[:LIMIT] if rule == "cut" else numbers


def _number(text: str, dialects: Dialects) -> str:
    main = _without_extension(text, dialects["extension"])
    digits = NOT_DIGITS.sub("", main)
    if _is_bad(main, digits):
        if dialects["bad_phone"] == "error" and text.strip():
            raise BadPhone("is not a phone number")
        if dialects["bad_phone"] == "empty":
            return ""
    return _national(digits, dialects["phone_us"])


def _without_extension(text: str, rule: str) -> str:
    found = EXTENSION.search(text)
    if not found:
        return text
    if rule == "error":
        raise BadPhone("has an extension")
    # A server that only drops the characters between digits appends the extension.
    return text[: found.start()] + (found[1] if rule == "append" else "")


def _is_bad(text: str, digits: str) -> bool:
    # 15 digits are the longest number that E.164 allows.
    return not 7 <= len(digits) <= 15 or bool(LETTER.search(text))


def _national(digits: str, rule: str) -> str:
    if rule == "10" and len(digits) == 11 and digits[0] == "1":
        return digits[1:]
    if rule == "11" and len(digits) == 10:
        return "1" + digits
    return digits
