"""Maps a sample of a source's rows and compares them with each other, for ``syncd check``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

import polars as pl

from syncd.core.claims import BY_SOURCE, FOREIGN, SEAT, resolve
from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, REASON, ROW, STATE, WARNING
from syncd.core.identity import differing_twins, duplicate_keys, folded, identify, in_one_order
from syncd.core.mapping.compiler import Mapping
from syncd.core.schema import Schema
from syncd.core.settings.rules import SharedMatch
from syncd.read.reader import next_page
from syncd.report.masking import masked
from syncd.source import Connector, End, Malformed, Rows

ROWS = 100_000
"""Rows that are read at most: seconds, for a file or a database."""

# A source behind an API may take an hour for as many rows as a file has.
SECONDS = 5.0
"""Seconds after which no further page is read."""

SHOWN = 3
"""Contacts that are shown, masked."""

SAME_KEY = "duplicate key: an earlier row has it too, and is used"
SAME_MATCH = "shares match fields with another contact"
MERGED = "merged into another contact that shares its match fields"

_TWIN = "@twin"
"""The ``@row`` of another row that has the same key or match value; null where there is none."""


@dataclass(slots=True)
class Sample:
    """The results. ``whole``: the source has no other rows. ``contacts``: a masked text for each.

    ``places``: the place of the first row with each reason. ``unproved``: why rows may be missing from a whole read.
    ``of_source``: what the source itself warns of.
    """

    rows: int = 0
    whole: bool = False
    unproved: str = ""
    of_source: Sequence[str] = ()
    good: int = 0
    contacts: list[str] = field(default_factory=list)
    invalid: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    keys: frozenset[str] = frozenset()


class Seen:
    """The contacts of the sources before: a match value that one of them has is taken.

    ``folds``: the target takes values that differ in case only for one.
    """

    def __init__(self, *, folds: bool = False) -> None:
        self._folds = folds
        self._contacts = pl.DataFrame(schema=FOREIGN)

    def judge(self, mapped: pl.DataFrame, source: str, policy: SharedMatch) -> pl.DataFrame:
        """Make each contact of ``source`` invalid (or merged) whose match value is taken; remember the others."""
        contacts = mapped.filter(pl.col(STATE) == CONTACT).select(ROW, KEY, MATCH)
        if self._folds:
            contacts = contacts.with_columns(folded(contacts.get_column(MATCH)))
        # The same function decides as in a run, so that the same rows are invalid.
        outranked = resolve(contacts.select(KEY, MATCH), self._contacts, policy).outranked
        named = _named(contacts.join(outranked.select(KEY, STATE, BY_SOURCE), on=KEY, how="inner"), contacts)
        # -1: the sources come in the order of the configuration, so that each is before the one that is judged next.
        rank, seat = pl.lit(-1, dtype=pl.Int32).alias("@rank"), pl.lit(None, dtype=pl.String).alias(SEAT)
        rest = contacts.join(outranked, on=KEY, how="anti")
        self._contacts = pl.concat(
            [self._contacts, rest.select(pl.lit(source).alias("@source"), rank, KEY, MATCH, seat)]
        )
        return mapped.update(named, on=ROW, how="left")


def _named(outranked: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """Give each outranked contact its reason, and the row that has its match value."""
    # The reason does not name the other contact's key, so that rows with the same reason are counted together.
    reason = (
        pl.when(pl.col(STATE) == EXCLUDED)
        .then(pl.lit(MERGED))
        .when(pl.col(BY_SOURCE) != "")
        .then(pl.format("shares match fields with a contact of source {}", BY_SOURCE))
        .otherwise(pl.lit(SAME_MATCH))
    )
    found = outranked.join(contacts.select(ROW, _twin(MATCH)), on=ROW, how="left")
    return found.select(ROW, STATE, reason.alias(REASON), _TWIN)


def _twin(column: str) -> pl.Expr:
    first, last = pl.col(ROW).first().over(column), pl.col(ROW).last().over(column)
    other = pl.when(first == pl.col(ROW)).then(last).otherwise(first)
    return pl.when(other != pl.col(ROW)).then(other).alias(_TWIN)


@dataclass(slots=True)
class _Looked:
    """The rows that were read, at most :data:`ROWS`. ``end``: how the read ended; None if it was broken off."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    places: list[pl.DataFrame] = field(default_factory=list)
    malformed: list[tuple[str, Malformed]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    height: int = 0
    end: End | None = None

    def add(self, page: Rows) -> bool:
        """Take a page; return False if only a part of it was taken."""
        if page.origin not in self.origins:
            self.origins.append(page.origin)
        frame, lines = page.frame.head(ROWS - self.height), page.lines.head(ROWS - self.height)
        whole = frame.height == page.frame.height
        # Of a page that is cut, later rows that cannot be read are left out too: the sample has not come to them.
        until = None if whole else int(lines.max() or 0)  # type: ignore[arg-type]  # UInt32
        self.malformed += [(page.origin, bad) for bad in page.malformed if until is None or bad.line <= until]
        self.frames.append(frame)
        origin = pl.lit(self.origins.index(page.origin), dtype=pl.UInt32).alias(ORIGIN)
        self.places.append(pl.DataFrame([lines.cast(pl.UInt32).alias(LINE)]).with_columns(origin))
        self.height += frame.height
        return whole


def sample_of(connector: Connector, mapping: Mapping, schema: Schema, seen: Seen, policy: SharedMatch) -> Sample:
    """Read a source, up to :data:`ROWS` rows and for :data:`SECONDS`, and judge its rows as a run would.

    ``seen``: the sources before this one. ``policy``: which of several contacts with one match value is sent.

    Raises:
        SourceError: it cannot be read.
        MappingError: an expression of the mapping fails.
    """
    looked = _look(connector)
    found = Sample(whole=looked.end is not None)
    if looked.end is not None:
        found.of_source = looked.end.warnings
    if looked.end is not None and looked.end.proof == "unproved":
        found.unproved = looked.end.why
    if looked.frames:
        mapped = _mapped(looked, mapping, schema)
        _fill_in(found, seen.judge(mapped, connector.name, policy), looked, mapping, schema)
    return found


def _look(connector: Connector) -> _Looked:
    looked, until = _Looked(), time.monotonic() + SECONDS
    # Closed at once when the sample is full: a connection would stay open for as long as the reading lives.
    with closing(connector.read(None)) as reading:
        while not isinstance(page := next_page(reading), End):
            if not looked.add(page) or time.monotonic() >= until:
                return looked
        looked.end = page
    return looked


def _mapped(looked: _Looked, mapping: Mapping, schema: Schema) -> pl.DataFrame:
    """Map the rows, and make each row invalid whose key an earlier row has; add ``@row``, ``@origin``, ``@twin``."""
    places = pl.concat(looked.places).with_row_index(ROW)
    rows = identify(
        mapping.apply(pl.concat(looked.frames), places.get_column(LINE)), list(mapping.fields), schema
    ).hstack(places.select(ROW, ORIGIN).with_columns(pl.lit(None, dtype=pl.UInt32).alias(_TWIN)))
    keyed = rows.filter((pl.col(STATE) != EXCLUDED) & pl.col(KEY).is_not_null())
    keyed = keyed.update(in_one_order(differing_twins(keyed), schema.phones), on=ROW, how="left")
    again = duplicate_keys(keyed, looked.origins)
    reason = pl.when(pl.col(STATE) == INVALID).then(pl.lit(SAME_KEY)).otherwise(REASON).alias(REASON)
    named = again.with_columns(reason).join(keyed.select(ROW, _twin(KEY)), on=ROW, how="left")
    return rows.update(named, on=ROW, how="left")


def _fill_in(found: Sample, mapped: pl.DataFrame, looked: _Looked, mapping: Mapping, schema: Schema) -> None:
    # Rows that cannot be read are rows too; they are not among the mapped ones.
    contacts = mapped.filter(pl.col(STATE) == CONTACT)
    found.rows = mapped.height + len(looked.malformed)
    found.good = contacts.height
    shown = contacts.head(SHOWN).select(mapping.fields)
    found.contacts = [_masked(row, schema) for row in shown.iter_rows(named=True)]
    found.excluded = Counter(mapped.filter(pl.col(STATE) == EXCLUDED).get_column(REASON).to_list())
    found.warnings = Counter(contacts.get_column(WARNING).drop_nulls().to_list())
    found.keys = frozenset(mapped.get_column(KEY).drop_nulls())
    unreadable = [(bad.reason, f"{origin}:{bad.line}") for origin, bad in looked.malformed]
    for reason, place in chain(unreadable, _invalid(mapped, looked.origins)):
        found.invalid[reason] += 1
        found.places.setdefault(reason, place)


def _invalid(mapped: pl.DataFrame, origins: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the reason and the place of each invalid row; a twin is named, so that a person finds both rows."""
    lines, origin = mapped.get_column(LINE), mapped.get_column(ORIGIN)

    def place(row: int) -> str:
        return f"{origins[origin[row]]}:{lines[row]}"

    for row, reason, twin in mapped.filter(pl.col(STATE) == INVALID).select(ROW, REASON, _TWIN).iter_rows():
        yield reason, place(row) + ("" if twin is None else f", beside {place(twin)}")


def _masked(contact: dict[str, str | None], schema: Schema) -> str:
    parts = [f"{name}: {masked(value, phone=name in schema.phones)}" for name, value in contact.items() if value]
    return " · ".join(parts)
