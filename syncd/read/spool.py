"""Keeps the mapped contacts of one read in a temporary file: memory does not grow with the source."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO

import polars as pl

from syncd.core.columns import ROW
from syncd.surroundings.circumstances import temporary
from syncd.surroundings.temporary import nameless_file, temporary_folder


class Spool:
    """The mapped contacts of one read, in a temporary file without a name: a killed process leaves nothing behind."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        # Where each page stands in the file, and its greatest row.
        self._pages: list[tuple[int, int, int]] = []

    def append(self, contacts: pl.DataFrame, end: int) -> None:
        """Keep a page of contacts, whose ``@row`` ascend and are less than ``end``.

        Raises:
            NoRoom: there is no room in the temporary folder.
        """
        with temporary(temporary_folder()):
            begin = self._file.seek(0, os.SEEK_END)
            contacts.write_ipc(self._file, compat_level=pl.CompatLevel.newest())
            self._file.flush()
            self._pages.append((begin, self._file.seek(0, os.SEEK_END) - begin, end))

    def emptied(self) -> Spool:
        """Forget every page, for a new read."""
        self._pages.clear()
        self._file.seek(0)
        self._file.truncate()
        return self

    def pages(self, names: Collection[str]) -> Iterator[pl.DataFrame]:
        """Yield ``@row`` and those of these fields that the contacts have, page by page."""
        for begin, size, _ in self._pages:
            page = io.BytesIO(os.pread(self._file.fileno(), size, begin))
            held = pl.read_ipc_schema(page)
            page.seek(0)
            yield pl.read_ipc(page, columns=[ROW, *(name for name in sorted(names) if name in held)])

    def fetch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the fields of the contacts beside these ``rows``, which have a ``@row``; in reading order."""
        found: list[pl.DataFrame] = []
        wanted, first = rows.sort(ROW), 0
        for begin, size, end in self._pages:
            here = wanted.filter((pl.col(ROW) >= first) & (pl.col(ROW) < end))
            first = end
            # One page at least gives the columns of the result.
            if here.height or not found:
                page = pl.read_ipc(os.pread(self._file.fileno(), size, begin))
                found.append(here.join(page, on=ROW, how="inner", maintain_order="left"))
        return pl.concat(found)


@contextmanager
def spooling() -> Iterator[Spool]:
    """Yield a spool; nothing is left of it when the block, or the process, ends.

    Raises:
        NoRoom, ConfigError: the temporary folder has no room, or cannot be used.
    """
    with nameless_file() as file:
        yield Spool(file)
