"""Text as the target gets it: trimmed, white space made one, in Unicode NFC; and templates over such text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

Form = Literal["trimmed", "kept", "key"]
"""``trimmed``: ends trimmed, inner runs one space · ``kept``: spaces as they are · ``key``: ends trimmed only."""

_SUSPECT = r"[^!-~ ]|  |^ | $"
"""Whatever any form would change holds this; a column without it is used as it is."""
_BLANK = r"[\s\x1c-\x1f]"
_NOTHING = r"[\x{200b}\x{2060}\x{feff}]"
"""Characters of no width, from pasted text and misplaced byte order marks."""
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"

_FORMS: Mapping[Form, Sequence[tuple[str, str]]] = {
    "trimmed": [(_NOTHING, ""), (_BLANK + "+", " "), (_CONTROL, ""), (" {2,}", " "), ("^ | $", "")],
    "kept": [(r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}]", "")],
    "key": [(rf"^(?:\s|{_NOTHING})+", ""), (rf"(?:\s|{_NOTHING})+$", "")],
}


def form(text: pl.Expr, kind: Form) -> pl.Expr:
    """``text`` in that form, in NFC; "" for null. Only ``key`` can hold control characters still."""
    text = text.fill_null("")
    for pattern, replacement in _FORMS[kind]:
        text = text.str.replace_all(pattern, replacement)
    return text.str.normalize("NFC")


def forms(texts: Mapping[str, tuple[pl.Series, Form]]) -> tuple[pl.DataFrame, frozenset[str]]:
    """A page's texts, each in its form, as columns of the names given, and which of them had to be changed.

    Series of one name are taken for the same one, and looked at once.
    """
    if not texts:
        return pl.DataFrame(), frozenset()
    raw = pl.DataFrame(list({series.name: series for series, _ in texts.values()}.values()))
    suspect = raw.select(pl.all().str.contains(_SUSPECT).fill_null(value=True))
    changed = frozenset(name for name, (series, _) in texts.items() if suspect.get_column(series.name).any())
    page = {name: series.alias(name) for name, (series, _) in texts.items()}
    for name in changed:
        series, kind = texts[name]
        page[name] = _formed(page[name], suspect.get_column(series.name).arg_true(), kind)
    return pl.DataFrame(list(page.values())), changed


def _formed(texts: pl.Series, rows: pl.Series, kind: Form) -> pl.Series:
    """``texts`` with those of ``rows`` in that form: they are few as a rule, and this is the costly part."""
    formed = texts.gather(rows).to_frame("").select(form(pl.first(), kind)).to_series()
    return texts.scatter(rows, formed)


def one(text: str, kind: Form = "trimmed") -> str:
    """A single text in that form."""
    return str(pl.select(form(pl.lit(text), kind)).item())


def has_control(key: pl.Expr) -> pl.Expr:
    """Whether a text holds a control character, which no key may."""
    return key.str.contains(_CONTROL)


@dataclass(frozen=True, slots=True)
class Slot:
    """A column in a template, with the brackets around it, and the punctuation before it if another value is."""

    name: str
    before: str = ""
    after: str = ""
    joiner: str = ""


Piece = str | Slot


def template(text: str) -> list[Piece]:
    """Fall a template into constant texts and columns.

    Text without a letter or digit belongs to the values beside it: brackets to the value they stand around,
    what stands between two values is there only if both are, and at either end it goes with its value.

    Raises:
        ValueError: the braces do not pair, or hold no name.

    """
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
    """Give punctuation to the columns beside it."""
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
    """Close the brackets of the column before; return what joins the next one, and the brackets it opens."""
    before = shared[-1]
    if not isinstance(before, Slot):
        return "", text
    closing = text if last else re.match(r"[)\]}>»”]*", text)[0]  # type: ignore[index]
    text = text[len(closing) :]
    opening = re.search(r"[(\[{<«“]*$", text)[0]  # type: ignore[index]
    shared[-1] = Slot(before.name, before.before, closing, before.joiner)
    return text[: len(text) - len(opening)], opening


def filled(pieces: Sequence[Piece], values: Mapping[str, pl.Expr]) -> pl.Expr:
    """The template with its columns' ``values``; "" where all of them are ""."""
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
    """Whether a template is just columns with a space between them, as names mostly are: the cheap case.

    Then what tidy values make is tidy.
    """
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
    """Each text with its words capitalised; words of mixed case (McDonald, O'Brien) are left as they are."""
    names = texts.unique()
    return texts.replace_strict(names, pl.Series([_title(name) for name in names], dtype=pl.String))


def _title(name: str) -> str:
    shouted = name == name.upper()
    return _WORD.sub(lambda word: _capitalised(word[0], shouted=shouted), name)


def _capitalised(word: str, *, shouted: bool) -> str:
    """One word; among words in other cases, up to three capitals are an abbreviation (LLC)."""
    if word != word.lower() and (word != word.upper() or (len(word) <= 3 and not shouted)):
        return word
    if word.lower() in _ROMAN:
        return word.upper()
    head, mark, tail = re.fullmatch(r"([^'’]*)(['’]?)(.*)", word.lower()).groups()  # type: ignore[union-attr]
    if head.startswith("mc") and len(head) > 3:
        head = "Mc" + head[2:].capitalize()
    tail = tail.capitalize() if len(head) == 1 and len(tail) > 1 else tail
    return head[:1].upper() + head[1:] + mark + tail
