"""Finds what a partial read must ask for besides the changes: rows that nobody has seen, and rows that were invalid.

A row may appear with an old date: an import that keeps dates, or a row that is restored. No read of changes shows it,
but a sweep lists its key. And an invalid row may leave: its key has another row, which does not change.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl
import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

from syncd.core.columns import CONTACT, KEY, STATE, UNIT
from syncd.core.identity import repeats
from syncd.core.verdicts import Verdicts, read_in_part, unseen
from syncd.read.reading import Reading

MOST_LOOKED_UP = 1_000
"""The most keys that are looked up; if there are more, the source is read whole."""

MOST_INVALID_LOOKED_UP = 100
"""The most invalid rows that are looked up by a read without a sweep."""

MOST_REMEMBERED = 200_000
"""The most keys without a contact that are remembered; of more keys, each sweep may read the source whole."""

_NOBODY = pl.Series(KEY, dtype=pl.UInt64)


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier runs know of rows without a contact.

    ``unsent``: digests (UInt64) of the keys that the source holds and the ledger does not; None if they are too many.
    ``invalid``: the keys of invalid rows. ``keyless``: whether there are invalid rows without a readable key.
    """

    unsent: pl.Series | None = field(default_factory=_NOBODY.clone)
    invalid: frozenset[str] = frozenset()
    keyless: bool = False

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Self:
        """Return what the report of the last read says, as :meth:`after` and the report's ``invalid`` keep it."""
        text, invalid = report.get("unsent", ""), [each["key"] for each in report.get("invalid", ())]
        unsent = None if text is None else pl.Series(KEY, memoryview(base64.b64decode(text)).cast("Q"), pl.UInt64)
        return cls(unsent, frozenset(key for key in invalid if key is not None), None in invalid)

    def after(self, reading: Reading, verdicts: Verdicts, gone: Sequence[str]) -> str | None:
        """Return the digests of the keys without a contact after a read, as text; None if they are too many.

        ``gone``: the keys that a partial read names as gone.
        """
        rows = verdicts.rows.select(KEY, STATE).drop_nulls(KEY)
        present = reading.present if reading.present is not None else reading.listed
        if reading.end.proof == "partial" and present is None:
            # The source holds further keys, so nothing is added here: a sweep looks for them.
            touched = pl.concat([rows.get_column(KEY), pl.Series(KEY, gone, dtype=pl.String)])
            return _text(None if self.unsent is None else _without(self.unsent, touched))
        held = rows.filter(pl.col(STATE) != CONTACT).get_column(KEY)
        held = held if present is None else pl.concat([held, present.drop_nulls().alias(KEY)])
        contacts = rows.filter(pl.col(STATE) == CONTACT).get_column(KEY)
        # The ledger as it was before the run: a key that leaves it now is looked up once, and remembered then.
        return _text(_digests(unseen(held, contacts, reading.recall.ledger.get_column(KEY))) if len(held) else _NOBODY)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask the source for after a partial read. ``whole``: why it must be read whole; "" if that is not so.

    ``keys``: the keys to look up, as the source wrote them. ``required``: those, as the mapping writes them, that must
    be answered.
    """

    whole: str = ""
    keys: Sequence[str] = ()
    required: frozenset[str] = frozenset()


NOTHING = Question()

_UNSEEN = "the source lists keys that no read has shown"


def question(reading: Reading, seen: Seen, *, can_look_up: bool) -> Question:
    """Return what a read must ask for, so that it says of each key what a whole read would say."""
    if reading.end.proof != "partial":
        return NOTHING
    invalid = seen.invalid.difference(reading.verdicts.keys())
    if reading.present is not None and reading.end.present is not None:
        written = _joined(reading.end.present)
        # Behind the keys of the sweep stand those that a further look has found, whose rows are known.
        keys = reading.present.head(len(written))
        return _at_sweep(reading, keys, written, seen, invalid, can_look_up=can_look_up)
    return Question(keys=sorted(invalid)) if can_look_up and len(invalid) <= MOST_INVALID_LOOKED_UP else NOTHING


def _at_sweep(
    reading: Reading, keys: pl.Series, written: pl.Series, seen: Seen, invalid: frozenset[str], *, can_look_up: bool
) -> Question:
    """Return the question after a sweep: ``keys``: those that the source holds; ``written``: as the source has them."""
    if seen.keyless:
        return Question("rows without a readable key may have left")
    if read_in_part(keys, reading.verdicts.keys()):
        return Question("a key has further rows, which have not changed")
    unknown = unseen(keys, reading.verdicts.keys(), reading.recall.ledger.get_column(KEY))
    if len(unknown) and seen.unsent is None:
        return Question(_UNSEEN)
    if seen.unsent is not None:
        unknown = unknown.filter(~_digests(unknown).is_in(seen.unsent.implode()))
    # A second row with an old date changes what the first one means, and the other way round.
    twice = unseen(keys.filter(keys.is_duplicated()), reading.verdicts.keys()) if repeats(keys) else keys.clear()
    asked = pl.concat([unknown, twice.alias(KEY), pl.Series(KEY, sorted(invalid), dtype=pl.String)])
    found = pl.DataFrame([keys.alias(KEY), written]).filter(pl.col(KEY).is_in(asked.implode()))
    if not found.is_empty() and (not can_look_up or found.height > MOST_LOOKED_UP):
        return Question(_UNSEEN if len(unknown) else "invalid rows, or keys of several rows, may have changed")
    return Question("", found.get_column(written.name).unique(maintain_order=True).to_list(), frozenset(found[KEY]))


def unanswered(asked: Question, reading: Reading, gone: frozenset[str]) -> str:
    """Return why the source must be read whole after all: keys that have neither rows nor an answer."""
    left = asked.required - gone - set(reading.verdicts.keys())
    return "the source did not answer for keys that it lists" if left else ""


def _joined(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.concat_str(pl.all(), separator=UNIT, ignore_nulls=True).alias("@raw key")).to_series()


def _digests(keys: pl.Series) -> pl.Series:
    return pl.select(pl.lit(keys).nchash.xxh3_64()).to_series()  # type: ignore[attr-defined]


def _without(unsent: pl.Series, keys: pl.Series) -> pl.Series:
    return unsent.filter(~unsent.is_in(_digests(keys).implode())) if len(unsent) and len(keys) else unsent


def _text(digests: pl.Series | None) -> str | None:
    if digests is None or len(digests) > MOST_REMEMBERED:
        return None
    return base64.b64encode(digests.sort().to_numpy().tobytes()).decode()
