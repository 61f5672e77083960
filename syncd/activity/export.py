"""Calls and messages as a file: CSV, JSON lines or Parquet, by the suffix of its name; row by row, however many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl
from polars.io.plugins import register_io_source

from syncd.report.table_file import explained, harmless, whole_file

_SEGMENT = {"n": pl.Int64, "type": pl.String, "name": pl.String, "extension": pl.String, "start_time": pl.String}
_SEGMENT |= {"duration": pl.Float64, "answered": pl.Boolean, "media_id": pl.String}
_FILE = {"media_id": pl.String, "filename": pl.String, "content_type": pl.String, "size": pl.Int64, "path": pl.String}

HEAD = ("kind", "id", "direction", "status", "remote_number", "own_number")
"""The first columns, which calls and messages share."""

SCHEMA: Mapping[str, Any] = {
    **dict.fromkeys((*HEAD, "channel", "outcome", "remote_name", "extension", "extension_name"), pl.String),
    **dict.fromkeys(("start_time", "answer_time", "end_time", "sent_at"), pl.String),
    **dict.fromkeys(("duration", "talk"), pl.Float64),
    **dict.fromkeys(("summary", "transcription", "body"), pl.String),
    "segments": pl.List(pl.Struct(_SEGMENT)),
    "attachments": pl.List(pl.Struct(_FILE)),
    "first_by": pl.String,
    "settled": pl.Boolean,
    **dict.fromkeys(("missing_since", "attribution"), pl.String),
    "contacts": pl.List(pl.Struct({"source": pl.String, "key": pl.String})),
}
"""The columns of a CSV and a Parquet file. A call has no ``body``, a message no ``segments``."""

_TEXTS = ("summary", "transcription", "body")

Rows = Iterable[Mapping[str, Any]]

_BATCH = 2000
_TEXT = 4_000_000
"""Characters of texts after which a batch ends, however few rows it has: a transcript may have millions."""
_GROUP = 5000
"""Rows of a group in a Parquet file: as many are in memory at once."""


def write_rows(rows: Rows, path: Path, named: str) -> int:
    """Write rows, as ``--json`` has them, into a file of their own; return their number.

    The file takes the place of an older one when it is whole. ``named``: what messages call it.

    Raises:
        ConfigError: the file cannot be written.
    """
    counted = _Counted(rows)
    with explained(named), whole_file(path) as file:
        _WRITERS[path.suffix](counted, file)
    return counted.count


class _Counted:
    """Counts the rows that are taken from it."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def _batches(rows: Rows) -> Iterator[list[Mapping[str, Any]]]:
    batch, length = list[Mapping[str, Any]](), 0
    for row in rows:
        batch.append(row)
        length += sum(len(row.get(name) or "") for name in _TEXTS)
        if len(batch) == _BATCH or length >= _TEXT:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _write_lines(rows: Rows, file: IO[bytes]) -> None:
    for row in rows:
        file.write(orjson.dumps(row) + b"\n")


def _write_csv(rows: Rows, file: IO[bytes]) -> None:
    schema = dict.fromkeys(SCHEMA, pl.String)
    harmless(pl.DataFrame(schema=schema)).write_csv(file)
    for batch in _batches(rows):
        cells = {name: [_cell(row.get(name)) for row in batch] for name in SCHEMA}
        harmless(pl.DataFrame(cells, schema=schema)).write_csv(file, include_header=False)


def _cell(value: Any) -> str | None:
    # true, 70 and [...] look in a cell as they do in JSON.
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _write_parquet(rows: Rows, file: IO[bytes]) -> None:
    def frames(*_: object) -> Iterator[pl.DataFrame]:
        for batch in _batches(rows):
            # Not by JSON: the buffers of what reads it stay many times too large until the group is written.
            yield pl.from_dicts(batch, schema=SCHEMA)

    # An error of the rows comes out of this as it is.
    register_io_source(frames, schema=SCHEMA).sink_parquet(file, row_group_size=_GROUP)


_WRITERS = {".csv": _write_csv, ".jsonl": _write_lines, ".parquet": _write_parquet}
