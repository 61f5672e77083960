"""Finds the numbers in one phone value, as people type it.

It reads any text: labels, sentences, several numbers, extensions, international prefixes, vanity letters, digits of
other scripts. It splits a text first, and joins digits only if they stand together as one number.
:mod:`syncd.core.mapping.phone_plan` knows what a number is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from phonenumbers import Leniency, PhoneNumberMatcher

from syncd.core.mapping.phone_cuts import cut, scientific
from syncd.core.mapping.phone_plan import (
    NANP,
    SHORTEST,
    digits_of,
    is_area_code,
    is_placeholder,
    is_surely_whole,
    problem,
    vanity,
    whole,
)

BESIDE = "text beside the number is not sent"
SCIENTIFIC = "in scientific notation"
PLACEHOLDER = "a placeholder"
NOTES = frozenset({BESIDE, SCIENTIFIC})
"""Problems that make no number wrong: they are warnings, whatever ``phones.invalid`` says."""

FEWEST_DIGITS, MOST_DIGITS = 3, 15
"""An impossible number of so many digits can be dialled: inside a company, or abroad (E.164)."""


class Found(NamedTuple):
    """A number's digits in the form that is sent, "" if nothing is sent; and its problem (None: no problem)."""

    digits: str
    problem: str | None = None


_WEAK = re.compile(r"([,/|\n]+)")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
# fmt: off
_LABELS = frozenset({
    "anexo", "arbeit", "buero", "bureau", "büro", "c", "casa", "cel", "cell", "cellphone", "cellulaire",
    "cellulare", "celular", "contact", "d", "desk", "dienstlich", "direct", "domicile", "durchwahl", "dw", "e",
    "evening", "ext", "extension", "extn", "f", "fax", "fest", "festnetz", "fixe", "fixo", "g", "geschäftlich",
    "gsm", "h", "handy", "home", "i", "k", "l", "land", "landline", "line", "m", "main", "mob", "mobiel", "mobil",
    "mobile", "mobiltelefon", "movil", "móvil", "night", "no", "nr", "nst", "num", "number", "numéro", "o", "off",
    "office", "oficina", "p", "personal", "ph", "phone", "portable", "poste", "primary", "priv", "privat",
    "private", "privé", "r", "ramal", "res", "residence", "s", "sms", "switchboard", "t", "tel", "telefon",
    "telefone", "telefono", "telefoon", "telephone", "teléfono", "thuis", "toestel", "trabajo", "travail", "tél",
    "téléphone", "ufficio", "v", "voice", "voicemail", "voip", "w", "werk", "whatsapp", "wk", "work", "x",
    "zentrale", "дом", "моб", "раб", "тел", "手机", "携帯", "電話", "전화",
})
# fmt: on
"""Words beside a number that say only which kind of number it is."""
LIST_WORDS = frozenset({"a", "and", "e", "en", "et", "i", "o", "of", "oder", "or", "ou", "u", "und", "y", "и", "или"})
_FIRST, _LAST = re.compile(r"^\d\S*"), re.compile(r"\S*\d$")
_BETWEEN = (re.compile(r"&|(?=\+)|\s-+\s"), re.compile(r"\s+"), re.compile("-"))
_NANP_NUMBER = r"(?:1\D{1,3})?[2-9]\d\d\D{0,3}\d{3}\D{0,3}\d{4}"
_NANP_ROW = re.compile(rf"\D*(?:{_NANP_NUMBER}(?:\D+|$)){{2,}}")
_NANP_IN_ROW = re.compile(rf"({_NANP_NUMBER})(?:\D+|$)")
_NANP_WITHIN = re.compile(
    r"(?<![\d+])(?<!\d[-./])(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ ./-]{0,2}\d{3}[ .-]{0,2}\d{4}(?!\d)(?![-./]\d)"
)
_PUNCTUATION = re.compile(r"[\d\s()\[\]{}+.,/|&*#'\"`_~<>:-]*")
_IP_ADDRESS = re.compile(r"\s*\d{1,3}(?:\.\d{1,3}){3}\s*")
_LAST_DIGITS = re.compile(r"\s*(\d{1,4})\s*")


@lru_cache(maxsize=100_000)
def numbers_in(text: str, region: str) -> tuple[Found, ...]:
    """Return the numbers in ``text``, in its order, each once; ``region`` is a known ISO 3166 code.

    An entry without digits says that a part of the text is not sent, and why.
    """
    kept, problems = cut(text)
    found = [each for chunk in kept.split(";") for each in _in_chunk(chunk, region)]
    # Beside a number, an address or a date is no number that is missing.
    found += [Found("", BESIDE if found else each) for each in problems]
    once: dict[str | None, Found] = {}
    for each in found:
        once.setdefault(each.digits or each.problem, each)
    return tuple(once.values())


def _in_chunk(chunk: str, region: str) -> list[Found]:
    if not digits_of(chunk):
        return []
    if not _LETTER.search(chunk):
        return _in_numbers(chunk, region)
    number, lost = scientific(chunk)
    if lost:
        return [Found("", "digits are lost in scientific notation")]
    if number:
        return [*_in_numbers(number, region), Found("", SCIENTIFIC)]
    pieces = _WEAK.split(chunk)[::2]
    spelled = [vanity(piece, region) for piece in pieces]
    if not any(spelled):
        return _in_text(chunk, region)
    each = [
        [Found(digits)] if digits else _in_chunk(piece, region) for piece, digits in zip(pieces, spelled, strict=True)
    ]
    return [found for numbers in each for found in numbers]


class _Segment(NamedTuple):
    """The digits and punctuation between two words; ``before``: the word before, "" if there is none.

    ``text`` lacks digits to which a word clings, as in ``4B``, unless it is a label; ``cut``: it lacks some.
    """

    text: str
    before: str
    cut: bool


def _segments(chunk: str) -> Iterator[_Segment]:
    begin, before = 0, ""
    for start, end, after in [*((*word.span(), word[0]) for word in _WORD.finditer(chunk)), (len(chunk), 0, "")]:
        text = chunk[begin:start]
        if digits_of(text):
            kept = text if not before or before in _LABELS else _FIRST.sub("", text)
            # "2125550123c" names a cell phone, "400c" a room.
            if after and not (after in _LABELS and len(digits_of(kept)) >= SHORTEST):
                kept = _LAST.sub("", kept)
            yield _Segment(kept, before, kept != text)
        begin, before = end, after


def _in_text(chunk: str, region: str) -> list[Found]:
    """Return the numbers between the words of a text, and one entry for all digits that are no number."""
    labelled = _is_labelled(chunk)
    found: list[Found] = []
    rest = False
    for segment in _segments(chunk):
        if segment.before in LIST_WORDS and (last := _with_last_digits(found, segment.text)):
            found.append(last)
        else:
            rest |= segment.cut
            numbers = _in_numbers(segment.text, region, in_text=not labelled)
            found += [each for each in numbers if each.digits or labelled]
            rest |= any(not each.digits for each in numbers) and not labelled
    if any(each.digits and not each.problem for each in found):
        # Beside a whole number, a few digits are a room or a year.
        found = [Found("") if each.problem and len(each.digits) < SHORTEST else each for each in found]
    if rest and not any(each.digits for each in found):
        return [Found("", "letters in the number" if _INNER_LETTER.search(chunk) else "a text without a phone number")]
    return _with_one_rest([*found, Found("", BESIDE)] if rest else found)


_INNER_LETTER = re.compile(r"\d[^\W\d_]+\d")


def _is_labelled(chunk: str) -> bool:
    """Return whether all words only name the kind of a number, or stand between numbers."""
    return not _INNER_LETTER.search(chunk) and all(
        word in _LABELS or word in LIST_WORDS for word in _WORD.findall(chunk)
    )


def _with_last_digits(found: list[Found], text: str) -> Found | None:
    """Return the number before with other last digits, as in ``212.555.0123/0124``; None if ``text`` is too long."""
    last = _LAST_DIGITS.fullmatch(text)
    if not last or not found or found[-1].problem or len(found[-1].digits) < SHORTEST:
        return None
    return Found(found[-1].digits[: -len(last[1])] + last[1])


def _in_numbers(text: str, region: str, *, in_text: bool = False) -> list[Found]:
    """Return the numbers of a text without letters; ``in_text``: other things than numbers stand beside it."""
    in_text = in_text or not _PUNCTUATION.fullmatch(text)
    parts = _WEAK.split(text)
    found: list[Found] = []
    at = 0
    while at < len(parts):
        joined = parts[at::2]
        size = _joined(joined, region)
        piece = " ".join(joined[:size])
        slash = at > 0 and "/" in parts[at - 1]
        last = _with_last_digits(found, piece) if slash else None
        found += [last] if last else _in_piece(piece, region, in_text=in_text)
        at += 2 * size
    return _with_one_rest(found)


def _with_one_rest(found: list[Found]) -> list[Found]:
    """Return the numbers, and one entry for all digits that are none if there is a number beside them."""
    numbers = [each for each in found if each.digits]
    return [*numbers, Found("", BESIDE)] if 0 < len(numbers) < len(found) else found


def _joined(parts: list[str], region: str) -> int:
    """Return how many of the first ``parts`` are one number: an area code alone belongs to what follows it."""
    if not is_area_code(parts[0], region):
        return 1
    for valid in (True, False):
        for size in range(2, len(parts) + 1):
            text = " ".join(parts[:size])
            if len(digits_of(text)) > MOST_DIGITS:
                break
            if is_surely_whole(text, region, valid=valid):
                return size
    return 1


def _in_piece(piece: str, region: str, *, in_text: bool) -> list[Found]:
    """Return the numbers of one piece: one number, several, numbers beside other digits, or an impossible number."""
    digits = digits_of(piece)
    if not digits:
        return []
    number = whole(piece, region)
    if number and (not in_text or "+" in piece or is_surely_whole(piece, region, valid=False)):
        return [Found("", PLACEHOLDER) if is_placeholder(number, region) else Found(number)]
    several = (_several(piece, region) or _within(piece, region)) if len(digits) > SHORTEST else []
    if several:
        return several
    if is_placeholder(digits, region):
        return [Found("", PLACEHOLDER)]
    wrong = problem(piece, region)
    sendable = not in_text and not _IP_ADDRESS.fullmatch(piece) and FEWEST_DIGITS <= len(digits) <= MOST_DIGITS
    return [Found(digits if sendable else "", wrong)]


def _several(piece: str, region: str) -> list[Found]:
    """Return the numbers of a piece if it is nothing but numbers."""
    for pattern in _BETWEEN:
        parts = [part for part in pattern.split(piece) if digits_of(part)]
        numbers = [number for part in parts if (number := whole(part, region)) is not None]
        if len(parts) > 1 and len(numbers) == len(parts):
            return [Found(number) for number in numbers]
    if region in NANP and _NANP_ROW.fullmatch(piece):
        numbers = [whole(part, region) or "" for part in _NANP_IN_ROW.findall(piece)]
        return [Found(number) for number in numbers] if all(numbers) else []
    return []


def _within(piece: str, region: str) -> list[Found]:
    """Return the numbers that stand apart among other digits, and an entry for these digits."""
    spans = [match.span() for match in _NANP_WITHIN.finditer(piece)] if region in NANP else []
    rest = _blanked(piece, spans)
    if len(digits_of(rest)) > SHORTEST:
        matches = PhoneNumberMatcher(rest, region, leniency=Leniency.POSSIBLE, max_tries=100)
        spans += [(match.start, match.end) for match in matches]
    found = [(begin, end, number) for begin, end in sorted(spans) if (number := _apart(piece[begin:end], region))]
    if not found:
        return []
    rest = _blanked(piece, [(begin, end) for begin, end, _ in found])
    return [*(Found(number) for _, _, number in found), *([Found("", BESIDE)] if digits_of(rest) else [])]


def _apart(text: str, region: str) -> str | None:
    number = whole(text, region) if "+" in text or is_surely_whole(text, region, valid=False) else None
    return None if number is None or is_placeholder(number, region) else number


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    for begin, end in spans:
        text = text[:begin] + "|" * (end - begin) + text[end:]
    return text
