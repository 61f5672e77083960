"""Reads one phone value, as people type it, into the digits that the target stores.

It reads any text: labels, several numbers, extensions, international prefixes, vanity letters, digits of other scripts.
``phonenumbers`` knows which numbers a country can have; this module decides how a text splits into numbers.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

Number = tuple[str, str | None]
"""A number's digits in the form that is sent, and its problem (None: no problem)."""

NANP = frozenset(phonenumbers.region_codes_for_country_code(1))
"""The regions that share the country code 1 and write numbers with ten digits."""

_ALIASES = {"UK": "GB"}
_MARKS = {"\u00d7": "x", "\u3001": ",", "\u060c": ",", "\u061b": ";", "\r": "\n", "\u2028": "\n", "\u2029": "\n"}
_KINDS = {"Cf": "", "Mn": "", "Me": "", "Pd": "-", "No": " "}
"""The replacement of characters by Unicode category: marks vanish, and a footnote's raised digit is no digit."""
_URI = re.compile(r"\s*(?:tel|callto|sms|fax|sips?|whatsapp):(?!\s)", re.IGNORECASE)
_CONTEXT = re.compile(r";\s*phone-context\s*=\s*(\+[\d.-]+)")
_PARAMETER = re.compile(r";\s*[a-z][a-z-]*\s*=[^;|\n]*")
# A spreadsheet turns 2125551234 into 2125551234.0.
_FLOAT = re.compile(r"\s*(\d{7,15})\.0+\s*")
# *67 before a number hides the caller.
_STAR_CODE = re.compile(r"(?<![^\s;,/|])\*\d\d(?=[\s*(+\d])")
_EXTENSION = re.compile(
    r"(?<=\d)[\s()\[\].,;:-]*(?:extension|extn?|xtn|x|#|anexo|int|доб)[\s.:#=-]*"
    r"\d{1,8}(?!\d|[\s.()-]*\d{3})(?:\s*[,/&]\s*\d{1,5}(?!\d|[\s.()-]*\d))*"
)
# Commas, p and w are pauses: the digits after them are dialled when the call is answered.
_DIALLED_AFTER = re.compile(
    r"(?<=\d)\s*(?:,{2,}|[pw]+(?=\d))[\d#*,pw]*\d#?(?!\d)|(?<=\d{4}),\d{1,5}#?(?!\d|[\s.()-]*\d)"
)
_NO_DIGITS = re.compile(r"[^0-9]+")
_WEAK = re.compile(r"[,/|\n]+")
_BETWEEN = (re.compile(r"[^\W\d_]+|&|\s(?=\+)|\s-+\s"), re.compile(r"\s+"))
_INNER_LETTER = re.compile(r"\d[^\n]*[^\W\d_][^\n]*\d")
_NANP_NUMBER = re.compile(r"1?([2-9]\d{9})")
_AREA = 6
"""The most digits before a separator that is part of the number, as in ``212/555-1234``."""
_SHORTEST = 7
"""Up to so many digits are never a country code with a number, and never two numbers."""
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


@lru_cache(maxsize=100_000)
def numbers_in(text: str, region: str) -> tuple[Number, ...]:
    """Return the numbers in ``text``, in its order, each once; ``region`` is a known ISO 3166 code."""
    found: dict[str, str | None] = {}
    for chunk in _cut(_plain(text)).split(";"):
        for piece in _pieces(chunk, region):
            for digits, problem in _numbers(piece, region):
                found.setdefault(digits, problem)
    return tuple(found.items())


def _plain(text: str) -> str:
    """Return ``text`` in lower case, with every character that matters in a phone number as ASCII."""
    if not text.isascii():
        text = "".join(map(_character, text))
    return text.replace("\r", "\n").lower()


def _character(char: str) -> str:
    if char.isascii() or char in _MARKS:
        return _MARKS.get(char, char)
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    other = unicodedata.normalize("NFKC", char)
    if kind not in _KINDS and other.isascii():
        return other
    return char if kind[0] == "L" else _KINDS.get(kind, " ")


def _cut(text: str) -> str:
    """Return ``text`` without digits that are no part of the number: URI parameters, extensions, later dialling."""
    if ":" in text and _URI.match(text):
        text = re.split("[@?]", unquote(text, errors="ignore"), maxsplit=1)[0]
    if "=" in text:
        context = _CONTEXT.search(text)
        text = _PARAMETER.sub("", text)
        if context and "+" not in text:
            text = context[1] + " " + text.partition(":")[2]
    if "." in text and (whole := _FLOAT.fullmatch(text)):
        return whole[1]
    if "*" in text:
        text = _STAR_CODE.sub(" ", text)
    # "|", not "": numbers on both sides must not run together.
    return _DIALLED_AFTER.sub("|", _EXTENSION.sub("|", text))


def _digits(text: str) -> str:
    return _NO_DIGITS.sub("", text)


def _pieces(chunk: str, region: str) -> list[str]:
    """Return the texts between separators; an area code alone is joined with the texts that complete its number."""
    parts = [part for part in _WEAK.split(chunk) if _digits(part)]
    pieces, at = [], 0
    while at < len(parts):
        size = _joined(parts[at:], region)
        pieces.append(" ".join(parts[at : at + size]))
        at += size
    return pieces


def _joined(parts: list[str], region: str) -> int:
    """Return how many of the first ``parts`` are one number."""
    if len(_digits(parts[0])) > _AREA:
        return 1
    for size in range(2, len(parts) + 1):
        text = " ".join(parts[:size])
        if len(_digits(text)) > 15:
            return 1
        if _surely_whole(text, region):
            return size
    return 1


def _numbers(piece: str, region: str) -> list[Number]:
    """Return the numbers of one piece: one number, an impossible number, or several with only words between them."""
    digits = _digits(piece)
    if not digits:
        return []
    whole = None if _INNER_LETTER.search(piece) else _whole(piece, region)
    whole = whole or _vanity(piece, region)
    if whole is not None:
        return [(whole, None)]
    # Words and spaces separate numbers only if every part is then a number: "555 1234" is one number.
    for pattern in _BETWEEN if len(digits) > _SHORTEST else ():
        parts = [part for part in pattern.split(piece) if _digits(part)]
        several = [number for part in parts if (number := _whole(part, region)) is not None]
        if several and len(several) == len(parts):
            return [(number, None) for number in several]
    return [(digits, _problem(piece, digits, region))]


def _whole(piece: str, region: str) -> str | None:
    """Return the form that is sent, if ``piece`` is one possible number."""
    digits = _digits(piece)
    if _abroad(piece):
        return _foreign(digits.removeprefix("00"), piece, region, valid=False)
    if region in NANP:
        national = _NANP_NUMBER.fullmatch(digits)
        return national[1] if national else _prefixed(piece, digits, region)
    # A valid number of the own country goes before a number of another one; a number that is only possible after it.
    own = _parse(digits, region)
    if own and phonenumbers.is_valid_number(own):
        return _sent(own, region)
    found = _prefixed(piece, digits, region)
    if found is None and own and _possible(own):
        return _sent(own, region)
    return found


def _surely_whole(piece: str, region: str) -> bool:
    """Return whether ``piece`` is one number for more reasons than its length."""
    if region in NANP:
        return _whole(piece, region) is not None
    number = _parse(("+" if _abroad(piece) else "") + _digits(piece), region)
    return number is not None and bool(phonenumbers.is_valid_number(number))


def _abroad(piece: str) -> bool:
    return "+" in re.split(r"\d", piece, maxsplit=1)[0]


def _prefixed(piece: str, digits: str, region: str) -> str | None:
    """Return a number of another country: after 00 or 011, or with its country code first and no punctuation."""
    for prefix in ("011", "00"):
        if digits.startswith(prefix):
            return _foreign(digits.removeprefix(prefix), piece, region, valid=False)
    alone = len(digits) > _SHORTEST and digits in piece
    return _foreign(digits, piece, region, valid=True) if alone else None


def _foreign(digits: str, piece: str, region: str, *, valid: bool) -> str | None:
    """Return the form that is sent of ``+digits``, if the number is possible (or ``valid``, which is stricter)."""
    if digits.startswith("1"):
        national = _NANP_NUMBER.fullmatch(digits)
        if national:
            return national[1] if region in NANP else digits
        if valid:
            return None
    number = _parse("+" + digits, region)
    # +44 (0)20 …: the zero is dialled only inside the country.
    if number and not _possible(number) and re.search(r"\(\s*0\s*\)", piece):
        code = str(number.country_code)
        number = _parse("+" + code + digits.removeprefix(code).removeprefix("0"), region)
    good = number and (phonenumbers.is_valid_number(number) if valid else _possible(number))
    return _sent(number, region) if number and good else None


def _vanity(piece: str, region: str) -> str | None:
    """Return the digits that letters stand for, as in ``1-800-FLOWERS``; None if they are no valid number."""
    start = re.search(r"[+\d]", piece)
    text = piece[start.start() :] if start else ""
    letters = sum("a" <= char <= "z" for char in text)
    if letters < 3 or len(_digits(text).removeprefix("1" if region in NANP else "")) > _AREA:
        return None
    number = _parse(phonenumbers.convert_alpha_characters_in_number(text), region)
    return _sent(number, region) if number and phonenumbers.is_valid_number(number) else None


def _problem(piece: str, digits: str, region: str) -> str:
    if _INNER_LETTER.search(piece):
        return "letters in the number"
    abroad = _abroad(piece)
    if region in NANP and not abroad:
        size = len(digits) - digits.startswith("1")
        return "too short" if size < 10 else "too long" if size > 10 else "no such area code"
    number = _parse(("+" if abroad else "") + digits, region)
    if number is None:
        return "no such country code" if abroad and len(digits) > 2 else "too short" if len(digits) < 7 else "too long"
    return _REASONS.get(phonenumbers.is_possible_number_with_reason(number), "too short")


def _parse(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _possible(number: PhoneNumber) -> bool:
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
    return _digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
