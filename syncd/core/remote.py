"""Contacts as the target returns them: their texts and ids, and how their match values are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.change import Fields
from syncd.core.schema import Schema

Key = tuple[str | frozenset[str], ...]
"""A contact's match values, in the form in which they are compared."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A contact as the target lists it; a field without a value is "" or absent."""

    id: int
    fields: Fields


def match_keys(contacts: Iterable[Mapping[str, Any]], schema: Schema) -> list[Key | None]:
    """Return the match values of each contact for comparison; None if one of its match values is empty or not text.

    Text is trimmed and in NFC. A phone field is a set of numbers, those of the North American plan without leading 1.
    """
    match = [(field.name, field.is_phone) for field in schema.fields if field.is_match]
    return [_key(contact, match) for contact in contacts]


def _key(fields: Mapping[str, Any], match: Sequence[tuple[str, bool]]) -> Key | None:
    parts: list[str | frozenset[str]] = []
    for name, is_phone in match:
        text = text_of(fields.get(name)).strip()
        # A target may answer with another Unicode form than was sent. Most values are ASCII: they have one form only.
        part = numbers(text) if is_phone else text if text.isascii() else unicodedata.normalize("NFC", text)
        if not part:
            return None
        parts.append(part)
    return tuple(parts) or None


def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a phone field, digits only; those of the North American plan without a leading 1."""
    parts = text.split(";")
    digits = [part if part.isdecimal() else "".join(filter(str.isdecimal, part)) for part in parts]
    return frozenset(number[1:] if len(number) == 11 and number[0] == "1" else number for number in digits if number)


def folded(key: Key) -> Key:
    """Return the match values as the loosest target compares them: letters and digits, without case and accents."""
    return tuple(_loose(part) if isinstance(part, str) else part for part in key)


def _loose(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    # A text without any letter or digit is told from another such text by its signs.
    return "".join(filter(str.isalnum, apart)).casefold() or text


def differ_in_case(match: str, other: str) -> bool:
    """Whether two match values are different and would be equal without case."""
    return match != other and match.casefold() == other.casefold()


def text_of(value: Any) -> str:
    """Return a field's value as text; "" for null, booleans, lists and objects."""
    # JSON may hold half of a surrogate pair, which SQLite and UTF-8 files refuse: "replace" turns it into "?".
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a contact of the target, all as text; null is "", as in the guide's own lists."""
    # An answer has thousands of values, most of them ASCII text: those take no call.
    return {
        name if name.isascii() else text_of(name): value
        if value.__class__ is str and value.isascii()
        else text_of(value)
        for name, value in fields.items()
    }


def number(value: Any) -> int | None:
    """Return an id of the target, a positive 64-bit number that may come as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63 else None
