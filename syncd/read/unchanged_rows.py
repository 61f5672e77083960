"""Recognises rows that are as they were when their contacts were last accepted: they need no second look.

Beside each contact the ledger holds the digest of the row that it was made of. A row with this digest would make the
same contact again, so it is neither mapped nor compared. If another row has its key, or another contact its match
value, the row is called back: it is compared like a new row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from syncd.core.columns import CONTACT, KEY, LINE, MATCH, ORIGIN, RAW, ROW, STATE
from syncd.core.identity import folded, has_case, row_digest
from syncd.state.ledger import ROW_DIGESTS, LedgerParts

MOST_ROWS_LOOKED_UP = 10_000
"""Changed rows up to which the ledger is asked for what they touch; for more it is read whole, which takes as long."""

_PLACES = {RAW: pl.Int64, ROW: pl.UInt32, LINE: pl.UInt32, ORIGIN: pl.UInt32}


@dataclass(eq=False)
class Recall:
    """The ledger of a source while it is read.

    ``load`` returns ``@key``, ``@raw``, ``@match`` of all its contacts; it is called once, when it is needed.
    ``columns``: those that decide what contact a row makes. ``context``: all else that decides it, or None where
    every row must be looked at. ``parts``: answers for single contacts, until the whole ledger is needed.
    ``is_ready``: whether ``load`` returns at once.
    """

    load: Callable[[], pl.DataFrame]
    columns: Sequence[str] = ()
    context: str | None = None
    parts: LedgerParts | None = None
    is_ready: Callable[[], bool] = lambda: True
    _places: list[pl.DataFrame] = field(default_factory=list, init=False)
    # Which contacts of the ledger have a row that was recognised and not called back; None: not one was looked for.
    _same: pl.Series | None = field(default=None, init=False)
    _called_back: int = field(default=0, init=False)
    _new_keys: dict[str, str] = field(default_factory=dict, init=False)

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """``@key``, ``@raw``, ``@match`` of every contact that the ledger holds."""
        # From now on the whole ledger answers: each question to its parts would cost a query.
        self.parts = None
        return self._with_new_keys(self.load())

    def needs_whole_ledger(self, rows: int) -> bool:
        """Return whether the ledger must be read whole for so many rows."""
        return self.parts is None or rows > MOST_ROWS_LOOKED_UP

    @cached_property
    def height(self) -> int:
        """How many contacts the ledger holds."""
        return self.parts.count() if self.parts else self.ledger.height

    @property
    def unchanged(self) -> int:
        """How many contacts have rows that were recognised and not called back."""
        return 0 if self._same is None else int(self._same.sum())

    @property
    def repeated(self) -> int:
        """How many rows, recognised and not called back, are equal to an earlier row."""
        # Rows with one digest have one key, and make one contact.
        return sum(places.height for places in self._places) - self._called_back - self.unchanged

    def digests(self, page: pl.DataFrame) -> pl.Series:
        """Return ``@raw`` of a page's rows."""
        # A row with a null digest is never recognised.
        if self.context is None:
            return pl.Series(RAW, [None], dtype=pl.Int64).new_from_index(0, page.height)
        return row_digest(page, self.columns, self.context)

    def recognised(self, digests: pl.Series) -> pl.Series:
        """Return which rows of a page, by their digests, need no second look (Boolean)."""
        known = self.ledger.get_column(RAW)
        here = known.is_in(digests.drop_nulls().unique().implode()).fill_null(value=False)
        self._same = here if self._same is None else self._same | here
        return digests.is_in(known.filter(here).implode()).fill_null(value=False)

    def keep(self, places: pl.DataFrame) -> None:
        """Remember where recognised rows stand: ``@raw``, ``@row``, ``@line``, ``@origin``."""
        self._places.append(places)

    def call_back(self, keys: pl.Series, matches: pl.Series) -> pl.DataFrame:
        """Have a second look at recognised rows that share a key, or a match value in any case of letters.

        Returns:
            ``@row``, ``@key``, ``@line``, ``@origin``, ``@state``, ``@match``, ``@raw``, in reading order.
        """
        places = pl.concat(self._places) if self._places else pl.DataFrame(schema=_PLACES)
        if self._same is None or places.is_empty():
            return _with_places(places, pl.DataFrame(schema=ROW_DIGESTS))
        ledger = self.ledger
        touched = ledger.get_column(KEY).is_in(keys.drop_nulls().implode()) | _among(ledger.get_column(MATCH), matches)
        back = _with_places(places, ledger.filter(self._same & touched))
        self._same &= ~touched
        self._called_back += back.height
        return back

    def rest(self) -> pl.Series:
        """Return the keys of the ledger whose rows were not read, or must be compared."""
        keys = self.ledger.get_column(KEY)
        return keys if self._same is None else keys.filter(~self._same)

    def rename(self, new_keys: Mapping[str, str]) -> None:
        """Let the ledger hold contacts under other keys: old to new."""
        self._new_keys |= new_keys
        if new_keys and self.parts is None:
            self.__dict__["ledger"] = self._with_new_keys(self.ledger)

    def with_keys(self, keys: pl.Series) -> pl.DataFrame:
        """Return ``@key``, ``@raw``, ``@match`` of the contacts with these keys, and maybe of others."""
        if self.parts is None:
            return self.ledger
        old_keys = {new: old for old, new in self._new_keys.items()}
        return self._with_new_keys(self.parts.with_keys(keys.replace(old_keys) if old_keys else keys))

    def unread(self, matches: pl.Series, absent: pl.Series) -> pl.Series:
        """Return those match values, of contacts whose rows were not recognised, that any of ``matches`` may meet.

        Without contacts that have one of the keys ``absent``.
        """
        if self.parts is not None:
            found = self._with_new_keys(self.parts.with_matches(matches))
        else:
            found = self.ledger if self._same is None else self.ledger.filter(~self._same)
        return found.filter(~pl.col(KEY).is_in(absent.implode())).get_column(MATCH)

    def has_read(self, keys: Sequence[str]) -> set[str]:
        """Return those of ``keys`` whose rows were recognised and not called back."""
        known = self.seen(KEY)
        return set(known.filter(known.is_in(list(keys)))) if keys else set()

    def seen(self, column: str) -> pl.Series:
        """Return ``@key`` or ``@match`` of the contacts whose rows were recognised and not called back."""
        # Without a recognised row the ledger may not have been read, and is not needed.
        empty = pl.Series(column, dtype=pl.String)
        return empty if self._same is None else self.ledger.get_column(column).filter(self._same)

    def _with_new_keys(self, ledger: pl.DataFrame) -> pl.DataFrame:
        return ledger.with_columns(pl.col(KEY).replace(self._new_keys)) if self._new_keys else ledger


def _with_places(places: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts of the ledger as rows of the read, in reading order."""
    found = places.join(ledger, on=RAW, how="inner").sort(ROW)
    return found.select(ROW, KEY, LINE, ORIGIN, pl.lit(CONTACT, dtype=pl.UInt8).alias(STATE), MATCH, RAW)


def _among(values: pl.Series, wanted: pl.Series) -> pl.Series:
    """Return which of ``values`` are among ``wanted``, whatever the case of their letters."""
    # The values are those of the whole ledger: they are folded only if a wanted value has letters.
    if has_case(wanted):
        values, wanted = folded(values), folded(wanted.drop_nulls())
    return values.is_in(wanted.drop_nulls().unique().implode())
