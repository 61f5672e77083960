"""Numbers, names and lists as people read them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from syncd.core.columns import UNIT

HELD_WORDS: Mapping[str, str] = {
    "delete": "delete",
    "update": "update",
    "create": "record",
    "associate": "association",
    "lead": "new contact",
}
"""What a list of each kind has, as people read it; of the other kinds it has changes."""


def counted(count: int, one: str, many: str = "") -> str:
    """Return ``1 contact``, ``2,003 contacts``; ``many``: the plural, if it is not ``one`` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sized(size: float) -> str:
    """Return a number of bytes for people: ``512 B``, ``4 MB``, ``17 GB``."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.0f} GB"


def percent(share: float) -> str:
    """Return ``20 %``, or ``0.5 %`` below one percent, rounded down."""
    # Nearly all must not read as all: 99.9 % is shown as 99 %. The small number makes up for 0.29 * 100 < 29.
    rounded = f"{share * 100:.1f}".removesuffix(".0") if share < 0.01 else str(int(share * 100 + 1e-9))
    return f"{rounded} %"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'Phone'?)`` with the known name that is most like ``name``, or ""."""
    # A difference in case alone is the most likely mistake.
    folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def shown_key(key: str) -> str:
    """Return a key for people: the parts of a composite key are joined by ``+``."""
    return key.replace(UNIT, "+")


def listed(names: Collection[str], most: int = 5) -> str:
    """Name a few keys or names, and say how many more there are."""
    shown = [shown_key(name) for name in list(names)[:most]]
    return ", ".join(shown) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def no_column(name: str, columns: Sequence[str]) -> str:
    """Return a sentence that names the missing column and the columns that may be meant."""
    # The CSV connector numbers columns that share a name in a header: phone_1, phone_2.
    numbered = [column for column in columns if re.fullmatch(rf"{re.escape(name)}_[1-9][0-9]*", column)]
    if len(numbered) < 2:
        return f"the source has no column {name!r}{nearest(name, columns)}"
    return (
        f"the source has no single column {name!r} but {len(numbered)}, which are told apart by a number: "
        f"write the one that is meant, {' or '.join(map(repr, numbered))}"
    )
