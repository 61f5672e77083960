"""Brings text into the form that is sent (trimmed, single spaces, Unicode NFC), and fills templates with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

Form = Literal["trimmed", "kept", "key"]
"""``trimmed``: ends trimmed, inner runs one space · ``kept``: spaces as they are · ``key``: ends trimmed only."""

_SUSPECT = r"[^!-~ ]|  |^ | $"
"""Every text that a form would change matches this; a column without a match is used as it is."""
# Python's str.split() takes the separators x1c to x1f for white space, and the regular expression's \s does not.
_BLANK = r"[\s\x1c-\x1f]"
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"

INVISIBLE = r"[\p{Default_Ignorable_Code_Point}--[\x{200c}\x{200d}\p{Variation_Selector}]]"
"""Marks that nobody sees, as web pages and PDF files leave them in copied text: directions, soft hyphens, no width."""
_JOINED = (
    r"\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}\p{Mongolian}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}"
    r"\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Tibetan}\p{Myanmar}\p{Khmer}\p{M}"
    r"\p{Extended_Pictographic}\p{Emoji_Modifier}"
)
"""The scripts whose letters, and the emoji, that a joiner or non-joiner connects; elsewhere it is an invisible mark."""
_JOINER = r"[\x{200c}\x{200d}]"
_UNSEEN = [(INVISIBLE, ""), (rf"(^|[^{_JOINED}]){_JOINER}+", "${1}"), (rf"{_JOINER}+($|[^{_JOINED}])", "${1}")]

_FORMS: Mapping[Form, Sequence[tuple[str, str]]] = {
    "trimmed": [*_UNSEEN, (_BLANK + "+", " "), (_CONTROL, ""), (" {2,}", " "), ("^ | $", "")],
    "kept": [*_UNSEEN, (r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}]", "")],
    # Inside a key nothing that is seen is changed: two keys that differ in a space may be two rows.
    "key": [*_UNSEEN, (r"^\s+|\s+$", "")],
}


def form(text: pl.Expr, kind: Form) -> pl.Expr:
    """Return ``text`` in the form ``kind`` and in NFC; "" for null. Only ``key`` may still hold control characters."""
    text = text.fill_null("")
    for pattern, replacement in _FORMS[kind]:
        text = text.str.replace_all(pattern, replacement)
    return text.str.normalize("NFC")


def forms(texts: Mapping[str, tuple[pl.Series, Form]]) -> tuple[pl.DataFrame, frozenset[str]]:
    """Return the texts by name, each in its form, and the names of the texts that had to be changed.

    ``texts``: by the name of the result, a series and its form. Series with one name must be the same series.
    """
    if not texts:
        return pl.DataFrame(), frozenset()
    raw = pl.DataFrame(list({series.name: series for series, _ in texts.values()}.values()))
    # Most columns are clean already: one search over each of them saves the replacements.
    suspect = raw.select(pl.all().str.contains(_SUSPECT).fill_null(value=True))
    changed = frozenset(name for name, (series, _) in texts.items() if suspect.get_column(series.name).any())
    page = {name: series.alias(name) for name, (series, _) in texts.items()}
    for name in changed:
        series, kind = texts[name]
        rows = suspect.get_column(series.name).arg_true()
        # Only the rows that need it: they are few as a rule, and this is the costly part.
        tidy = series.gather(rows).to_frame("").select(form(pl.first(), kind)).to_series()
        page[name] = page[name].scatter(rows, tidy)
    return pl.DataFrame(list(page.values())), changed


def is_marked(raw: pl.Expr) -> pl.Expr:
    """Return whether a text holds marks that nobody sees, and that its form lacks."""
    return raw.str.contains("|".join(pattern.replace("${1}", "") for pattern, _ in _UNSEEN)).fill_null(value=False)


def visible(text: str) -> str:
    """Return a single text without the marks that nobody sees."""
    # None of the marks is ASCII, and to search a text for all of them takes longer than to read a short file.
    if text.isascii():
        return text
    seen = pl.Series([text])
    for pattern, replacement in _UNSEEN:
        seen = seen.str.replace_all(pattern, replacement)
    return str(seen.item())


def formed(text: str, kind: Form = "trimmed") -> str:
    """Return a single text in the form ``kind``."""
    return str(pl.select(form(pl.lit(text), kind)).item())


def has_control(key: pl.Expr) -> pl.Expr:
    """Return whether a text holds a control character, which no key may hold."""
    return key.str.contains(_CONTROL)


@dataclass(frozen=True, slots=True)
class Slot:
    """A column in a template: the brackets around it, and the punctuation between it and the value before it."""

    name: str
    before: str = ""
    after: str = ""
    joiner: str = ""


Piece = str | Slot


def template(text: str) -> list[Piece]:
    """Split a template into constant texts and columns.

    Text without a letter or digit belongs to the values beside it: brackets to the value between them, text between
    two values to both (it is written only if both are not empty), and text at either end to the value next to it.

    Raises:
        ValueError: the braces do not pair, or hold no name.

    """
    # An empty value must not leave its punctuation behind: "{last}, {first}" without a last name is "Ada", not ", Ada".
    parts = re.split(r"(\{\{|\}\}|\{[^{}]*\})", text)
    pieces: list[Piece] = [""]
    for part in parts:
        if part in ("{{", "}}"):
            pieces[-1:] = _constant(pieces[-1], part[0])
        elif part.startswith("{") and part.endswith("}"):
            if not part[1:-1].strip():
                raise ValueError("{} holds no column's name")
            pieces.append(Slot(part[1:-1].strip()))
        elif "{" in part or "}" in part:
            raise ValueError("a brace has no partner: write {{ or }} for the character itself")
        else:
            pieces[-1:] = _constant(pieces[-1], part)
    return _shared([piece for piece in pieces if piece != ""])


def _constant(last: Piece, text: str) -> list[Piece]:
    return [last + text] if isinstance(last, str) else [last, text]


def _shared(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with the punctuation moved into the columns beside it."""
    shared: list[Piece] = []
    waiting: tuple[str, str] = ("", "")
    for n, piece in enumerate(pieces):
        if isinstance(piece, Slot):
            shared.append(Slot(piece.name, before=waiting[1], joiner=waiting[0]))
            waiting = ("", "")
        elif re.search(r"[^\W_]", piece) or len(pieces) == 1:
            shared.append(piece)
        elif n == 0:
            waiting = ("", piece)
        else:
            waiting = _punctuation(shared, piece, last=n == len(pieces) - 1)
    return shared


def _punctuation(shared: list[Piece], text: str, *, last: bool) -> tuple[str, str]:
    """Close the brackets of the column before; return the text that joins the next column, and its opening brackets."""
    before = shared[-1]
    if not isinstance(before, Slot):
        return "", text
    closing = text if last else re.match(r"[)\]}>»”]*", text)[0]  # type: ignore[index]
    text = text[len(closing) :]
    opening = re.search(r"[(\[{<«“]*$", text)[0]  # type: ignore[index]
    shared[-1] = Slot(before.name, before.before, closing, before.joiner)
    return text[: len(text) - len(opening)], opening


def filled(pieces: Sequence[Piece], values: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return the template filled with its columns' ``values``; "" if all of them are ""."""
    slots = [piece for piece in pieces if isinstance(piece, Slot)]
    there = {slot.name: values[slot.name] != "" for slot in slots}
    if is_words(pieces):
        words = [pl.when(there[slot.name]).then(values[slot.name]) for slot in slots]
        return pl.concat_str(words, separator=" ", ignore_nulls=True)
    texts: list[pl.Expr] = []
    before: list[pl.Expr] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(pl.lit(piece))
            before = []
            continue
        if before and piece.joiner:
            texts.append(_if(pl.any_horizontal(before) & there[piece.name], pl.lit(piece.joiner)))
        around = pl.concat_str(pl.lit(piece.before), values[piece.name], pl.lit(piece.after))
        texts.append(_if(there[piece.name], around))
        before.append(there[piece.name])
    whole = pl.concat_str(texts)
    return _if(pl.any_horizontal(list(there.values())), whole) if slots else whole


def is_words(pieces: Sequence[Piece]) -> bool:
    """Return whether a template is only columns with a space between them, as names mostly are."""
    # The cheap case: filled with tidy values, such a template is tidy itself.
    expected = [" " if n else "" for n in range(len(pieces))]
    return all(
        isinstance(piece, Slot) and (piece.joiner, piece.before, piece.after) == (joiner, "", "")
        for piece, joiner in zip(pieces, expected, strict=True)
    )


def _if(condition: pl.Expr, text: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(text).otherwise(pl.lit(""))


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ROMAN = frozenset({"ii", "iii", "iv", "vi", "vii", "viii"})


def title(texts: pl.Series) -> pl.Series:
    """Return each text with its words capitalised; words of mixed case (McDonald, O'Brien) stay as they are."""
    # The same names come again and again: each is capitalised once.
    names = texts.unique()
    return texts.replace_strict(names, pl.Series([_title(name) for name in names], dtype=pl.String))


def _title(name: str) -> str:
    all_capitals = name == name.upper()
    return _WORD.sub(lambda word: _capitalised(word[0], all_capitals=all_capitals), name)


def _capitalised(word: str, *, all_capitals: bool) -> str:
    """Return one word capitalised; up to three capitals among words in other cases are an abbreviation (LLC)."""
    if word != word.lower() and (word != word.upper() or (len(word) <= 3 and not all_capitals)):
        return word
    if word.lower() in _ROMAN:
        return word.upper()
    head, mark, tail = re.fullmatch(r"([^'’]*)(['’]?)(.*)", word.lower()).groups()  # type: ignore[union-attr]
    if head.startswith("mc") and len(head) > 3:
        head = "Mc" + head[2:].capitalize()
    # O'Brien has a capital after the apostrophe, and the children's does not.
    tail = tail.capitalize() if len(head) == 1 and len(tail) > 1 else tail
    return head[:1].upper() + head[1:] + mark + tail
