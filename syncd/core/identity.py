"""What a contact is to the target (its match values), what it says (its digest), and who else is the same contact.

The target takes two contacts for one when all their match fields are equal (guide: Contacts, match fields). Two
contacts of ours with one match value would overwrite each other for ever, so one policy decides which is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl
import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

from syncd.core.columns import (
    CONTACT,
    DIGEST,
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
"""The top byte of a digest: it changes when the same contact would be digested to something else."""

_ABSENT = "\x00"

_ODD, _NO_TEXT = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
"""A multiplier that loses no bit, and what stands for the digest of no text: any odd number and any number would do."""


_UNSETTLED = r"^\s|\s$|[^\x00-\x7f]"
"""What trimming and composing could change; most columns have nothing of it, and looking is cheaper than doing."""


def match_value(contacts: pl.DataFrame, schema: Schema, *, partly: bool = False) -> pl.Expr:
    """Return the canonical match value of these contacts: trimmed, NFC, phones as sets, joined by U+001F.

    It is null where a match field is empty or absent; ``partly``: where all of them are.
    """
    parts = [
        canonical(pl.col(name)) if name in schema.phones else _composed(contacts.get_column(name))
        for name in schema.match
    ]
    enough = pl.any_horizontal if partly else pl.all_horizontal
    filled = enough(pl.col(name).str.len_bytes() > 0 for name in schema.match)
    return pl.when(filled.fill_null(value=False)).then(pl.concat_str(parts, separator=UNIT)).alias(MATCH)


def _composed(values: pl.Series) -> pl.Expr:
    value = pl.col(values.name)
    return value.str.strip_chars().str.normalize("NFC") if values.str.contains(_UNSETTLED).any() else value


def digest(fields: Sequence[str]) -> pl.Expr:
    """Return the digest of the contact: Int64, as it would be sent.

    The field names are part of it, and so is the difference between a field that is cleared ("") and one that is
    left alone (null). The low 56 bits are of XXH3, which is the same in every version and on every machine. That the
    order of numbers does not count is for the comparison of those contacts whose digests differ.
    """
    names = sorted(fields)
    head = pl.lit(UNIT.join(names))
    text = pl.concat_str([head, *(pl.col(name).fill_null(_ABSENT) for name in names)], separator="\x1e")
    low: pl.Expr = text.nchash.xxh3_64() & pl.lit((1 << 56) - 1, dtype=pl.UInt64)  # type: ignore[attr-defined]
    return (low | pl.lit(DIGEST_VERSION << 56, dtype=pl.UInt64)).cast(pl.Int64).alias(DIGEST)


def row_digest(rows: pl.DataFrame, columns: Sequence[str], context: str) -> pl.Series:
    """Return ``@raw``: the digest of these columns of each row as it was read, in the ``context`` it is read in.

    Two rows with one digest make the same contact; ``context`` names all that besides the row decides what that is.
    Every column is digested by itself, so that no text can pass for the border between two.
    """
    names = sorted(columns)
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
    """Find the rows whose key an earlier row has: ``@row``, ``@state`` (invalid) and ``@reason``.

    ``read``: ``@row``, ``@key``, ``@line``, ``@origin``, in reading order. ``origins``: the names of the origins.
    """
    if not repeats(read.get_column(KEY).drop_nulls()):
        return pl.DataFrame(schema={ROW: pl.UInt32, STATE: pl.UInt8, REASON: pl.String})
    here = _place(origins, pl.col(ORIGIN), pl.col(LINE)).alias("@here")
    twins = read.filter(pl.col(KEY).is_not_null() & pl.col(KEY).is_duplicated()).with_columns(here)
    return (
        twins.select(
            ROW,
            pl.lit(INVALID, dtype=pl.UInt8).alias(STATE),
            pl.format("duplicate key: {} has it too, and is used", pl.col("@here").first().over(KEY)).alias(REASON),
            (pl.col(ROW) == pl.col(ROW).first().over(KEY)).alias("@first"),
        )
        .filter(~pl.col("@first"))
        .drop("@first")
    )


def _place(origins: Sequence[str], origin: pl.Expr, line: pl.Expr) -> pl.Expr:
    names = dict(enumerate(origins))
    return pl.format("{}:{}", origin.replace_strict(names, default="?", return_dtype=pl.String), line)


def has_case(values: pl.Series) -> bool:
    """Whether any of these values may differ from another in case only; not only letters have case (Ⓐ, Ⅳ)."""
    return bool(values.str.contains(r"[A-Za-z]|[^\x00-\x7f]").any())


def folded(values: pl.Series) -> pl.Series:
    """These values without their case, as ``str.casefold`` has it: where that may differ from lower case, by it."""
    plain = values.str.to_lowercase()
    other = values.str.contains(r"[^\x00-\x7f]")
    if not other.any():
        return plain
    exact = pl.Series(values.name, [value.casefold() for value in values.filter(other)], dtype=pl.String)
    return plain.scatter(other.arg_true(), exact)


def folded_twins(contacts: pl.DataFrame) -> pl.Series:
    """Return the keys of contacts whose match values differ from another's only in case (``@key``, ``@match``)."""
    values = contacts.get_column(MATCH)
    if not has_case(values) or not repeats(folded(values)):
        return contacts.get_column(KEY).clear()
    distinct = contacts.filter(~pl.col(MATCH).is_duplicated())
    return distinct.get_column(KEY).filter(folded(distinct.get_column(MATCH)).is_duplicated())


def repeats(values: pl.Series) -> bool:
    """Whether a value may occur twice: a quick look at their hashes, which can only err towards yes."""
    return bool(values.hash().n_unique() < len(values))


def merge_numbers(contacts: pl.DataFrame, winners: Mapping[str, Sequence[str]], phones: Sequence[str]) -> pl.DataFrame:
    """Give each winner the numbers of those merged into it.

    ``contacts`` holds winners and losers with their fields; ``winners`` maps a winner's key to the losers' keys, in
    order. Returns the winners' rows only.
    """
    by_key = {row[KEY]: row for row in contacts.iter_rows(named=True)}
    rows = []
    for winner, losers in winners.items():
        group = [by_key[winner], *(by_key[loser] for loser in losers)]
        numbers = {name: _union(member[name] for member in group) for name in phones}
        rows.append({**by_key[winner], **numbers})
    return pl.DataFrame(rows, schema=contacts.schema)


def _union(values: Iterable[str | None]) -> str | None:
    """All numbers, each once; null where every contact leaves the target's value alone."""
    told = [value for value in values if value is not None]
    numbers = dict.fromkeys(number for value in told for number in value.split(";") if number)
    return ";".join(numbers) if told else None


def takeovers(merged: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return which key takes over the contact of which one: new key to old key.

    Args:
        merged: as the source reports it, old key to surviving key; a survivor may be merged in turn.
        known: those of all these keys that the ledger holds. A survivor that the ledger holds takes nothing over: the
            old key's contact leaves with its row.
    """
    found: dict[str, str] = {}
    for old in sorted(merged):
        new = _survivor(old, merged)
        if old in known and new not in known and old != new:
            found.setdefault(new, old)
    return found


def _survivor(key: str, merged: Mapping[str, str]) -> str:
    """Follow merges to the key that is left; a circle ends where it began."""
    seen = {key}
    while (key := merged.get(key, key)) not in seen:
        seen.add(key)
    return key
