"""Reads one source: its rows become contacts, page by page, and are spooled to a temporary file.

Nothing is decided before the source was read to its end. What stays in memory is (key, digest, match) of each contact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from syncd.core.columns import (
    CONTACT,
    LINE,
    ORIGIN,
    RAW,
    REASON,
    ROW,
    STATE,
    WARNING,
)
from syncd.core.identity import identify
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.schema import Schema
from syncd.core.verdicts import REASONS, ROWS, Verdicts
from syncd.read.reading import Reading
from syncd.read.spool import Spool
from syncd.read.unchanged_rows import FEW, Recall
from syncd.source import Connector, End, Rows

PATIENCE = 0.2
"""Seconds after which a wait for the source looks whether the run was asked to stop."""

AHEAD = 2
"""Pages that may have been read before they are looked at."""

HELD = 6
"""Pages that may wait for the ledger: while that is read, the source is read on."""

Found = TypeVar("Found")

TOGETHER = 50_000
"""So many rows at least are mapped at a time: a few of each of many pages cost more apart."""

_WARNINGS = {ROW: pl.UInt32, WARNING: pl.String}


@dataclass(slots=True)
class _Pages:
    """Collects what stays in memory of each page."""

    spool: Spool
    recall: Recall
    lean: list[pl.DataFrame] = field(default_factory=list)
    notes: list[pl.DataFrame] = field(default_factory=list)
    warnings: list[pl.DataFrame] = field(default_factory=list)
    malformed: list[tuple[int, int, str]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    arrived: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    waiting: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    height: int = 0

    def add(self, page: Rows, mapping: ContactMapping, schema: Schema) -> None:
        """Take a page; as soon as it is worth while, map the rows that are not recognised."""
        if page.origin not in self.origins:
            self.origins.append(page.origin)
        origin = self.origins.index(page.origin)
        self.malformed += [(origin, bad.line, bad.reason) for bad in page.malformed]
        places = pl.DataFrame([self.recall.digests(page.frame), page.lines.cast(pl.UInt32).alias(LINE)]).with_columns(
            pl.lit(origin, dtype=pl.UInt32).alias(ORIGIN),
            pl.int_range(self.height, self.height + page.frame.height, dtype=pl.UInt32).alias(ROW),
        )
        self.height += page.frame.height
        self.arrived.append((page.frame, places))
        asks = self.recall.may_ask and self.height <= FEW
        if not asks and (self.recall.is_ready() or len(self.arrived) >= HELD):
            self.recognise()
        if sum(rows.height for rows, _ in self.waiting) >= TOGETHER:
            self.map(mapping, schema)

    def recognise(self) -> None:
        """Sort out the rows that need no second look: of many pages at once, since each look is at the whole ledger."""
        if not self.arrived:
            return
        every = self.recall.recognised(pl.concat([places.get_column(RAW) for _, places in self.arrived]))
        begin = 0
        for rows, places in self.arrived:
            same = every.slice(begin, places.height)
            begin += places.height
            self.recall.keep(places.filter(same))
            self.waiting.append((rows.filter(~same), places.filter(~same)))
        self.arrived.clear()

    def end(self, end: End, mapping: ContactMapping, schema: Schema) -> None:
        """Map the rest; the few rows of a partial read need not be recognised."""
        if end.proof != "partial":
            self.recognise()
        self.waiting += self.arrived
        self.map(mapping, schema)

    def map(self, mapping: ContactMapping, schema: Schema) -> None:
        """Map the rows that wait for it."""
        if not self.waiting:
            return
        rows, at = (pl.concat(parts) for parts in zip(*self.waiting, strict=True))
        self.waiting.clear()
        mapped = identify(mapping.apply(rows, at.get_column(LINE)), list(mapping.fields), schema)
        silent = (pl.col(STATE) == CONTACT) & pl.col(WARNING).is_null()
        self._keep(
            mapped.hstack(at.select(ORIGIN, ROW, RAW)).with_columns(pl.when(silent).then(RAW).alias(RAW)), mapping
        )

    def _keep(self, mapped: pl.DataFrame, mapping: ContactMapping) -> None:
        self.lean.append(mapped.select(*ROWS))
        self.notes.append(mapped.filter(pl.col(STATE) != CONTACT).select(ROW, REASON))
        self.warnings.append(mapped.filter(pl.col(WARNING).is_not_null()).select(ROW, WARNING))
        self.spool.append(mapped.filter(pl.col(STATE) == CONTACT).select(ROW, *mapping.fields), self.height)


def _next(reading: Generator[Rows, None, End]) -> Rows | End:
    """The next page, or how the read ended."""
    try:
        return next(reading)
    except StopIteration as stop:
        end: End = stop.value
        return end


def _arrived(coming: Future[Found], waiting: Callable[[], None]) -> Found:
    """What comes, once it is there; ``waiting`` is called meanwhile, and may end the wait."""
    while not wait([coming], timeout=PATIENCE).done:
        waiting()
    return coming.result()


def columns_of(connector: Connector, waiting: Callable[[], None]) -> list[str]:
    """Have the connector prove that it can be read; ``waiting`` is called meanwhile, and may end the wait."""
    with ThreadPoolExecutor(1, thread_name_prefix="check") as pool:
        try:
            return _arrived(pool.submit(connector.check), waiting)
        except BaseException:
            connector.cancel()
            raise


def read_source(
    connector: Connector,
    cursor: str | None,
    mapping: ContactMapping,
    schema: Schema,
    spool: Spool,
    progress: Callable[[int], None],
    recall: Recall,
) -> Reading:
    """Read the source to its end and map every row that ``recall`` does not recognise, a page while the next are read.

    ``progress`` is told the rows read so far, also while none come; what it raises ends the read.

    A key that a row before has makes a row invalid.
    """
    pages = _Pages(spool, recall)
    reading = connector.read(cursor)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
            coming = deque(pool.submit(_next, reading) for _ in range(AHEAD))
            try:
                while not isinstance(page := _arrived(coming.popleft(), lambda: progress(pages.height)), End):
                    coming.append(pool.submit(_next, reading))
                    progress(pages.height + page.frame.height)
                    pages.add(page, mapping, schema)
                pages.end(page, mapping, schema)
            except BaseException:
                connector.cancel()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        end = page
    finally:
        reading.close()
    verdicts = Verdicts(
        rows=pl.concat(pages.lean) if pages.lean else pl.DataFrame(schema=ROWS),
        reasons=pl.concat(pages.notes) if pages.notes else pl.DataFrame(schema=REASONS),
        origins=pages.origins,
    )
    return Reading(
        end=end,
        verdicts=verdicts.without_duplicates(),
        warnings=pl.concat(pages.warnings) if pages.warnings else pl.DataFrame(schema=_WARNINGS),
        malformed=pages.malformed,
        spool=spool,
        recall=pages.recall,
        present=None if end.present is None else mapping.keys(end.present),
    )
