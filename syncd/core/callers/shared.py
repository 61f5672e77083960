"""Find the contacts that share a phone number."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from syncd.core.columns import KEY

_N, _AT = "@number", "@at"

# Contacts whose numbers are split at once: the numbers of a first load take more memory than all its other data.
_PAGE = 100_000


def numbers_of(contacts: pl.DataFrame, who: str, phones: Collection[str]) -> pl.DataFrame:
    """Return ``who`` (a column of ``contacts``) and ``@number`` (UInt64): a row for each number of each contact, once.

    ``@number`` is a digest of the digits, without the leading 1 of the North American plan.
    """
    names = [name for name in sorted(phones) if name in contacts.columns]
    if not names:
        return pl.DataFrame(schema={who: contacts.schema[who], _N: pl.UInt64})
    pages = (contacts.slice(start, _PAGE) for start in range(0, max(contacts.height, 1), _PAGE))
    return pl.concat([_digests(page.select(who, *names), who, names) for page in pages])


def _digests(contacts: pl.DataFrame, who: str, phones: Sequence[str]) -> pl.DataFrame:
    numbers = pl.concat_list(pl.col(name).fill_null("").str.split(";") for name in phones)
    digits = pl.col(_N).str.replace_all(r"\D", "").str.replace(r"^1(\d{10})$", "$1")
    found = contacts.select(who, numbers.alias(_N)).explode(_N).with_columns(digits.alias(_N))
    return found.filter(pl.col(_N).str.len_bytes() > 0).select(who, pl.col(_N).hash()).unique([who, _N])


def sharing_a_number(contacts: pl.DataFrame, phones: Collection[str]) -> list[str]:
    """Return the keys of the contacts (``@key`` and their fields) that share a number with another contact, sorted."""
    if contacts.height < 2:
        return []
    # Positions take less memory than keys.
    found = numbers_of(contacts.with_row_index(_AT), _AT, phones)
    places = found.filter(pl.col(_N).is_duplicated()).get_column(_AT).unique()
    return contacts.get_column(KEY).gather(places).sort().to_list()


def groups_of_one_number(contacts: pl.DataFrame, who: str, phones: Collection[str]) -> list[list[int]]:
    """Return the groups of contacts (values of ``who``, ascending) that share a number; each group once, sorted."""
    found = numbers_of(contacts, who, phones).filter(pl.col(_N).is_duplicated())
    groups = found.group_by(_N).agg(pl.col(who).sort()).get_column(who).to_list()
    return [list(each) for each in sorted({tuple(group) for group in groups})]
