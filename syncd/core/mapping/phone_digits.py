"""Finds the numbers in a text without letters, such as ``212-555-0123/0124, (646) 555-0100``.

A text may hold several numbers, last digits of further numbers, and digits that are no number. Digits are joined only
if they stand together as one number. :mod:`syncd.core.mapping.phone_plan` knows what a number is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from phonenumbers import Leniency, PhoneNumberMatcher

from syncd.core.mapping.phone_plan import (
    NANP,
    SHORTEST,
    digits_of,
    is_area_code,
    is_placeholder,
    is_surely_whole,
    problem,
    starts_a_number,
    whole,
)

BESIDE = "text beside the number is not sent"
PLACEHOLDER = "a placeholder"

FEWEST_DIGITS, MOST_DIGITS = 3, 15
"""An impossible number of so many digits can be dialled: inside a company, or abroad (E.164)."""


class Found(NamedTuple):
    """A number's digits in the form that is sent, "" if nothing is sent; and its problem (None: no problem)."""

    digits: str
    problem: str | None = None


BORDERS = re.compile(r"([,/|\n]+)")
"""What stands between two numbers, or between the parts of one."""

_DASH = re.compile(r"\s-+\s")
_BETWEEN = (re.compile(r"&|(?=\+)|\s-+\s"), re.compile(r"\s+"), re.compile("-"))
_NANP_NUMBER = r"(?:1\D{1,3})?[2-9]\d\d\D{0,3}\d{3}\D{0,3}\d{4}"
_NANP_ROW = re.compile(rf"\D*(?:{_NANP_NUMBER}(?:\D+|$)){{2,}}")
_NANP_IN_ROW = re.compile(rf"({_NANP_NUMBER})(?:\D+|$)")
_NANP_WITHIN = re.compile(
    r"(?<![\d+])(?<!\d[-./])(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ ./-]{0,2}\d{3}[ .-]{0,2}\d{4}(?!\d)(?![-./]\d)"
)
_PUNCTUATION = re.compile(r"[\d\s()\[\]{}+.,/|&*#'\"`_~<>:-]*")
_IP_ADDRESS = re.compile(r"\s*\d{1,3}(?:\.\d{1,3}){3}\s*")
_LAST_DIGITS = re.compile(r"\s*-?(\d{1,4})\s*")
_SHORT_DATE = re.compile(r"\s*(?:0?[1-9]|[12]\d|3[01])([.-])(?:0?[1-9]|[12]\d|3[01])\1\d\d\s*")
_FEW_AFTER = re.compile(r"(.*\d)\s?-\s?\d{1,4}\s*")
_LOCAL_ROW = re.compile(r"\s*(?:\d{3}[-.]\d{4}(?:[\s&]+|$)){2,}")
_TOKEN = re.compile(r"[^\s~*]*\d[^\s~*]*")
_MOST_TOKENS, _MOST_BESIDE = 16, 4
"""Tokens of a piece that are tried as numbers, and the most digits beside these numbers."""


def in_digits(text: str, region: str, *, in_text: bool = False, is_last: bool = True) -> list[Found]:
    """Return the numbers of a text without letters.

    ``in_text``: other things than numbers stand beside it; ``is_last``: no word that the last digits could count.
    """
    sides = [side for side in _DASH.split(text) if digits_of(side)]
    if len(sides) > 1 and all(len(digits_of(side)) > SHORTEST and _is_whole(side, region) for side in sides):
        return [Found(whole(side, region) or "") for side in sides]
    if not in_text and (number := _before_few_digits(text, region)):
        return [Found(number), Found("", BESIDE)]
    in_text = in_text or not _PUNCTUATION.fullmatch(text)
    parts = BORDERS.split(text)
    found: list[Found] = []
    at = 0
    while at < len(parts):
        joined = parts[at::2]
        size = _joined(joined, region)
        piece = " ".join(joined[:size])
        slash = at > 0 and "/" in parts[at - 1] and (is_last or at + 2 * size < len(parts))
        last = with_last_digits(found, piece) if slash else None
        found += [last] if last else _in_piece(piece, region, in_text=in_text)
        at += 2 * size
    return with_one_rest(found)


def with_last_digits(found: list[Found], text: str) -> Found | None:
    """Return the number before with other last digits, as in ``212.555.0123/0124``; None if ``text`` is too long."""
    last = _LAST_DIGITS.fullmatch(text)
    if not last or not found or found[-1].problem or len(found[-1].digits) < SHORTEST:
        return None
    return Found(found[-1].digits[: -len(last[1])] + last[1])


def with_one_rest(found: list[Found]) -> list[Found]:
    """Return the numbers, and one entry for all digits that are none if there is a number beside them."""
    numbers = [each for each in found if each.digits]
    return [*numbers, Found("", BESIDE)] if 0 < len(numbers) < len(found) else found


def _before_few_digits(text: str, region: str) -> str | None:
    """Return the number of ``212-555-0123-4``; None if the last digits belong to it, or there is none."""
    found = _FEW_AFTER.fullmatch(text)
    if not found or len(digits_of(found[1])) <= SHORTEST or _is_whole(text, region):
        return None
    area, *more = BORDERS.split(found[1])[::2]
    if region in NANP:
        sure = re.fullmatch(rf"\D*{_NANP_NUMBER}", found[1]) is not None
    elif more:
        sure = len(more) == 1 and is_area_code(area, region) and _is_whole(found[1], region)
    else:
        sure = is_surely_whole(found[1], region)
    return whole(found[1], region) if sure else None


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
    sure = number is not None and (
        "+" in piece or is_surely_whole(piece, region) or (region not in NANP and is_surely_whole(number, region))
    )
    if not sure and _SHORT_DATE.fullmatch(piece):
        return [Found("", "a date")]
    if not sure and region not in NANP and len(digits) > SHORTEST and not (number and _is_whole(piece, region)):
        tokens = _TOKEN.findall(piece)
        if 1 < len(tokens) <= _MOST_TOKENS and (among := _among(tokens, region)):
            return among
    if number and (sure or not in_text or is_surely_whole(piece, region, valid=False)):
        return [Found("", PLACEHOLDER) if is_placeholder(number, region) else Found(number)]
    several = (_several(piece, region) or _within(piece, region)) if len(digits) > SHORTEST else []
    return several or _impossible(piece, region, in_text=in_text)


def _impossible(piece: str, region: str, *, in_text: bool) -> list[Found]:
    """Return the digits of a piece that is no number, "" if they cannot be dialled, and why it is none."""
    digits = digits_of(piece)
    if is_placeholder(digits, region):
        return [Found("", PLACEHOLDER)]
    if region in NANP and _LOCAL_ROW.fullmatch(piece) and not in_text:
        return [Found(digits[at : at + 7], "too short") for at in range(0, len(digits), 7)]
    sendable = not in_text and not _IP_ADDRESS.fullmatch(piece) and FEWEST_DIGITS <= len(digits) <= MOST_DIGITS
    return [Found(digits if sendable else "", problem(piece, region))]


def _among(tokens: list[str], region: str) -> list[Found]:
    """Return the valid numbers that runs of ``tokens`` write, and an entry for the few digits beside them."""
    # From the end: the numbers of the last tokens, and how many digits stand beside them.
    best: list[tuple[int, list[str]]] = [(0, [])]
    for begin in range(len(tokens) - 1, -1, -1):
        beside, numbers = best[0]
        options = [(beside + len(digits_of(tokens[begin])), numbers)]
        for size in range(1, len(tokens) - begin + 1):
            text = " ".join(tokens[begin : begin + size])
            if len(digits_of(text)) > MOST_DIGITS:
                break
            number = whole(text, region) if len(digits_of(text)) > SHORTEST else None
            if number and starts_a_number(text, region) and _is_whole(text, region):
                beside, numbers = best[size - 1]
                if not is_placeholder(number, region):
                    options.append((beside, [number, *numbers]))
        best.insert(0, min(options, key=lambda option: (option[0], len(option[1]))))
    beside, numbers = best[0]
    if not numbers or beside > _MOST_BESIDE:
        return []
    return [*map(Found, numbers), *([Found("", BESIDE)] if beside else [])]


def _is_whole(text: str, region: str) -> bool:
    return is_surely_whole(text, region, valid=False)


def _several(piece: str, region: str) -> list[Found]:
    """Return the numbers of a piece if it is nothing but numbers."""
    for pattern in _BETWEEN:
        parts = [part for part in pattern.split(piece) if digits_of(part)]
        numbers = [number for part in parts if (number := whole(part, region)) is not None]
        short = region not in NANP and any(len(digits_of(part)) < SHORTEST for part in parts)
        if len(parts) > 1 and len(numbers) == len(parts) and not short:
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
    # Four digits of a longer number that begin with 00 are no prefix.
    sure = "+" in text or is_surely_whole(text, region, valid=digits_of(text).startswith("00"))
    number = whole(text, region) if sure else None
    return None if number is None or is_placeholder(number, region) else number


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    for begin, end in spans:
        text = text[:begin] + "|" * (end - begin) + text[end:]
    return text
