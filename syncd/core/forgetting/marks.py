"""The digests by which forgotten keys and numbers are recognised, and never named.

Beside each digest stands a sieve: 16 bits of a quick digest with the same salt. A million values pass the sieve in
frames, and the slow digest is made of the few that it lets through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from syncd.core.columns import UNIT

if TYPE_CHECKING:
    # Processes that only look for one number now and then need not load it.
    import polars as pl

What = Literal["number", "key"]

_BITS = 0xFFFF

Digests = Mapping[str, int | None]
"""Digests with their sieves; None where a digest was made before there were sieves."""


def digest_of(what: str, text: str, salt: str) -> str:
    """Return the salted digest of a number (digits), or of a key (:func:`key_text`), as 32 hexadecimal digits."""
    # The salt is the key, so that tables of digests made elsewhere are of no use.
    return hashlib.blake2b(f"{what}{UNIT}{text}".encode(), key=salt.encode(), digest_size=16).hexdigest()


def sieve_of(what: str, text: str, salt: str) -> int:
    """Return the sieve of what :func:`digest_of` makes the digest of."""
    import polars as pl

    return int(_sieves(pl.Series([text], dtype=pl.String), what, salt).item())


def key_text(source: str, key: str) -> str:
    """Return the text that stands for a key of a source in its digest."""
    return f"{source}{UNIT}{key}"


@dataclass(frozen=True, slots=True)
class Marks:
    """What was forgotten of one source: its keys, and the numbers that no source may send.

    ``stamp`` tells whether something was added or allowed since; "" if nothing was forgotten.
    """

    source: str = ""
    salt: str = ""
    stamp: str = ""
    keys: Digests = field(default_factory=dict)
    numbers: Digests = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.keys or self.numbers)

    def forgotten_keys(self, keys: pl.Series) -> pl.Series:
        """Return which keys (String, may be null) of the source were forgotten (Boolean)."""
        texts = keys if not self.keys else self.source + UNIT + keys
        found = _recognised(texts, "key", self.salt, self.keys)
        return texts.is_in(found.implode()).fill_null(value=False)

    def forgotten_numbers(self, numbers: pl.Series) -> pl.Series:
        """Return those of these numbers (digits, String) that were forgotten, each once."""
        return _recognised(numbers, "number", self.salt, self.numbers)


def _recognised(texts: pl.Series, what: What, salt: str, digests: Digests) -> pl.Series:
    """Return those of ``texts`` whose digests are among ``digests``, each once."""
    import polars as pl

    if not digests:
        return texts.clear()
    rest = texts.drop_nulls()
    sieves = [sieve for sieve in digests.values() if sieve is not None]
    if len(sieves) == len(digests):
        rest = rest.filter(_sieves(rest, what, salt).is_in(sieves))
    rest = rest.unique()
    known = [digest_of(what, text, salt) in digests for text in rest]
    return rest.filter(pl.Series(known, dtype=pl.Boolean))


def _sieves(texts: pl.Series, what: str, salt: str) -> pl.Series:
    """Return the sieves of these texts (UInt64)."""
    import polars as pl
    import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

    head = pl.lit(f"{salt}{UNIT}{what}{UNIT}")
    text = pl.concat_str(head, pl.lit(texts))
    return pl.select(text.nchash.xxh3_64() & pl.lit(_BITS, dtype=pl.UInt64)).to_series()  # type: ignore[attr-defined]


NOBODY = Marks()
"""The marks of a source of which nothing was forgotten."""
