"""Numbers that no contact should have: the company's own, and those of emergency calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import phonenumbers

from syncd.core.activity.numbers import LONGEST_EXTENSION, canonical, forms_in
from syncd.core.mapping.phone_plan import international, known_region


def own_forms(own: Iterable[str], regions: Collection[str]) -> frozenset[str]:
    """Return numbers, written in any way, in every form in which a source of these regions can send them.

    The forms are those of :mod:`syncd.core.callers.numbers`. ``regions``: ISO 3166 codes.
    """
    # A number without its country code may be meant in the region of any source.
    found = {form for text in own for region in regions for form in _forms(text, region, regions)}
    return frozenset(re.sub(r"^1(\d{10})$", r"\1", form) for form in found if form)


def emergency_numbers(numbers: Iterable[str], region: str) -> frozenset[str]:
    """Return which of these numbers call for help in the region."""
    code = known_region(region) or "US"
    short = (each for each in numbers if len(each) <= LONGEST_EXTENSION)
    return frozenset(each for each in short if phonenumbers.is_emergency_number(each, code))


def _forms(text: str, region: str, regions: Collection[str]) -> Iterator[str]:
    sent = canonical(text, region)
    yield sent
    if len(sent) <= LONGEST_EXTENSION:
        return
    # A source with a column of regions also sends a number in the form of the country that it belongs to.
    try:
        number = phonenumbers.parse(f"+{international(sent, known_region(region) or 'US')}")
    except phonenumbers.NumberParseException:
        return
    home = phonenumbers.region_code_for_number(number)
    yield from forms_in(sent, region, [*regions, *([home] if home else [])])
