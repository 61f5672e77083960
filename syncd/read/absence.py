"""Proves that the rows are gone that a read lacks: some lists lose rows between two pages, and nothing shows it.

:mod:`syncd.core.reads.absence` decides. This module asks the source once more: for single keys, or for the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import polars as pl

from syncd.core.columns import KEY
from syncd.core.reads.absence import MOST_READINGS, Step, doubt, next_step
from syncd.errors import SourceError
from syncd.read.reading import Reading
from syncd.source import End, Rows

T = TypeVar("T")

UNANSWERED = "the list lacks this row, and the source did not say what became of it: its contact is left alone"


class Source(Protocol):
    """A source whose first read has ended, and the rows that were taken from it so far."""

    def read(self) -> Generator[Rows, None, End]:
        """Read from where the first read began."""

    def can_look_up(self) -> bool:
        """Return :meth:`syncd.source.Connector.can_look_up`."""

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        """Return :meth:`syncd.source.Connector.look_up`."""

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        """Return the key of each row; null for none."""

    def take(self, page: Rows) -> None:
        """Add rows to the reading."""

    def leave_alone(self, keys: Sequence[str], reason: str) -> None:
        """Add rows of which nothing is known but their keys."""

    def ended(self, end: End) -> Reading:
        """Return the reading with all rows that were added."""


def proved(reading: Reading, source: Source, *, from_start: bool, deletes: bool) -> Reading:
    """Return the reading, in which the keys that it lacks are surely gone, or do not count as gone.

    ``from_start``: the read began without a cursor. ``deletes``: a key that is gone has its contact deleted. Rows that
    only a further look at the source shows are in the reading that is returned.
    """
    end = reading.end
    listed = end.proof == "complete" or (end.proof == "partial" and reading.present is not None)
    if not (end.slips and listed):
        return reading
    begins = from_start and end.proof == "complete" and end.cursor is not None
    # Where nothing is deleted, the ledger keeps who is gone for ever, and each run would ask for them again.
    lacking = _lacking(reading) if deletes else ()
    if next_step(len(lacking), can_ask=False, readings=1, same=False, begins=begins) is Step.BELIEVE:
        return reading
    return _Search(reading, source, set(lacking), begins=begins).run()


def _lacking(reading: Reading) -> pl.Series:
    """Return the keys of the ledger that the reading neither shows nor names as gone."""
    here = [reading.verdicts.keys()]
    if reading.present is not None:
        here.append(reading.present.drop_nulls().alias(KEY))
    named = [*reading.end.deleted, *reading.end.merged]
    here.append(pl.Series(KEY, named, dtype=pl.String))
    rest = reading.recall.rest()
    return rest.filter(~rest.is_in(pl.concat(here).implode()))


@dataclass(slots=True)
class _Search:
    """Looks for the keys that a reading lacks. ``lacking`` are those that nothing has shown yet.

    ``shown``: the keys of all rows that were taken. ``listed``: what the last reading of the list held; None if that
    reading proves nothing.
    """

    reading: Reading
    source: Source
    lacking: set[str]
    begins: bool
    readings: int = 1
    same: bool = False
    error: str = ""
    unanswered: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    shown: set[str] = field(init=False)
    listed: set[str] | None = field(init=False)

    def __post_init__(self) -> None:
        self.shown = {*self.reading.recall.seen(KEY), *self.reading.verdicts.keys()}
        present = self.reading.present
        self.listed = set(self.shown) if present is None else set(present.drop_nulls())

    def run(self) -> Reading:
        while (step := self._next()) is Step.READ_AGAIN:
            self._read_again()
        if step is Step.ASK:
            self._ask()
        reading = self.source.ended(self._end(step))
        if reading.present is None:
            return reading
        if step is Step.DOUBT:
            # The changes are complete all the same. Without a new cursor, the next run lists the keys again.
            why = doubt(len(self.lacking), self.reading.end.slips, self.readings, self.error)
            end = replace(reading.end, warnings=[*reading.end.warnings, f"nothing is deleted: {why}"])
            return replace(reading, end=end, present=None)
        present = pl.concat([reading.present, pl.Series(reading.present.name, self.found, dtype=pl.String)])
        return replace(reading, present=present)

    def _next(self) -> Step:
        can_ask = not self.error and self.source.can_look_up()
        # A reading that failed is followed by no other one: what made it fail may take long again.
        readings = MOST_READINGS if self.error else self.readings
        return next_step(len(self.lacking), can_ask=can_ask, readings=readings, same=self.same, begins=self.begins)

    def _end(self, step: Step) -> End:
        """Return how the read ends, after all that was asked."""
        end = self.reading.end
        if step is Step.DOUBT and end.proof == "complete":
            why = doubt(len(self.lacking), end.slips, self.readings, self.error)
            return replace(end, proof="unproved", why=why, cursor=None)
        # The next read must begin where this one began if it has to look at the same rows again.
        sure = self.same or not (self.begins or self.unanswered or step is Step.DOUBT)
        return end if sure else replace(end, cursor=None)

    def _read_again(self) -> None:
        before, rows = self.listed, set[str]()
        self.readings += 1
        try:
            end = _each(self.source.read(), lambda page: self._take(page, rows))
        except SourceError as error:
            self.error = str(error)
            return
        self.listed = self._listed(end, rows)
        held = rows if self.listed is None else self.listed | rows
        self.found += sorted(held & self.lacking)
        self.lacking -= held
        self.same = self.listed is not None and self.listed == before

    def _listed(self, end: End, rows: set[str]) -> set[str] | None:
        if end.present is not None:
            return set(self.source.keys(end.present).drop_nulls())
        return rows if end.proof == "complete" else None

    def _ask(self) -> None:
        """Ask for each lacking key; who is not answered for is left alone."""
        rows, gone, asked = set[str](), frozenset[str](), sorted(self.lacking)
        try:
            gone = _each(self.source.look_up(asked), lambda page: self._take(page, rows))
        except SourceError as error:
            self.error = str(error)
        self.found += sorted(rows & self.lacking)
        self.unanswered = sorted(self.lacking - rows - gone)
        self.source.leave_alone(self.unanswered, f"{UNANSWERED}{f' ({self.error})' if self.error else ''}")

    def _take(self, page: Rows, keys_here: set[str]) -> None:
        """Note the keys of a page, and take its rows that no page has shown before."""
        keys = self.source.keys(page.frame)
        new = pl.Series([key is not None and key not in self.shown for key in keys], dtype=pl.Boolean)
        found = {key for key in keys if key is not None}
        keys_here |= found
        self.shown |= found
        if new.any():
            self.source.take(replace(page, frame=page.frame.filter(new), lines=page.lines.filter(new), malformed=()))


def _each(pages: Generator[Rows, None, T], take: Callable[[Rows], None]) -> T:
    """Take every page, and return what the generator returns."""
    while True:
        try:
            page = next(pages)
        except StopIteration as stop:
            result: T = stop.value
            return result
        take(page)
