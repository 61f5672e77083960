"""The result of one read of a source, before anything is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from syncd.core.columns import EXCLUDED, INVALID, KEY, LINE, ORIGIN, REASON, ROW, STATE
from syncd.core.identity import REPEATED, differing_twins, digest, in_one_order, merge_numbers
from syncd.core.schema import Schema
from syncd.core.verdicts import Verdicts
from syncd.read.spool import Spool
from syncd.read.turned_away import TurnedAway
from syncd.read.unchanged_rows import Recall
from syncd.source import End


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of a source.

    ``verdicts``: the rows that were mapped. ``warnings``: ``@row``, ``@warning``. ``malformed``: origin, line and
    reason of the rows that could not be read. ``present``: beside a partial read, the keys of all rows that the source
    holds (null: a row without a key). ``lacks``: why the rows of a partial read are not enough, "" if they are.
    ``listed``: the keys that a sweep listed before this whole read. ``entities``: how many cells of a column hold an
    HTML entity. ``left_out``: the keys of rows that were left out, since they, or their numbers, were forgotten.
    ``turned_away``: rows that are no contacts, or lost a number.
    """

    # Planning returns further verdicts and changes nothing here, so that the order of its steps does not matter.

    end: End
    verdicts: Verdicts
    warnings: pl.DataFrame
    malformed: Sequence[tuple[int, int, str]]
    spool: Spool
    recall: Recall
    present: pl.Series | None = None
    lacks: str = ""
    listed: pl.Series | None = None
    entities: Mapping[str, int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    turned_away: TurnedAway = field(default_factory=TurnedAway)

    @property
    def keyless(self) -> int:
        """How many rows have no readable key: each of them may be the row of any contact that the read lacks."""
        present = 0 if self.present is None else self.present.null_count()
        rows, malformed = self.verdicts.rows, len(self.malformed)
        if not rows.get_column(KEY).null_count():
            return present + malformed
        return present + malformed + rows.filter(pl.col(KEY).is_null() & (pl.col(STATE) == INVALID)).height

    def count(self, verdicts: Verdicts) -> int:
        """Return how many rows the source has, readable or not."""
        known = self.recall.unchanged + self.recall.repeated + len(self.left_out)
        # A contact that was called back without its row has no line.
        read = verdicts.rows.get_column(LINE).count()
        return known + read + verdicts.repeated.height + len(self.malformed)

    def place(self, origin: int, line: int) -> str:
        """Return where a row stands, as ``tenants.csv:12``; a row that was never seen (line 0) has no number."""
        return f"{self.verdicts.origins[origin]}:{line}" if line else self.verdicts.origins[origin]

    def fetch(self, verdicts: Verdicts, keys: pl.Series) -> pl.DataFrame:
        """Return the contacts with these keys, with their fields, in reading order."""
        rows = verdicts.contacts().join(keys.to_frame(KEY), on=KEY, how="semi", maintain_order="left").drop(STATE)
        if verdicts.made is None:
            return self.spool.fetch(rows)
        found = self.spool.fetch(rows.join(verdicts.made, on=ROW, how="anti"))
        made = rows.join(verdicts.made, on=ROW, how="inner").select(found.columns)
        return pl.concat([found, made]).sort(ROW)

    def merge(self, verdicts: Verdicts, winners: Mapping[str, Sequence[str]], schema: Schema) -> Verdicts:
        """Give contacts the numbers of others; ``winners``: the keys that are merged into each key, in order."""
        if not winners:
            return verdicts
        group = [key for winner, merged in winners.items() for key in (winner, *merged)]
        # An invalid row of a merged key is a duplicate: another row of the key is used.
        used = verdicts.rows.filter(pl.col(KEY).is_in(group) & (pl.col(STATE) != INVALID))
        contacts = self.spool.fetch(used)
        fields = [name for name in contacts.columns if not name.startswith("@")]
        together = merge_numbers(contacts, winners, [name for name in fields if name in schema.phones])
        return verdicts.with_merged(together.with_columns(digest(fields)))

    def invalid(self, verdicts: Verdicts) -> list[dict[str, Any]]:
        """Return ``key``, ``at``, ``reason`` of the rows that are malformed or invalid, in the source's order."""
        # A row without a reason in the verdicts has an empty reason: JSON and the screen expect a text.
        bad = verdicts.rows.filter(pl.col(STATE) == INVALID)
        if bad.is_empty() and not self.malformed:
            return []
        bad = bad.join(verdicts.reasons, on=ROW, how="left", maintain_order="left")
        found = [(origin, line, None, reason) for origin, line, reason in self.malformed]
        found += bad.select(ORIGIN, LINE, KEY, pl.col(REASON).fill_null("")).rows()
        found.sort(key=lambda row: row[:2])
        return [{"key": key, "at": self.place(origin, line), "reason": why} for origin, line, key, why in found]


def without_duplicates(
    verdicts: Verdicts, phones: frozenset[str], valued: Callable[[pl.DataFrame], pl.DataFrame]
) -> Verdicts:
    """Let rows that make the same contact be one, also if the order of their numbers differs.

    Every other row is invalid whose key an earlier row has. ``valued`` puts the fields of the contacts beside rows, in
    reading order.
    """
    differing = differing_twins(verdicts.rows)
    # Almost no source has such rows, so the fields of the others stay in the spool.
    if differing.height:
        verdicts = verdicts.with_digests(in_one_order(valued(differing), phones))
    return verdicts.without_duplicates()


def excluded(reading: Reading, verdicts: Verdicts) -> list[dict[str, Any]]:
    """Return ``reason`` and ``count`` of excluded rows, the most frequent first; repeated rows are among them."""
    rows = verdicts.rows.filter(pl.col(STATE) == EXCLUDED).select(ROW)
    again = reading.recall.repeated + verdicts.repeated.height
    if rows.is_empty() and not again:
        return []
    counts = rows.join(verdicts.reasons, on=ROW, how="left").group_by(reason=REASON).agg(count=pl.len().cast(pl.Int64))
    if again:
        counts = pl.concat([counts, pl.DataFrame({"reason": [REPEATED], "count": [again]})])
    return counts.sort("count", "reason", descending=[True, False]).to_dicts()
