"""The forms in which one number may stand in contacts, calls and messages: each form has a digest of its own."""

from __future__ import annotations

from collections.abc import Collection

import phonenumbers

from syncd.core.activity.numbers import LONGEST_EXTENSION, canonical
from syncd.core.callers.form import plain
from syncd.core.mapping.phone_plan import international, known_region


def forms_of(text: str, regions: Collection[str]) -> frozenset[str]:
    """Return the digits of a number, written in any way, as sources of these regions (ISO 3166 codes) may send it.

    ``regions``: the first one is that of calls and messages, in which ``text`` is read. The result is empty if the text
    is no number, or the number of an extension.
    """
    first = next(iter(regions))
    digits = canonical(text, first)
    if len(digits) <= LONGEST_EXTENSION:
        return frozenset()
    whole = international(digits, known_region(first) or "US")
    # A source may have a region for each row, so that the number stands there as people of its own country write it.
    written = {canonical(f"+{whole}", region) for region in {*regions, *_own_region(whole)}}
    return frozenset({digits, *map(plain, {digits, whole, *written})})


def _own_region(whole: str) -> list[str]:
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{whole}"))
    except phonenumbers.NumberParseException:
        return []
    return [region] if region else []
