"""The numbers of calls and messages, in the form in which contacts are sent, so that both can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from syncd.core.mapping.phone_plan import digits_of, international, known_region, whole
from syncd.core.mapping.phone_text import numbers_in

LONGEST_EXTENSION = 6
"""Up to so many digits are the number of an extension inside the company."""

WITHHELD = frozenset(
    ("", "anonymous", "blocked", "no caller id", "private", "restricted", "unavailable", "unknown", "withheld")
)
"""What stands in place of a number that the caller does not show, in small letters."""


@lru_cache(maxsize=65_536)
def canonical(text: str, region: str) -> str:
    """Return the digits of a number as a contact's number is sent; "" if the text has none.

    ``region``: an ISO 3166 code. The number of an extension stays as it is; so do the digits of a number that the
    region's plan does not know.
    """
    digits = digits_of(text)
    if len(digits) <= LONGEST_EXTENSION:
        return digits
    place = known_region(region) or "US"
    sent = whole(text.strip(), place) if text.isascii() else None
    return sent or next((each.digits for each in numbers_in(text, place) if each.digits), digits)


def is_withheld(text: str | None) -> bool:
    """Return whether a text in place of a number says that the caller shows none."""
    words = (text or "").strip().lower()
    return words in WITHHELD or not digits_of(words)


def forms_in(digits: str, region: str, into: Iterable[str]) -> list[str]:
    """Return a number that has the form of one region, and its form in each of other regions, each once, in order."""
    return [*dict.fromkeys((digits, *(recast(digits, region, each) for each in into)))]


def recast(digits: str, region: str, into: str) -> str:
    """Return a number that has the form of one region (:func:`canonical`) in the form of another one."""
    if digits and len(digits) > LONGEST_EXTENSION and region != into:
        return canonical(f"+{international(digits, known_region(region) or 'US')}", into)
    return digits
