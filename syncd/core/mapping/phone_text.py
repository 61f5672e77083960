"""Finds the numbers in one phone value, as people type it.

It reads any text: labels, sentences, several numbers, extensions, international prefixes, vanity letters, digits of
other scripts. It splits a text at its words; :mod:`syncd.core.mapping.phone_digits` reads what stands between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from syncd.core.mapping.phone_cuts import SCIENTIFIC, cut
from syncd.core.mapping.phone_digits import BESIDE, BORDERS, Found, in_digits, with_last_digits, with_one_rest
from syncd.core.mapping.phone_plan import SHORTEST, digits_of, vanity
from syncd.core.mapping.phone_words import LABELS, LIST_WORDS

NOTES = frozenset({BESIDE, SCIENTIFIC})
"""Problems that make no number wrong: they are warnings, whatever ``phones.invalid`` says."""

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_INNER_LETTER = re.compile(r"\d[^\W\d_]+\d|\d-[^\W\d_]{1,2}\d|\d[^\W\d_]{1,2}-\d")
_FIRST, _LAST = re.compile(r"^\d[^\s,/|]*"), re.compile(r"[^\s,/|]*\d$")
# These scripts put no space between words and numbers.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@lru_cache(maxsize=100_000)
def numbers_in(text: str, region: str) -> tuple[Found, ...]:
    """Return the numbers in ``text``, in its order, each once; ``region`` is a known ISO 3166 code.

    An entry without digits says that a part of the text is not sent, and why.
    """
    kept, problems = cut(text)
    found = [each for chunk in kept.split(";") for each in _in_chunk(chunk, region)]
    # Beside a number, an address or a date is no number that is missing.
    found += [Found("", BESIDE if found and each not in NOTES else each) for each in problems]
    once: dict[str | None, Found] = {}
    for each in found:
        once.setdefault(each.digits or each.problem, each)
    return tuple(once.values())


def _in_chunk(chunk: str, region: str) -> list[Found]:
    if not digits_of(chunk):
        return []
    if not _LETTER.search(chunk):
        return in_digits(chunk, region)
    pieces = BORDERS.split(chunk)[::2]
    spelled = [vanity(piece, region) for piece in pieces]
    if not any(spelled):
        return _in_text(chunk, region)
    each = [
        [Found(digits)] if digits else _in_chunk(piece, region) for piece, digits in zip(pieces, spelled, strict=True)
    ]
    return [found for numbers in each for found in numbers]


class _Segment(NamedTuple):
    """The digits and punctuation between two words: ``before`` and ``after``, "" for none.

    ``text`` lacks digits to which a word clings, as in ``4B``, unless it is a label; ``cut``: it lacks some.
    ``at``: the number of the word before.
    """

    text: str
    before: str
    after: str
    cut: bool
    at: int


def _segments(chunk: str) -> Iterator[_Segment]:
    begin, before = 0, ""
    words = [*((*word.span(), word[0]) for word in _WORD.finditer(chunk)), (len(chunk), 0, "")]
    for at, (start, end, after) in enumerate(words):
        text = chunk[begin:start]
        if digits_of(text):
            kept = text if not before or before in LABELS or _UNSPACED.match(before[-1]) else _FIRST.sub("", text)
            # "2125550123c" names a cell phone, "400c" a room.
            labelled = after in LABELS and len(digits_of(kept)) >= SHORTEST
            if after and not labelled and not _UNSPACED.match(after):
                kept = _LAST.sub("", kept)
            yield _Segment(kept, before, after, kept != text, at)
        begin, before = end, after


def _in_text(chunk: str, region: str) -> list[Found]:
    """Return the numbers between the words of a text, and one entry for all digits that are no number."""
    labelled = _is_labelled(chunk)
    found: list[Found] = []
    rest = False
    ended = -1
    for segment in _segments(chunk):
        # "or 2 others" and "/24 hours" count something else.
        is_last = not segment.after or segment.after in LABELS or segment.after in LIST_WORDS
        if ended + 1 == segment.at and is_last and (last := _after_word(found, segment)):
            found.append(last)
        else:
            rest |= segment.cut
            numbers = in_digits(segment.text, region, in_text=not labelled, is_last=is_last)
            found += [each for each in numbers if each.digits or labelled]
            rest |= any(not each.digits for each in numbers) and not labelled
            if numbers and not numbers[-1].digits:
                continue
        ended = segment.at
    if any(each.digits and not each.problem for each in found):
        # Beside a whole number, a few digits are a room or a year.
        found = [Found("") if each.problem and len(each.digits) < SHORTEST else each for each in found]
    if rest and not any(each.digits for each in found):
        return [Found("", "letters in the number" if _INNER_LETTER.search(chunk) else "a text without a phone number")]
    return with_one_rest([*found, Found("", BESIDE)] if rest else found)


def _after_word(found: list[Found], segment: _Segment) -> Found | None:
    """Return the number before with other last digits, as in ``212-555-0123 or 0124``; None for something else."""
    counts = segment.before in LIST_WORDS and segment.text[:1].isspace() and len(digits_of(segment.text)) > 1
    return with_last_digits(found, segment.text) if counts else None


def _is_labelled(chunk: str) -> bool:
    """Return whether all words only name the kind of a number, or stand between numbers."""
    return not _INNER_LETTER.search(chunk) and all(
        word in LABELS or word in LIST_WORDS for word in _WORD.findall(chunk)
    )
