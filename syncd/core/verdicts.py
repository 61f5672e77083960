"""Say what each row of a read is: a contact, invalid or excluded, with the reason.

An invalid row says nothing of its contact. So syncd does not send it, does not delete it, lets it keep its match value
at the target, and names its place. An excluded row is not wanted at the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import polars as pl

from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, RAW, REASON, ROW, STATE
from syncd.core.identity import duplicate_keys, repeats

ROWS = {
    ROW: pl.UInt32,
    KEY: pl.String,
    LINE: pl.UInt32,
    ORIGIN: pl.UInt32,
    STATE: pl.UInt8,
    MATCH: pl.String,
    DIGEST: pl.Int64,
    RAW: pl.Int64,
}
REASONS = {ROW: pl.UInt32, REASON: pl.String}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The rows of a read, and what each of them is. Every method returns a new value.

    ``rows``: a frame as :data:`ROWS`. ``reasons``: ``@row``, ``@reason`` of the rows that are no contacts. ``origins``:
    the names of the origins. ``joined``: the rows of contacts that were excluded after the read: merged into others, or
    not in the source's mode. ``made``: ``@row`` and fields of contacts that their rows alone do not make: they got the
    numbers of others, or go without a number; None if there are none. ``repeated``: rows that make the same contacts as
    earlier rows, and are not among ``rows``.
    """

    rows: pl.DataFrame
    reasons: pl.DataFrame
    origins: Sequence[str]
    joined: pl.Series = field(default_factory=lambda: pl.Series(ROW, dtype=pl.UInt32))
    made: pl.DataFrame | None = None
    repeated: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROWS))

    def contacts(self) -> pl.DataFrame:
        """Return the rows that are contacts."""
        return self.rows.filter(pl.col(STATE) == CONTACT)

    def keys(self) -> pl.Series:
        """Return the readable keys of all rows; a key may occur twice."""
        return self.rows.get_column(KEY).drop_nulls()

    def keyed_once(self) -> pl.DataFrame:
        """Return ``@key``, ``@state``, ``@digest``, ``@raw``, each key once: the row that is used stands for a key."""
        keyed = self.rows.filter(pl.col(KEY).is_not_null())
        if repeats(keyed.get_column(KEY)):
            # A row of a merged contact is used, although it is excluded. An invalid row comes next: it says nothing of
            # its contact, so an excluded row with the same key must not have the contact deleted.
            used = (pl.col(STATE) == CONTACT) | pl.col(ROW).is_in(self.joined.implode())
            rank = pl.when(used).then(0).when(pl.col(STATE) == INVALID).then(1).otherwise(2)
            keyed = keyed.sort(rank, maintain_order=True).unique(KEY, keep="first", maintain_order=True)
        return keyed.select(KEY, STATE, DIGEST, RAW)

    def unusable(self) -> pl.Series:
        """Return the keys that have rows, none of which can be used."""
        invalid = self.rows.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
        if invalid.is_empty():
            return invalid.get_column(KEY)
        # Of rows that share a key the first one is used, and the others are invalid.
        return invalid.join(self.contacts().select(KEY), on=KEY, how="anti").get_column(KEY)

    def missing(self, known: Iterable[pl.Series], named: Sequence[str] | None) -> pl.Series:
        """Return the keys that count as gone.

        Args:
            known: keys that may be at the target.
            named: the keys that a partial read names as gone; None for a whole read, in which every key without a row
                is gone.
        """
        if named is not None:
            excluded = self.rows.filter(pl.col(STATE) == EXCLUDED).get_column(KEY).drop_nulls()
            known = [pl.Series(named, dtype=pl.String), excluded]
        away = pl.concat([each.alias(KEY) for each in known]).unique()
        return away.filter(~away.is_in(self.contacts().get_column(KEY).implode()))

    def demoted(self, found: pl.DataFrame) -> Self:
        """Make contacts invalid or excluded: ``found`` holds ``@row``, ``@state``, ``@reason``."""
        if found.is_empty():
            return self
        new = found.select(ROW, pl.col(STATE).alias("@new"), REASON)
        rows = self.rows.join(new.select(ROW, "@new"), on=ROW, how="left", maintain_order="left")
        return replace(
            self,
            rows=rows.with_columns(pl.coalesce("@new", STATE).alias(STATE)).drop("@new"),
            reasons=pl.concat([self.reasons.join(new, on=ROW, how="anti"), new.select(ROW, REASON)]),
            # Series.append would change the verdicts that this method was called on.
            joined=pl.concat([self.joined, found.filter(pl.col(STATE) == EXCLUDED).get_column(ROW)]),
        )

    def without_duplicates(self) -> Self:
        """Let rows that make the same contact be one; make every other row invalid whose key an earlier row has."""
        found = duplicate_keys(self.rows.filter(pl.col(STATE) != EXCLUDED), self.origins)
        if found.is_empty():
            return self
        verdicts = self.demoted(found.filter(pl.col(STATE) == INVALID))
        same = found.filter(pl.col(STATE) == EXCLUDED).get_column(ROW)
        if same.is_empty():
            return verdicts
        # They are no excluded rows: an excluded row could have the contact of its key deleted.
        again = verdicts.rows.get_column(ROW).is_in(same.implode())
        repeated = pl.concat([self.repeated, verdicts.rows.filter(again)])
        return replace(verdicts, rows=verdicts.rows.filter(~again), repeated=repeated)

    def admitted(self, rows: pl.DataFrame) -> Self:
        """Put recognised rows, with their contacts' ``@digest``, among the rows that are compared."""
        return replace(self, rows=pl.concat([self.rows, rows.select(self.rows.columns)]).sort(ROW))

    def with_digests(self, digests: pl.DataFrame) -> Self:
        """Give rows other digests: ``digests`` holds ``@row``, ``@digest``."""
        return replace(self, rows=self.rows.update(digests, on=ROW, how="left"))

    def doubted(self, keys: pl.Series) -> Self:
        """Have the rows of these contacts mapped in the next read as well, even if they do not change."""
        sure = ~pl.col(KEY).is_in(keys.implode())
        return replace(self, rows=self.rows.with_columns(pl.when(sure).then(RAW).alias(RAW)))

    def with_merged(self, contacts: pl.DataFrame) -> Self:
        """Let these contacts (``@row``, ``@key``, ``@digest`` and fields) stand for the rows that they are made of."""
        # The digest of the merged contact makes the next run follow a number of any of its rows.
        return self.with_made(contacts).doubted(contacts.get_column(KEY))

    def with_made(self, contacts: pl.DataFrame) -> Self:
        """Let rows make these contacts: ``@row``, ``@digest`` and all fields."""
        made = contacts.select(ROW, *(name for name in contacts.columns if not name.startswith("@")))
        if self.made is not None:
            made = pl.concat([self.made.join(made, on=ROW, how="anti"), made.select(self.made.columns)])
        return replace(self.with_digests(contacts.select(ROW, DIGEST)), made=made)


def read_in_part(present: pl.Series, read: pl.Series) -> bool:
    """Return whether a key was read, and not in all of its rows; ``present``: the key of every row there is."""
    if not repeats(present):
        return False
    listed, seen = (keys.drop_nulls().alias(KEY).value_counts(name="rows") for keys in (present, read))
    both = listed.filter(pl.col("rows") > 1).join(seen, on=KEY, how="inner")
    return bool((both.get_column("rows") > both.get_column("rows_right")).any())


def unseen(present: pl.Series, *seen: pl.Series) -> pl.Series:
    """Return the keys that a source holds and that nobody has seen, each once.

    Such a key is asked for: its row may have come without a change of its date.
    """
    keys = present.drop_nulls().unique(maintain_order=True)
    for each in seen:
        # A table of the few keys is quicker than one of a million that were seen.
        known = each.filter(each.is_in(keys.implode())) if len(each) > len(keys) else each
        keys = keys.filter(~keys.is_in(known.implode()))
    return keys
