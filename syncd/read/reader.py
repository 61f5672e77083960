"""Reads one source: its rows become contacts, page by page, and are spooled to a temporary file.

Nothing is decided before the source was read to its end. What stays in memory is (key, digest, match) of each contact.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from syncd.core.columns import (
    CONTACT,
    DIGEST,
    EXCLUDED,
    INVALID,
    KEY,
    LINE,
    MATCH,
    ORIGIN,
    RAW,
    REASON,
    ROW,
    STATE,
    WARNING,
)
from syncd.core.identity import digest, duplicate_keys, identify, merge_numbers, repeats
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.schema import Schema
from syncd.processes import is_gone
from syncd.read.unchanged_rows import FEW, Recall
from syncd.source import Connector, End, Rows

LEAN = {
    KEY: pl.String,
    LINE: pl.UInt32,
    ORIGIN: pl.UInt32,
    STATE: pl.UInt8,
    MATCH: pl.String,
    DIGEST: pl.Int64,
    RAW: pl.Int64,
}
PATIENCE = 0.2
"""Seconds after which a wait for the source looks whether the run was asked to stop."""

AHEAD = 2
"""Pages that may have been read before they are looked at."""

HELD = 6
"""Pages that may wait for the ledger: while that is read, the source is read on."""

Found = TypeVar("Found")

TOGETHER = 50_000
"""So many rows at least are mapped at a time: a few of each of many pages cost more apart."""

_NOTES = {ROW: pl.UInt32, REASON: pl.String}


class Spool:
    """The mapped contacts of one read, in temporary files that only this user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pages: list[tuple[Path, int]] = []

    def append(self, contacts: pl.DataFrame, end: int) -> None:
        """Keep a page of contacts, whose ``@row`` ascend and are less than ``end``."""
        path = self._folder / f"{len(self._pages):06}.arrow"
        contacts.write_ipc(path, compat_level=pl.CompatLevel.newest())
        self._pages.append((path, end))

    def emptied(self) -> Spool:
        """Forget every page, for a new read."""
        self._pages.clear()
        return self

    def fetch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the fields of the contacts beside these ``rows``, which have a ``@row``; in reading order."""
        wanted, found, begin = rows.sort(ROW), [], 0
        for path, end in self._pages:
            here = wanted.filter((pl.col(ROW) >= begin) & (pl.col(ROW) < end))
            found.append(here.lazy().join(pl.scan_ipc(path), on=ROW, how="inner", maintain_order="left").collect())
            begin = end
        return pl.concat(found)


@dataclass(slots=True)
class Reading:
    """What one read found.

    ``lean``: the rows that were mapped, and recognised ones that were admitted among them: ``@row``, ``@key``,
    ``@line``, ``@origin``, ``@state``, ``@match``, ``@digest``, ``@raw``. ``notes``: ``@row``, ``@reason`` of those
    that are no contact; ``warnings``: ``@row``, ``@warning``. ``malformed``: origin, line and reason of rows that could
    not be read. ``present``: beside a partial read, the keys of all rows that the source holds (null: a row without).
    ``joined``: the rows of contacts that were merged into others.
    """

    end: End
    lean: pl.DataFrame
    notes: pl.DataFrame
    warnings: pl.DataFrame
    malformed: list[tuple[int, int, str]]
    origins: list[str]
    spool: Spool
    recall: Recall
    present: pl.Series | None = None
    merged: pl.DataFrame | None = None
    joined: pl.Series = field(default_factory=lambda: pl.Series(ROW, dtype=pl.UInt32))

    @property
    def rows(self) -> int:
        """All rows of the source, readable or not."""
        return self.recall.unchanged + self.lean.height + len(self.malformed)

    def admit(self, rows: pl.DataFrame) -> None:
        """Put recognised rows, with their contacts' ``@digest``, among those that are looked at."""
        if not rows.is_empty():
            self.lean = pl.concat([self.lean, rows.select(self.lean.columns)]).sort(ROW)
            self.refuse_duplicates()

    def refuse_duplicates(self) -> None:
        """Make rows invalid whose key a row before has."""
        self.demote(duplicate_keys(self.lean.filter(pl.col(STATE) != EXCLUDED), self.origins))

    def doubt(self, keys: pl.Series) -> None:
        """Have these contacts looked at in the next read as well, whatever their rows say."""
        sure = ~pl.col(KEY).is_in(keys.implode())
        self.lean = self.lean.with_columns(pl.when(sure).then(RAW).alias(RAW))

    def demote(self, losers: pl.DataFrame) -> None:
        """Make contacts invalid or excluded: ``losers`` holds ``@row``, ``@state``, ``@reason``."""
        if losers.is_empty():
            return
        new = losers.select(ROW, pl.col(STATE).alias("@new"), REASON)
        self.joined = self.joined.append(losers.filter(pl.col(STATE) == EXCLUDED).get_column(ROW))
        self.lean = (
            self.lean.join(new.select(ROW, "@new"), on=ROW, how="left", maintain_order="left")
            .with_columns(pl.coalesce("@new", STATE).alias(STATE))
            .drop("@new")
        )
        kept = self.notes.join(new, on=ROW, how="anti")
        self.notes = pl.concat([kept, new.select(ROW, REASON)])

    def place(self, origin: int, line: int) -> str:
        return f"{self.origins[origin]}:{line}"

    def merge(self, winners: Mapping[str, Sequence[str]], schema: Schema) -> None:
        """Give contacts the numbers of others: ``winners`` maps a contact's key to the keys merged into it, in order.

        Their digests are of the merged contacts from here on, so that a number of any of them is followed.
        """
        group = [key for winner, losers in winners.items() for key in (winner, *losers)]
        # Invalid ones are rows of a key that another row has, which is used.
        used = self.lean.filter(pl.col(KEY).is_in(group) & (pl.col(STATE) != INVALID))
        contacts = self.spool.fetch(used)
        fields = [name for name in contacts.columns if not name.startswith("@")]
        together = merge_numbers(contacts, winners, [name for name in fields if name in schema.phones])
        self.merged = together.with_columns(digest(fields))
        self.doubt(self.merged.get_column(KEY))
        self.lean = self.lean.update(self.merged.select(ROW, DIGEST), on=ROW, how="left")

    def fetch(self, keys: pl.Series) -> pl.DataFrame:
        """Return the contacts with these keys, with their fields, in reading order."""
        rows = self.contacts().join(keys.to_frame(KEY), on=KEY, how="semi", maintain_order="left")
        found = self.spool.fetch(rows.drop(STATE))
        return found if self.merged is None else found.update(self.merged, on=ROW, how="left")

    def contacts(self) -> pl.DataFrame:
        return self.lean.filter(pl.col(STATE) == CONTACT)

    def invalid(self) -> list[dict[str, Any]]:
        """Return ``key``, ``at``, ``reason`` of the rows that are malformed or invalid, in the source's order."""
        found: list[tuple[int, int, str | None, str]] = [
            (origin, line, None, reason) for origin, line, reason in self.malformed
        ]
        bad = self.lean.filter(pl.col(STATE) == INVALID).join(self.notes, on=ROW, how="left", maintain_order="left")
        found += [(row[0], row[1], row[2], row[3] or "") for row in bad.select(ORIGIN, LINE, KEY, REASON).iter_rows()]
        found.sort(key=lambda row: row[:2])
        return [{"key": key, "at": self.place(origin, line), "reason": why} for origin, line, key, why in found]

    def excluded(self) -> list[dict[str, Any]]:
        """Return ``reason`` and ``count`` of excluded rows, the most frequent first."""
        rows = self.lean.filter(pl.col(STATE) == EXCLUDED).select(ROW).join(self.notes, on=ROW, how="left")
        return (
            rows.group_by(REASON)
            .agg(pl.len())
            .sort("len", REASON, descending=[True, False])
            .select(pl.col(REASON).alias("reason"), pl.col("len").alias("count"))
            .to_dicts()
        )


@contextmanager
def spooling() -> Iterator[Spool]:
    """A spool that is gone when the block ends; what a killed process left goes too."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"syncd-{os.getpid()}-") as folder:
        yield Spool(Path(folder))


def _sweep(place: Path) -> None:
    """Remove the spools of processes that are gone: they hold contacts."""
    for left in place.glob("syncd-*-*"):
        pid = left.name.split("-")[1]
        with suppress(OSError):
            if pid.isdecimal() and left.is_dir() and left.stat().st_uid == os.geteuid() and is_gone(int(pid)):
                shutil.rmtree(left)


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
        self.lean.append(mapped.select(ROW, *LEAN))
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
    found = Reading(
        end=end,
        lean=pl.concat(pages.lean) if pages.lean else pl.DataFrame(schema={ROW: pl.UInt32, **LEAN}),
        notes=pl.concat(pages.notes) if pages.notes else pl.DataFrame(schema=_NOTES),
        warnings=pl.concat(pages.warnings)
        if pages.warnings
        else pl.DataFrame(schema={ROW: pl.UInt32, WARNING: pl.String}),
        malformed=pages.malformed,
        origins=pages.origins,
        spool=spool,
        recall=pages.recall,
        present=None if end.present is None else mapping.keys(end.present),
    )
    found.refuse_duplicates()
    return found


def keyed_once(reading: Reading) -> pl.DataFrame:
    """Return ``@key``, ``@state``, ``@digest``, ``@raw`` of every key, once: where rows share it, of the used row."""
    keyed = reading.lean.filter(pl.col(KEY).is_not_null())
    if repeats(keyed.get_column(KEY)):
        used = (pl.col(STATE) == CONTACT) | pl.col(ROW).is_in(reading.joined.implode())
        rank = pl.when(used).then(0).when(pl.col(STATE) == INVALID).then(1).otherwise(2)
        keyed = keyed.sort(rank, maintain_order=True).unique(KEY, keep="first", maintain_order=True)
    return keyed.select(KEY, STATE, DIGEST, RAW)
