"""Reads one source: its rows become contacts, page by page, and are spooled to a temporary file.

Nothing is decided before the source was read to its end. What stays in memory is (key, digest, match) of each contact.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

import polars as pl

from syncd.core.columns import CONTACT, INVALID, KEY, LINE, ORIGIN, RAW, REASON, ROW, STATE, WARNING
from syncd.core.forgetting.marks import NOBODY, Marks
from syncd.core.forgetting.rows import without_forgotten
from syncd.core.identity import identify
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.mapping.entities import cells, not_decoded
from syncd.core.schema import Schema
from syncd.core.verdicts import REASONS, ROWS, Verdicts
from syncd.errors import SourceError
from syncd.read.absence import proved
from syncd.read.forgotten_rows import without_forgotten_keys
from syncd.read.named_keys import as_mapped
from syncd.read.reading import Reading, without_duplicates
from syncd.read.spool import Spool
from syncd.read.turned_away import TurnedAway
from syncd.read.unchanged_rows import Recall
from syncd.read.unknown_keys import NOTHING, Question, unanswered
from syncd.source import Connector, End, Malformed, Rows

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
    ``height``: rows that were read. ``left_out``: the keys of rows that are left out, since they were forgotten.
    """

    mapping: ContactMapping
    schema: Schema
    spool: Spool
    recall: Recall
    marks: Marks = NOBODY
    rows: list[pl.DataFrame] = field(default_factory=list)
    reasons: list[pl.DataFrame] = field(default_factory=list)
    warnings: list[pl.DataFrame] = field(default_factory=list)
    malformed: list[tuple[int, int, str]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    arrived: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    unmapped: list[tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=list)
    height: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    left_out: set[str] = field(default_factory=set)
    turned_away: TurnedAway = field(default_factory=TurnedAway)

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
        self.entities.update(cells(page.frame, not_decoded(self.mapping.rules)))
        self.arrived.append((page.frame, places))
        # Too many pages in memory are worse than a wait for the ledger.
        full = len(self.arrived) >= PAGES_BEFORE_LEDGER
        if self.recall.needs_whole_ledger(self.height) and (self.recall.is_ready() or full):
            self._recognise()
        if sum(rows.height for rows, _ in self.unmapped) >= ROWS_MAPPED_AT_ONCE:
            self._map()

    def _refuse(self, origin: int, bad: Malformed) -> None:
        """Take a row that could not be read: it is an invalid row if its key is known."""
        parts = pl.DataFrame(dict(bad.key), schema_overrides=dict.fromkeys(bad.key, pl.String))
        key = self.mapping.keys(parts).item() if bad.key else None
        if key is None:
            self.malformed.append((origin, bad.line, bad.reason))
            return
        if self.marks.forgotten_keys(pl.Series([key], dtype=pl.String)).any():
            self.left_out.add(key)
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
        self.arrived = []
        self._map()
        end, gone = without_forgotten_keys(as_mapped(end, self.mapping), self.marks, self.mapping.keys)
        self.left_out |= gone
        verdicts = Verdicts(
            rows=pl.concat([pl.DataFrame(schema=ROWS), *self.rows]),
            reasons=pl.concat([pl.DataFrame(schema=REASONS), *self.reasons]),
            origins=self.origins,
        )
        return Reading(
            end=end,
            verdicts=without_duplicates(verdicts, self.schema.phones, self.spool.fetch),
            warnings=pl.concat([pl.DataFrame(schema=_WARNINGS), *self.warnings]),
            malformed=self.malformed,
            spool=self.spool,
            recall=self.recall,
            entities=self.entities,
            turned_away=self.turned_away,
            present=None if end.present is None else self.mapping.keys(end.present),
            left_out=frozenset(self.left_out),
        )

    def leave_alone(self, keys: Sequence[str], reason: str) -> None:
        """Add a row for each key of which nothing else is known: its contact stays as it is."""
        rows = pl.DataFrame({KEY: keys}, schema={KEY: pl.String}).with_columns(
            pl.int_range(self.height, self.height + len(keys), dtype=pl.UInt32).alias(ROW),
            pl.lit(INVALID, dtype=pl.UInt8).alias(STATE),
            pl.lit(0, dtype=pl.UInt32).alias(LINE),
            pl.lit(0, dtype=pl.UInt32).alias(ORIGIN),
        )
        self.height += len(keys)
        missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in ROWS.items() if name not in rows.columns]
        self.rows.append(rows.with_columns(missing).select(*ROWS))
        self.reasons.append(rows.select(ROW, pl.lit(reason).alias(REASON)))

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
        mapped = self.mapping.apply(rows, places.get_column(LINE))
        if self.marks:
            mapped, gone = without_forgotten(mapped, self.marks, self.schema.phones, self.mapping.rules.require)
            self.left_out.update(mapped.get_column(KEY).filter(gone))
            rows, mapped, places = (frame.filter(~gone) for frame in (rows, mapped, places))
        mapped = identify(mapped, list(self.mapping.fields), self.schema)
        # A row with a warning is mapped again by every run, so that every report has the warning.
        silent = (pl.col(STATE) == CONTACT) & pl.col(WARNING).is_null()
        mapped = mapped.hstack(places.select(ORIGIN, ROW, RAW)).with_columns(pl.when(silent).then(RAW).alias(RAW))
        self.rows.append(mapped.select(*ROWS))
        self.reasons.append(mapped.filter(pl.col(STATE) != CONTACT).select(ROW, REASON))
        self.warnings.append(mapped.filter(pl.col(WARNING).is_not_null()).select(ROW, WARNING))
        self.spool.append(mapped.filter(pl.col(STATE) == CONTACT).select(ROW, *self.mapping.fields), self.height)
        self.turned_away.add(rows, mapped)


def next_page(reading: Generator[Rows, None, T]) -> Rows | T:
    """Return the next page, or what the generator returns: how the read ended."""
    try:
        return next(reading)
    except StopIteration as stop:
        end: T = stop.value
        return end


@contextmanager
def in_thread(connector: Connector, name: str) -> Iterator[ThreadPoolExecutor]:
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


def arrived(coming: Future[T], waiting: Callable[[], None]) -> T:
    """Wait for a result; ``waiting`` is called meanwhile, and may end the wait."""
    while not wait([coming], timeout=STOP_CHECK_SECONDS).done:
        waiting()
    return coming.result()


def read_source(  # noqa: PLR0913 (each is something else that a read needs)
    connector: Connector,
    cursor: str | None,
    mapping: ContactMapping,
    schema: Schema,
    spool: Spool,
    progress: Callable[[int], None],
    recall: Recall,
    look: Callable[[Rows], None] = lambda _page: None,
    *,
    deletes: bool = True,
    ask: Callable[[Reading], Question] = lambda _reading: NOTHING,
    marks: Marks = NOBODY,
) -> Reading:
    """Read the source to its end and map every row that ``recall`` does not recognise, a page while the next are read.

    Rows that a list may have lost between two pages are looked for once more. ``progress`` is called with the number of
    rows read so far, also while none come, and ``look`` with each page. An error of theirs ends the read.
    ``deletes``: a row that is gone has its contact deleted. ``ask``: what to look up after the read. ``marks``: what
    was forgotten, and is left out.
    """
    pages = _Pages(mapping, schema, spool, recall, marks)
    # Each read is closed after its thread has ended: a generator that runs cannot be closed.
    with ExitStack() as readings, in_thread(connector, "read") as pool:
        source = _Source(connector, cursor, pages, progress, look, pool, readings)
        reading = source.read()
        while not isinstance(page := next_page(reading), End):
            source.take(page)
        result = proved(pages.ended(page), source, from_start=cursor is None, deletes=deletes)
        return source.asked(ask(result), result)


@dataclass(slots=True)
class _Source:
    """Asks a connector in its thread; what it answers is added to the pages. ``readings`` closes each read."""

    connector: Connector
    cursor: str | None
    pages: _Pages
    progress: Callable[[int], None]
    look: Callable[[Rows], None]
    pool: ThreadPoolExecutor
    readings: ExitStack

    def read(self) -> Generator[Rows, None, End]:
        return self._ahead(self.connector.read(self.cursor))

    def can_look_up(self) -> bool:
        return self.connector.can_look_up()

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        return self._ahead(self.connector.look_up(keys))

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        return self.pages.mapping.keys(frame)

    def take(self, page: Rows) -> None:
        self.progress(self.pages.height + page.frame.height)
        self.look(page)
        self.pages.add(page)

    def leave_alone(self, keys: Sequence[str], reason: str) -> None:
        self.pages.leave_alone(keys, reason)

    def ended(self, end: End) -> Reading:
        return self.pages.ended(end)

    def asked(self, asked: Question, reading: Reading) -> Reading:
        """Return the reading with the rows that answer the question."""
        if not asked.keys:
            return replace(reading, lacks=asked.whole)
        gone: frozenset[str] = frozenset()
        # A source that cannot answer is read whole, if it must be: that shows the same error, or that nothing is wrong.
        with suppress(SourceError):
            found = self.look_up(asked.keys)
            while isinstance(page := next_page(found), Rows):
                self.take(page)
            gone = page
        result = replace(self.ended(reading.end), present=reading.present)
        return replace(result, lacks=unanswered(asked, result, gone))

    def _ahead(self, reading: Generator[Rows, None, T]) -> Generator[Rows, None, T]:
        """Yield the pages of a read, while the thread reads the next ones."""
        self.readings.enter_context(closing(reading))
        coming = deque(self.pool.submit(next_page, reading) for _ in range(PAGES_READ_AHEAD))
        while isinstance(page := arrived(coming.popleft(), self._wait), Rows):
            coming.append(self.pool.submit(next_page, reading))
            yield page
        return page

    def _wait(self) -> None:
        self.progress(self.pages.height)
