"""What the numbering plans say of one number: whether it is possible, and in which form it is sent.

``phonenumbers`` knows which numbers a country can have. :mod:`syncd.core.mapping.phone_digits` finds them.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, ValidationResult

NANP = frozenset(phonenumbers.region_codes_for_country_code(1))
"""The regions that share the country code 1 and write numbers with ten digits."""

AREA = 6
"""The most digits before a separator that is part of the number, as in ``212/555-1234``."""
SHORTEST = 7
"""Up to so many digits are never a country code with a number, and never two numbers."""

_ALIASES = {"UK": "GB"}
_NO_DIGITS = re.compile(r"[^0-9]+")
_NANP_NUMBER = re.compile(r"1?([2-9]\d{9})")
# Mexico gave up its mobile prefix 1, and the trunk prefixes 01, 044 and 045, in 2019 and 2020.
_GIVEN_UP_ABROAD = re.compile(r"(52)1(\d{10})")
_GIVEN_UP = {"MX": re.compile(r"(?:01|04[45])(\d{10})")}
_COUNTED = ("01234567890123456789", "98765432109876543210")
_SHORTEST_COUNTED, _SHORTEST_REPEATED = 6, 3
"""Fewer digits can be an internal extension."""
_REASONS = {
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_COUNTRY_CODE: "no such country code",
    ValidationResult.IS_POSSIBLE: "no such area code",
}


def known_region(code: str) -> str | None:
    """Return the ISO 3166 code that ``code`` means, in any case, or None if there is no such region."""
    code = code.strip().upper()
    code = _ALIASES.get(code, code)
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


def digits_of(text: str) -> str:
    """Return the ASCII digits of a text."""
    return _NO_DIGITS.sub("", text)


def is_abroad(piece: str) -> bool:
    """Return whether a ``+`` stands before the first digit."""
    return "+" in re.split(r"\d", piece, maxsplit=1)[0]


def whole(piece: str, region: str) -> str | None:
    """Return the form that is sent, if ``piece`` (digits and punctuation) is one possible number."""
    digits = digits_of(piece)
    if is_abroad(piece):
        return _foreign(digits.removeprefix("00"), piece, region, valid=False)
    if region in NANP:
        national = _NANP_NUMBER.fullmatch(digits)
        return national[1] if national else _prefixed(piece, digits, region)
    if region in _GIVEN_UP and (old := _GIVEN_UP[region].fullmatch(digits)):
        digits = old[1]
    return _own_with_code(digits, region) or _own_or_foreign(piece, digits, region)


def _own_or_foreign(piece: str, digits: str, region: str) -> str | None:
    # A valid number of the own country goes before a number of another one; a number that is only possible after it.
    own = _parse(digits, region)
    if own and phonenumbers.is_valid_number(own):
        return _sent(own, region)
    found = _prefixed(piece, digits, region)
    if found is None and own and _is_possible(own):
        return _sent(own, region)
    return found


def _own_with_code(digits: str, region: str) -> str | None:
    """Return the form that is sent of a number of the own country with its code and without a ``+``.

    Only where national numbers begin with a trunk prefix: ``491711234567`` has none, so it is no national number.
    """
    trunk, code = _trunk(region), str(phonenumbers.country_code_for_region(region))
    if not trunk or digits.startswith(trunk) or not digits.startswith(code):
        return None
    number = _parse(f"+{digits}", region)
    return _sent(number, region) if number and phonenumbers.is_valid_number(number) else None


def international(digits: str, region: str) -> str:
    """Return the digits of a number with its country code; ``digits``: as :func:`whole` returns them."""
    if region in NANP:
        return f"1{digits}" if _NANP_NUMBER.fullmatch(digits) and len(digits) == 10 else digits
    number = _parse(digits, region)
    if number and phonenumbers.is_valid_number(number) and _sent(number, region) == digits:
        return f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return digits


def region_of(digits: str) -> str | None:
    """Return the region of a number with its country code (digits alone); None if it is no valid number."""
    number = _parse(f"+{digits}", "US")
    return phonenumbers.region_code_for_number(number) if number else None


def is_surely_whole(piece: str, region: str, *, valid: bool = True) -> bool:
    """Return whether ``piece`` is one number for more reasons than its length.

    ``valid``: it must be a valid number; else it can be a possible number that begins with the trunk prefix.
    """
    if region in NANP:
        return whole(piece, region) is not None
    number = _parse(("+" if is_abroad(piece) else "") + digits_of(piece), region)
    if number is None or valid or phonenumbers.is_valid_number(number):
        return number is not None and bool(phonenumbers.is_valid_number(number))
    return digits_of(piece).startswith(_trunk(region) or "-") and _is_possible(number)


def starts_a_number(piece: str, region: str) -> bool:
    """Return whether ``piece`` begins as numbers of the region do: with a + or the trunk prefix, if there is one."""
    return is_abroad(piece) or digits_of(piece).startswith(_trunk(region) or "")


def is_area_code(piece: str, region: str) -> bool:
    """Return whether ``piece`` can be the first part of a number that a separator divides, as in ``030/123456``."""
    digits, trunk = digits_of(piece), _trunk(region)
    if not 0 < len(digits) <= AREA:
        return False
    return region in NANP or not trunk or digits.startswith(trunk) or is_abroad(piece)


def _trunk(region: str) -> str | None:
    """Return the digits before national numbers, such as 0; None if the region has none."""
    metadata = PhoneMetadata.metadata_for_region(region)
    return metadata.national_prefix if metadata else None


def _prefixed(piece: str, digits: str, region: str) -> str | None:
    """Return a number of another country: after 00 or 011, or with its country code first and no punctuation."""
    for prefix in ("011", "00"):
        if digits.startswith(prefix):
            return _foreign(digits.removeprefix(prefix), piece, region, valid=False)
    alone = len(digits) > SHORTEST and digits in piece
    return _foreign(digits, piece, region, valid=True) if alone else None


def _foreign(digits: str, piece: str, region: str, *, valid: bool) -> str | None:
    """Return the form that is sent of ``+digits``, if the number is possible (or ``valid``, which is stricter)."""
    if digits.startswith("1"):
        national = _NANP_NUMBER.fullmatch(digits)
        if national:
            return national[1] if region in NANP else digits
        if valid:
            return None
    if old := _GIVEN_UP_ABROAD.fullmatch(digits):
        digits = old[1] + old[2]
    number = _parse("+" + digits, region)
    # +44 (0)20 …: the zero is dialled only inside the country.
    if number and not _is_possible(number) and re.search(r"\(\s*0\s*\)", piece):
        code = str(number.country_code)
        number = _parse("+" + code + digits.removeprefix(code).removeprefix("0"), region)
    good = number and (phonenumbers.is_valid_number(number) if valid else _is_possible(number))
    return _sent(number, region) if number and good else None


def vanity(piece: str, region: str) -> str | None:
    """Return the digits that letters stand for, as in ``1-800-FLOWERS``; None if they are no valid number."""
    start = re.search(r"[+\d]", piece)
    text = piece[start.start() :] if start else ""
    letters = sum("a" <= char <= "z" for char in text)
    if letters < 3 or len(digits_of(text).removeprefix("1" if region in NANP else "")) > AREA:
        return None
    number = _parse(phonenumbers.convert_alpha_characters_in_number(text), region)
    return _sent(number, region) if number and phonenumbers.is_valid_number(number) else None


def is_placeholder(digits: str, region: str) -> bool:
    """Return whether ``digits`` are one digit repeated, or digits in a row, and no valid number of the region."""
    national = digits[1:] if region in NANP and len(digits) == 11 and digits[0] == "1" else digits
    if len(national) < _SHORTEST_REPEATED:
        return False
    counted = len(national) >= _SHORTEST_COUNTED and any(national in row for row in _COUNTED)
    if not counted and len({*national}) != 1:
        return False
    number = _parse(national, region)
    return not (number and phonenumbers.is_valid_number(number)) and not _is_short_number(national, region)


@cache
def nanp_placeholders() -> tuple[str, ...]:
    """Return the placeholders of ten digits that look like numbers of the North American plan."""
    rows = [digit * 10 for digit in "23456789"] + [row[at : at + 10] for row in _COUNTED for at in range(10)]
    return tuple(row for row in rows if row[0] in "23456789" and is_placeholder(row, "US"))


def _is_short_number(digits: str, region: str) -> bool:
    number = PhoneNumber(phonenumbers.country_code_for_region(region), int(digits))
    return str(int(digits)) == digits and bool(phonenumbers.is_valid_short_number_for_region(number, region))


def problem(piece: str, region: str) -> str:
    """Return why ``piece`` (digits and punctuation) is no possible number."""
    digits, abroad = digits_of(piece), is_abroad(piece)
    if region in NANP and not abroad:
        size = len(digits) - digits.startswith("1")
        return "too short" if size < 10 else "too long" if size > 10 else "no such area code"
    number = _parse(("+" if abroad else "") + digits, region)
    if number is None:
        return "no such country code" if abroad and len(digits) > 2 else "too short" if len(digits) < 7 else "too long"
    return _REASONS.get(phonenumbers.is_possible_number_with_reason(number), "too short")


@lru_cache(maxsize=256)
def _parse(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _is_possible(number: PhoneNumber) -> bool:
    """Return whether the number is possible, and not only within its own area."""
    # The library takes area codes that begin with 0 or 1 for possible; the North American plan has none.
    if number.country_code == 1 and not _NANP_NUMBER.fullmatch(str(number.national_number)):
        return False
    return bool(phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE)


def _sent(number: PhoneNumber, region: str) -> str:
    """Return the national form of a number of the region's own country, else the country code and the number."""
    nsn = phonenumbers.national_significant_number(number)
    if number.country_code != phonenumbers.country_code_for_region(region):
        return f"{number.country_code}{nsn}"
    if number.country_code == 1:
        return str(nsn)
    return digits_of(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
