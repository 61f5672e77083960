"""The form of keys: what a program may change about a key without meaning another row, and what it has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import polars as pl

from syncd.core.columns import KEY, UNIT
from syncd.core.wording import shown_key

WAS = "@was"
"""The key under which the ledger has a contact."""

SHOWN = 3
"""Pairs of keys that a sentence names."""

_SCIENTIFIC = r"(?i)^\d(\.\d+)?e\+?\d+$"
_OTHER_FORM = "they are written in another form"
_OTHER_KEYS = "they are other keys, as from another column"


def plain(values: pl.Series) -> pl.Series:
    """Return texts without their form: case, leading zeros, a fraction of zero, compatible characters."""
    # Most texts need no change, and each of these costs seconds for a million of them.
    if values.str.contains(r"[^\x00-\x7f]").any():
        values = values.str.normalize("NFKC")
    values = without_fraction(values.str.to_lowercase())
    return without_zeros(values)


def key_form(keys: pl.Series) -> pl.Series:
    """Return keys without their form: as :func:`plain`, and without marks, spaces and powers of ten."""
    bare = without_zeros(plain(keys).str.replace_all(r"[^\p{L}\p{N}\x1f]", ""))
    powers = keys.str.contains(_SCIENTIFIC).fill_null(value=False)
    if not powers.any():
        return bare
    # A number that is too long for this has lost digits, and no form of it tells which.
    whole = keys.filter(powers).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String)
    return bare.scatter(powers.arg_true(), pl.select(pl.coalesce(whole, bare.filter(powers))).to_series())


def same_form(pairs: pl.DataFrame) -> pl.Series:
    """Return in which pairs (``@key``, ``@was``) the keys differ in their form only (Boolean)."""
    return key_form(pairs.get_column(KEY)) == key_form(pairs.get_column(WAS))


def without_zeros(texts: pl.Series) -> pl.Series:
    """Return texts without leading zeros; the parts of a composite key each for itself."""
    if texts.str.contains(UNIT, literal=True).any():
        return texts.str.replace_all(r"(^|\x1f)0+([^\x1f])", "${1}${2}")
    bare = texts.str.strip_chars_start("0")
    zero = (bare == "") & (texts != "")
    return bare.to_frame().select(pl.when(zero).then(pl.lit("0")).otherwise(bare).alias(texts.name)).to_series()


def without_fraction(texts: pl.Series) -> pl.Series:
    """Return texts without a fraction of zero: ``12`` for ``12.0``."""
    if not texts.str.contains(".0", literal=True).any():
        return texts
    return texts.str.replace_all(r"(\d)\.0+(\x1f|$)", "${1}${2}")


def what_happened(pairs: pl.DataFrame) -> str:
    """Say what has changed about the keys of these pairs (``@key``, ``@was``): ``leading zeros are gone``."""
    new, old = pairs.get_column(KEY), pairs.get_column(WAS)
    for words, same in _kinds(new, old):
        count = int((same() == True).sum())  # noqa: E712 (a null is no match)
        if count == pairs.height:
            return words
        # The rest may be rows whose keys were edited by hand.
        if count * 2 > pairs.height:
            return f"{words} in {count:,} of {pairs.height:,}"
    return _OTHER_KEYS


def examples(pairs: pl.DataFrame) -> str:
    """Return the first pairs, as ``000123 → 123, 000124 → 124``."""
    first = pairs.head(SHOWN).select(WAS, KEY).iter_rows()
    return ", ".join(f"{shown_key(was)} → {shown_key(key)}" for was, key in first)


def _kinds(new: pl.Series, old: pl.Series) -> Iterator[tuple[str, Callable[[], pl.Series]]]:
    """Yield each thing that may have happened, and a question for the pairs to which it has (Boolean)."""
    yield "leading zeros are gone", lambda: without_zeros(old) == new
    yield "leading zeros were added", lambda: without_zeros(new) == old
    yield "“.0” was added", lambda: without_fraction(new) == old
    yield "“.0” is gone", lambda: without_fraction(old) == new
    yield "small letters became capitals", lambda: old.str.to_uppercase() == new
    yield "capitals became small letters", lambda: old.str.to_lowercase() == new
    yield "the case of letters is another", lambda: old.str.to_lowercase() == new.str.to_lowercase()
    yield (
        "numbers became powers of ten",
        lambda: new.str.contains(_SCIENTIFIC) & ~old.str.contains(_SCIENTIFIC),
    )
    yield from _affixes(new, old)
    yield "marks or spaces are others", lambda: _bare(old) == _bare(new)
    yield _OTHER_FORM, lambda: key_form(old) == key_form(new)


def _affixes(new: pl.Series, old: pl.Series) -> Iterator[tuple[str, Callable[[], pl.Series]]]:
    """Yield what all keys got, or lost, at an end, as the first pair shows it."""
    for wide, narrow, words in ((new, old, "was added"), (old, new, "is gone")):
        long, short = wide[0], narrow[0]
        more = len(long) - len(short)
        if more > 0 and long.endswith(short):
            yield f"“{long[:more]}” {words} in front", partial(_is_joined, [long[:more], narrow], wide)
        if more > 0 and long.startswith(short):
            yield f"“{long[-more:]}” {words} at the end", partial(_is_joined, [narrow, long[-more:]], wide)


def _is_joined(parts: Sequence[pl.Series | str], whole: pl.Series) -> pl.Series:
    texts = [pl.lit(part) for part in parts]
    return pl.select(pl.concat_str(texts)).to_series() == whole


def _bare(keys: pl.Series) -> pl.Series:
    return keys.str.replace_all(r"[^\p{L}\p{N}]", "")
