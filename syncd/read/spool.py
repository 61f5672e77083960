"""Keeps the mapped contacts of one read in temporary files: memory does not grow with the source."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from syncd.core.columns import ROW
from syncd.processes import is_gone


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
        # The new read writes its pages over the files of the old one.
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


@contextmanager
def spooling() -> Iterator[Spool]:
    """Yield a spool that is removed when the block ends; remove the spools of killed processes as well."""
    # Not only at the end: a process that is killed cannot tidy up after itself.
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"syncd-{os.getpid()}-") as folder:
        yield Spool(Path(folder))


def _sweep(place: Path) -> None:
    """Remove the spools of processes that are gone: they hold contacts."""
    # Only folders of this user: the contacts of other users are no concern of this process.
    for left in place.glob("syncd-*-*"):
        pid = left.name.split("-")[1]
        with suppress(OSError):
            if pid.isdecimal() and left.is_dir() and left.stat().st_uid == os.geteuid() and is_gone(int(pid)):
                shutil.rmtree(left)
