"""Reads one source: its rows become contacts, page by page, and are spooled to a temporary file.

Nothing is decided before the source was read to its end. What stays in memory is (key, digest, match) of each contact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import polars as pl

from syncd.config import Source
from syncd.core.columns import CONTACT, INVALID, KEY, LINE, ORIGIN, RAW, REASON, ROW, STATE, WARNING
from syncd.core.identity import identify
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.schema import Schema
from syncd.core.verdicts import REASONS, ROWS, Verdicts
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reading import Reading
from syncd.read.spool import Spool
from syncd.read.unchanged_rows import Recall
from syncd.run.session import Session
from syncd.source import Connector, End, Malformed, Rows
from syncd.state.ledger import LedgerParts

STOP_CHECK_SECONDS = 0.2
"""Seconds after which a wait for the source looks whether the run was asked to stop."""

PAGES_READ_AHEAD = 2
"""Pages that may have been read before they are looked at."""

PAGES_BEFORE_LEDGER = 6
"""Pages that may wait for the ledger: while that is read, the source is read on."""

ROWS_MAPPED_AT_ONCE = 50_000
"""So many rows at least are mapped at a time: a few of each of many pages cost more apart."""

_WARNINGS = {ROW: pl.UInt32, WARNING: pl.String}

T = TypeVar("T")


@dataclass(slots=True)
class _Pages:
    """Maps the pages of one read and collects what stays in memory of them.

    ``arrived``: pages, with the places of their rows, that were not recognised yet; ``unmapped``: rows that were not.
    ``height``: rows that were read.
    """

    mapping: ContactMapping
    schema: Schema
    spool: Spool
    recall: Recall
    rows: list[pl.DataFrame] = field(default_factory=list)
    reasons: list[pl.DataFrame] = field(default_factory=list)
    warnings: list[pl.DataFrame] = field(default_factory=list)
    malformed: list[tuple[int, int, str]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    arrived: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    unmapped: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    height: int = 0

    def add(self, page: Rows) -> None:
        """Take a page; as soon as it is worth while, map the rows that are not recognised."""
        if page.origin not in self.origins:
            self.origins.append(page.origin)
        origin = self.origins.index(page.origin)
        for bad in page.malformed:
            self._refuse(origin, bad)
        places = pl.DataFrame([self.recall.digests(page.frame), page.lines.cast(pl.UInt32).alias(LINE)]).with_columns(
            pl.lit(origin, dtype=pl.UInt32).alias(ORIGIN),
            pl.int_range(self.height, self.height + page.frame.height, dtype=pl.UInt32).alias(ROW),
        )
        self.height += page.frame.height
        self.arrived.append((page.frame, places))
        # Too many pages in memory are worse than a wait for the ledger.
        full = len(self.arrived) >= PAGES_BEFORE_LEDGER
        if self.recall.needs_whole_ledger(self.height) and (self.recall.is_ready() or full):
            self._recognise()
        if sum(rows.height for rows, _ in self.unmapped) >= ROWS_MAPPED_AT_ONCE:
            self._map()

    def _refuse(self, origin: int, bad: Malformed) -> None:
        """Take a row that could not be read: it is an invalid row if its key is known."""
        key = self.mapping.keys(pl.DataFrame(dict(bad.key), schema_overrides=dict.fromkeys(bad.key, pl.String)))
        if not bad.key or key.item() is None:
            self.malformed.append((origin, bad.line, bad.reason))
            return
        known = {KEY: key, LINE: bad.line, ORIGIN: origin, STATE: INVALID, ROW: self.height}
        self.rows.append(pl.DataFrame({name: known.get(name) for name in ROWS}, schema=ROWS, strict=False))
        self.reasons.append(pl.DataFrame({ROW: self.height, REASON: bad.reason}, schema=REASONS))
        self.height += 1

    def ended(self, end: End) -> Reading:
        """Map the rest, and return the whole read. A row is invalid if an earlier row has its key."""
        # The few rows of a partial read need not be recognised: that would take the whole ledger.
        if end.proof != "partial":
            self._recognise()
        self.unmapped += self.arrived
        self._map()
        end = replace(end, deleted=frozenset(filter(_is_text, end.deleted)), merged=_texts(end.merged))
        verdicts = Verdicts(
            rows=pl.concat([pl.DataFrame(schema=ROWS), *self.rows]),
            reasons=pl.concat([pl.DataFrame(schema=REASONS), *self.reasons]),
            origins=self.origins,
        )
        return Reading(
            end=end,
            verdicts=verdicts.without_duplicates(),
            warnings=pl.concat([pl.DataFrame(schema=_WARNINGS), *self.warnings]),
            malformed=self.malformed,
            spool=self.spool,
            recall=self.recall,
            present=None if end.present is None else self.mapping.keys(end.present),
        )

    def _recognise(self) -> None:
        """Sort out the rows that need no second look."""
        if not self.arrived:
            return
        # Of many pages at once, since each look is at the whole ledger.
        every = self.recall.recognised(pl.concat([places.get_column(RAW) for _, places in self.arrived]))
        begin = 0
        for rows, places in self.arrived:
            same = every.slice(begin, places.height)
            begin += places.height
            self.recall.keep(places.filter(same))
            self.unmapped.append((rows.filter(~same), places.filter(~same)))
        self.arrived.clear()

    def _map(self) -> None:
        if not self.unmapped:
            return
        rows, places = (pl.concat(parts) for parts in zip(*self.unmapped, strict=True))
        self.unmapped.clear()
        mapped = identify(self.mapping.apply(rows, places.get_column(LINE)), list(self.mapping.fields), self.schema)
        # A row with a warning is mapped again by every run, so that every report has the warning.
        silent = (pl.col(STATE) == CONTACT) & pl.col(WARNING).is_null()
        mapped = mapped.hstack(places.select(ORIGIN, ROW, RAW)).with_columns(pl.when(silent).then(RAW).alias(RAW))
        self.rows.append(mapped.select(*ROWS))
        self.reasons.append(mapped.filter(pl.col(STATE) != CONTACT).select(ROW, REASON))
        self.warnings.append(mapped.filter(pl.col(WARNING).is_not_null()).select(ROW, WARNING))
        self.spool.append(mapped.filter(pl.col(STATE) == CONTACT).select(ROW, *self.mapping.fields), self.height)


def _is_text(key: str) -> bool:
    """Return whether a key has no half of a surrogate pair, which no key that is known has."""
    return key.isascii() or not any("\ud800" <= each <= "\udfff" for each in key)


def _texts(merged: Mapping[str, str]) -> dict[str, str]:
    return {old: new for old, new in merged.items() if _is_text(old) and _is_text(new)}


def next_page(reading: Generator[Rows, None, End]) -> Rows | End:
    """Return the next page, or how the read ended."""
    try:
        return next(reading)
    except StopIteration as stop:
        end: End = stop.value
        return end


@contextmanager
def _thread(connector: Connector, name: str) -> Iterator[ThreadPoolExecutor]:
    """Run a thread for the connector; an error ends what the connector does there."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as pool:
        try:
            yield pool
        except BaseException:
            # A connector may wait for its server for minutes, and the pool would wait with it.
            connector.cancel()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _arrived(coming: Future[T], waiting: Callable[[], None]) -> T:
    """Wait for a result; ``waiting`` is called meanwhile, and may end the wait."""
    while not wait([coming], timeout=STOP_CHECK_SECONDS).done:
        waiting()
    return coming.result()


def read_source(
    connector: Connector,
    cursor: str | None,
    mapping: ContactMapping,
    schema: Schema,
    spool: Spool,
    progress: Callable[[int], None],
    recall: Recall,
    look: Callable[[Rows], None] = lambda _page: None,
) -> Reading:
    """Read the source to its end and map every row that ``recall`` does not recognise, a page while the next are read.

    ``progress`` is called with the number of rows read so far, also while none come, and ``look`` with each page. An
    error of theirs ends the read.
    """
    pages = _Pages(mapping, schema, spool, recall)
    # The read is closed after its thread has ended: a generator that runs cannot be closed.
    with closing(connector.read(cursor)) as reading, _thread(connector, "read") as pool:
        coming = deque(pool.submit(next_page, reading) for _ in range(PAGES_READ_AHEAD))
        while not isinstance(page := _arrived(coming.popleft(), lambda: progress(pages.height)), End):
            coming.append(pool.submit(next_page, reading))
            progress(pages.height + page.frame.height)
            look(page)
            pages.add(page)
        return pages.ended(page)


def read_beside_ledger(
    session: Session, source: Source, schema: Schema, cursor: str | None, context: str, spool: Spool
) -> Reading:
    """Read a source, and from its first page on its ledger beside it.

    ``context``: names everything besides a row that decides what contact it makes; in another context, no row is
    recognised.
    """
    connector = source.connect()
    with _thread(connector, "check") as pool:
        columns = _arrived(pool.submit(connector.check), session.halt_if_asked)
    mapping = contact_mapping(source, columns, schema)
    with ThreadPoolExecutor(1, thread_name_prefix="ledger") as pool:
        ledger = cache(lambda: pool.submit(session.state.ledger.row_digests, source.name))
        recall = Recall(
            lambda: ledger().result(),
            sorted(connector.needs.columns),
            # A merged contact is made of several rows, so all of them are looked at.
            None if source.shared_match == "merge_phones" else context,
            LedgerParts(session.state, source.name) if cursor else None,
            lambda: ledger().done(),
        )

        def progress(rows: int) -> None:
            # Not before the first row: a source that has not changed costs no look at the ledger.
            if rows and recall.needs_whole_ledger(rows):
                ledger()
            session.watcher.reading(source.name, rows)
            session.halt_if_asked()

        reading = read_source(connector, cursor, mapping, schema, spool, progress, recall)
        if reading.end.proof not in {"unchanged", "partial"} or reading.present is not None:
            recall.ledger  # noqa: B018 (read while the thread for it is there)
        return reading
