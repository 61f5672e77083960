"""Calls and messages as a file: CSV, JSON lines or Parquet, by the suffix of its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.core.activity.columns import SCHEMA
from syncd.report.table_file import explained
from syncd.tables import formats
from syncd.tables.whole_file import whole_file

Rows = Iterable[Mapping[str, Any]]


def write_rows(rows: Rows, path: Path, named: str) -> int:
    """Write rows, as ``--json`` has them, into a file of their own; return their number.

    The file takes the place of an older one when it is whole. ``named``: what messages call it.

    Raises:
        ConfigError: the file cannot be written.
    """
    counted = _Counted(rows)
    with explained(named), whole_file(path) as file:
        formats.write_rows(counted, file, path.suffix, SCHEMA)
    return counted.count


class _Counted:
    """Counts the rows that are taken from it."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row
