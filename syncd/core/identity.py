"""What identifies a contact: its match value at the target, and the digests of its fields and of its row.

The target takes two contacts for the same one if all their match fields are equal (guide: Contacts, match fields).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl
import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

from syncd.core.columns import (
    CONTACT,
    DIGEST,
    EXCLUDED,
    INVALID,
    KEY,
    LINE,
    MATCH,
    ORIGIN,
    RAW,
    REASON,
    ROW,
    STATE,
    UNIT,
)
from syncd.core.mapping.phones import canonical
from syncd.core.schema import Schema

DIGEST_VERSION = 1
"""The top byte of a digest. Change it when the same contact would get another digest."""

REPEATED = "the same as an earlier row with its key"
"""Why a row is no contact of its own: it makes the contact that another row has made."""

# Stands for a field that is left alone: no text that passed the mapping contains it.
_ABSENT = "\x00"

# A multiplier that loses no bit, since it is odd, and the digest of an absent value. Other numbers would do as well.
_ODD, _NO_TEXT = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03

# What trimming or composing may change.
_UNSETTLED = r"^\s|\s$|[^\x00-\x7f]"


def as_frame(contacts: Sequence[Mapping[str, str]], names: Sequence[str]) -> pl.DataFrame:
    """Return these fields of contacts as a frame: a String column for each name, "" for an absent value."""
    columns = {name: [each.get(name) or "" for each in contacts] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def match_value(contacts: pl.DataFrame, schema: Schema, *, partly: bool = False) -> pl.Expr:
    """Return the canonical match value of these contacts: trimmed, NFC, phones as sets, joined by U+001F.

    It is null if a match field is empty or absent; ``partly``: only if all match fields are.
    """
    parts = [
        canonical(pl.col(name)) if name in schema.phones else _composed(contacts.get_column(name))
        for name in schema.match
    ]
    enough = pl.any_horizontal if partly else pl.all_horizontal
    filled = enough(pl.col(name).str.len_bytes() > 0 for name in schema.match)
    return pl.when(filled.fill_null(value=False)).then(pl.concat_str(parts, separator=UNIT)).alias(MATCH)


def plain_text(value: pl.Expr) -> pl.Expr:
    """Return text trimmed and in NFC: a target may write it in another way than it was sent."""
    return value.str.strip_chars().str.normalize("NFC")


def _composed(values: pl.Series) -> pl.Expr:
    value = pl.col(values.name)
    # Most columns need no change, and a look at a column is cheaper than to trim and compose it.
    return plain_text(value) if values.str.contains(_UNSETTLED).any() else value


def digest(fields: Sequence[str]) -> pl.Expr:
    """Return the digest (Int64) of the contact as it would be sent.

    The names of the fields are part of it, and a field that is cleared ("") differs from a field that is left alone
    (null). The low 56 bits are of XXH3, which is the same in every version and on every machine.
    """
    names = sorted(fields)
    head = pl.lit(UNIT.join(names))
    # Another order of the numbers makes another digest. To sort the numbers of all contacts would cost too much, so
    # ``compare.without_same`` compares numbers as sets, for the contacts whose digests differ; and ``in_one_order``
    # does so for the few contacts that share a key.
    text = pl.concat_str([head, *(pl.col(name).fill_null(_ABSENT) for name in names)], separator="\x1e")
    low: pl.Expr = text.nchash.xxh3_64() & pl.lit((1 << 56) - 1, dtype=pl.UInt64)  # type: ignore[attr-defined]
    return (low | pl.lit(DIGEST_VERSION << 56, dtype=pl.UInt64)).cast(pl.Int64).alias(DIGEST)


def row_digest(rows: pl.DataFrame, columns: Sequence[str], context: str) -> pl.Series:
    """Return ``@raw`` (Int64): the digest of these columns of each row as it was read.

    Two rows with the same digest make the same contact. ``context`` names everything beside the row that decides what
    contact it makes.
    """
    names = sorted(columns)
    # Each column has a digest of its own, so no text can pass for the border between two columns.
    parts = rows.select(pl.col(name).nchash.xxh3_64().fill_null(_NO_TEXT) for name in names)  # type: ignore[attr-defined]
    start = int.from_bytes(hashlib.sha256("\x1f".join([context, *names]).encode()).digest()[:8])
    whole = pl.lit(start, dtype=pl.UInt64)
    for name in names:
        whole = whole * pl.lit(_ODD, dtype=pl.UInt64) + pl.col(name)
    return parts.select(whole.reinterpret(signed=True).alias(RAW)).to_series()


def identify(contacts: pl.DataFrame, fields: Sequence[str], schema: Schema) -> pl.DataFrame:
    """Add ``@match`` and ``@digest`` to mapped contacts; one with an empty match value becomes invalid."""
    found = contacts.with_columns(match_value(contacts, schema), digest(fields))
    lacking = (pl.col(STATE) == CONTACT) & pl.col(MATCH).is_null()
    if not found.select(lacking.any()).item():
        return found
    reason = pl.lit(f"an empty match value ({', '.join(schema.match)})")
    return found.with_columns(
        pl.when(lacking).then(pl.lit(INVALID, dtype=pl.UInt8)).otherwise(pl.col(STATE)).alias(STATE),
        pl.when(lacking).then(reason).otherwise(pl.col(REASON)).alias(REASON),
    )


def duplicate_keys(read: pl.DataFrame, origins: Sequence[str]) -> pl.DataFrame:
    """Find the rows whose key an earlier row has: ``@row``, ``@state`` and ``@reason``, in reading order.

    A row that makes the same contact as an earlier one is excluded (:data:`REPEATED`); any other row is invalid.

    Args:
        read: ``@row``, ``@key``, ``@line``, ``@origin``, ``@state``, ``@digest``, in reading order.
        origins: the names of the origins.
    """
    # To group the rows of a large source by their keys costs much, and almost no source has a key twice.
    none = pl.DataFrame(schema={ROW: pl.UInt32, STATE: pl.UInt8, REASON: pl.String})
    if not repeats(read.get_column(KEY).drop_nulls()):
        return none
    # The fields of a row that is no contact have no meaning, and neither has its digest.
    made = read.filter(pl.col(STATE) == CONTACT)
    same = made.filter(~_is_first_of_contact(made)).get_column(ROW)
    repeated = same.to_frame().with_columns(
        pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE), pl.lit(REPEATED).alias(REASON)
    )
    rest = read.filter(~pl.col(ROW).is_in(same.implode())) if same.len() else read
    if not repeats(rest.get_column(KEY).drop_nulls()):
        return repeated
    twins = rest.filter(pl.col(KEY).is_not_null() & pl.col(KEY).is_duplicated())
    origin = pl.col(ORIGIN).replace_strict(dict(enumerate(origins)), default="?", return_dtype=pl.String)
    first = pl.format("{}:{}", origin, LINE).first().over(KEY)
    differing = twins.select(
        ROW,
        pl.lit(INVALID, dtype=pl.UInt8).alias(STATE),
        pl.format("duplicate key: {} has it too, and is used", first).alias(REASON),
    ).filter(~twins.get_column(KEY).is_first_distinct())
    return pl.concat([none, repeated, differing]).sort(ROW)


def differing_twins(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts that share a key and have several digests; ``rows``: ``@key``, ``@state``, ``@digest``."""
    if not repeats(rows.get_column(KEY).drop_nulls()):
        return rows.clear()
    made = rows.filter((pl.col(STATE) == CONTACT) & pl.col(KEY).is_not_null())
    keys = made.filter(_is_first_of_contact(made)).get_column(KEY)
    # An export that was appended to itself has every key twice, and no two contacts of one key.
    if not repeats(keys):
        return rows.clear()
    return made.filter(pl.col(KEY).is_in(keys.filter(keys.is_duplicated()).unique().implode()))


def _is_first_of_contact(rows: pl.DataFrame) -> pl.Series:
    """Return which rows have a ``@key`` and a ``@digest`` that no earlier row has together."""
    contact = pl.col(KEY).hash() * pl.lit(_ODD, dtype=pl.UInt64) + pl.col(DIGEST).reinterpret(signed=False)
    return rows.select(contact).to_series().is_first_distinct()


def in_one_order(contacts: pl.DataFrame, phones: Collection[str]) -> pl.DataFrame:
    """Give the contacts of a key that differ in the order of their numbers only the digest of the first of them.

    Args:
        contacts: ``@row``, ``@key``, ``@digest`` and fields, in reading order.
        phones: the names of the phone fields.

    Returns:
        ``@row`` and ``@digest``.
    """
    fields = [name for name in contacts.columns if not name.startswith("@")]
    ordered = contacts.with_columns(canonical(pl.col(name)) for name in fields if name in phones)
    return ordered.select(ROW, pl.col(DIGEST).first().over(KEY, digest(fields).alias("@ordered")))


def has_case(values: pl.Series) -> bool:
    """Return whether any of these values may differ from another value in case only."""
    # Not only letters have case: Ⓐ and Ⅳ have it, too.
    return bool(values.str.contains(r"[A-Za-z]|[^\x00-\x7f]").any())


def folded(values: pl.Series) -> pl.Series:
    """Return these values without their case, as ``str.casefold`` makes them."""
    plain = values.str.to_lowercase()
    # Polars has no casefold. Only beyond ASCII it differs from lower case (ß, ς).
    other = values.str.contains(r"[^\x00-\x7f]")
    if not other.any():
        return plain
    exact = pl.Series(values.name, [value.casefold() for value in values.filter(other)], dtype=pl.String)
    return plain.scatter(other.arg_true(), exact)


def folded_twins(contacts: pl.DataFrame) -> pl.Series:
    """Return the keys of contacts (``@key``, ``@match``) whose match values differ from another's only in case."""
    values = contacts.get_column(MATCH)
    if not has_case(values) or not repeats(folded(values)):
        return contacts.get_column(KEY).clear()
    distinct = contacts.filter(~pl.col(MATCH).is_duplicated())
    return distinct.get_column(KEY).filter(folded(distinct.get_column(MATCH)).is_duplicated())


def repeats(values: pl.Series) -> bool:
    """Return whether a value may occur twice; False is sure."""
    # A look at the hashes is quick. Two values with the same hash only make a wrong True.
    return bool(values.hash().n_unique() < len(values))


def merge_numbers(contacts: pl.DataFrame, winners: Mapping[str, Sequence[str]], phones: Sequence[str]) -> pl.DataFrame:
    """Give each winner the numbers of the contacts that are merged into it, and return the winners' rows.

    Args:
        contacts: winners and losers: ``@key`` and their fields.
        winners: the losers' keys in order, by the winner's key.
        phones: the names of the phone fields.
    """
    by_key = {row[KEY]: row for row in contacts.iter_rows(named=True)}
    rows = []
    for winner, losers in winners.items():
        group = [by_key[key] for key in (winner, *losers)]
        rows.append(group[0] | {name: _union(member[name] for member in group) for name in phones})
    return pl.DataFrame(rows, schema=contacts.schema)


def _union(values: Iterable[str | None]) -> str | None:
    """Return all numbers, each once; null if every contact leaves the target's value alone."""
    told = [value for value in values if value is not None]
    numbers = dict.fromkeys(number for value in told for number in value.split(";") if number)
    return ";".join(numbers) if told else None
