"""Keeps the rows of a read that are no contacts, or lost a number, as they were read: whose numbers are they?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from syncd.core.columns import CONTACT, EXCLUDED, LINE, ROW, STATE, WARNING
from syncd.core.mapping import compiler
from syncd.core.mapping.phones import LEFT_OUT
from syncd.core.schema import Schema
from syncd.core.settings.rules import SourceRules

MOST = 100_000
"""So many excluded rows are kept of a read, and so many others."""


@dataclass(slots=True)
class TurnedAway:
    """Some rows of one read. ``more``: whether there were more of them than are kept."""

    more: bool = False
    _rows: list[tuple[pl.DataFrame, pl.Series]] = field(default_factory=list)
    _kept: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> None:
        """Take a page of the source's rows and what became of them: those that are no contact, or lost a number."""
        excluded = mapped.get_column(STATE) == EXCLUDED
        others = (mapped.get_column(STATE) != CONTACT) & ~excluded
        warnings = mapped.get_column(WARNING)
        if warnings.null_count() < mapped.height:
            others |= warnings.str.contains(LEFT_OUT, literal=True).fill_null(value=False)
        for kind, here in enumerate((excluded, others)):
            if here.any():
                self._take(kind, rows.filter(here), mapped.filter(here).get_column(ROW))

    def _take(self, kind: int, rows: pl.DataFrame, places: pl.Series) -> None:
        room = MOST - self._kept[kind]
        self.more |= rows.height > room
        if room:
            self._rows.append((rows.head(room), places.head(room)))
            self._kept[kind] += min(room, rows.height)

    def mark(self) -> list[int]:
        """Return digests of the rows, by which two reads are compared."""
        return [int(rows.with_columns(at.alias(ROW)).hash_rows().sum()) for rows, at in self._rows]

    def mapped(self, rules: SourceRules, schema: Schema, wanted: Sequence[str]) -> pl.DataFrame:
        """Return ``@row`` and these fields of the rows, with impossible numbers as they stand there.

        A row whose expressions fail for too many rows has no fields.
        """
        known = {name: replace(rules.mapping[name], empty="clear") for name in wanted if name in rules.mapping}
        phones = replace(rules.phones, invalid="keep")
        loose = replace(rules, mapping=known, where=None, require=(), phones=phones)
        found = [pl.DataFrame(schema={ROW: pl.UInt32, **dict.fromkeys(known, pl.String)})]
        for rows, at in self._rows:
            try:
                page = compiler.compile(loose, rows.columns, schema).apply(rows, at.alias(LINE))
            except compiler.MappingError:
                continue
            found.append(page.select(at.alias(ROW), *known))
        return pl.concat(found)
