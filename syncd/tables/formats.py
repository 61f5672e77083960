"""Rows as a CSV file, as JSON lines or as Parquet: written row by row, however many, and read back as they were."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl
from polars.io.plugins import register_io_source

from syncd.tables.spreadsheets import as_it_was, harmless

Rows = Iterable[Mapping[str, Any]]
Schema = Mapping[str, Any]
"""The columns of a file, in order, and their Polars types."""

_BATCH = 2000
_TEXT = 4_000_000
"""Characters of texts after which a batch ends, however few rows it has: a transcript may have millions."""
_GROUP = 5000
"""Rows of a group in a Parquet file: as many are in memory at once."""


class NotTheTable(Exception):
    """A file holds something else than rows with these columns."""


def write_rows(rows: Rows, file: IO[bytes], suffix: str, schema: Schema) -> None:
    """Write rows of JSON values. ``suffix``: ``.csv``, ``.jsonl`` or ``.parquet``.

    A CSV file holds what is no text as JSON, and no cell that a spreadsheet would run. JSON lines hold the rows as they
    are; the others hold the columns of the schema.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        _WRITERS[suffix](rows, file, schema)
    except (OSError, pl.exceptions.PolarsError) as error:
        # Polars keeps only the text of an error of the system.
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
        raise


def read_rows(path: Path, schema: Schema) -> list[dict[str, Any]]:
    """Return the rows of a file that :func:`write_rows` has written, perhaps without the newest columns.

    Raises:
        OSError: the file cannot be read.
        NotTheTable: it has other columns, or is damaged.
    """
    try:
        return _READERS[path.suffix](path, schema)
    except (ValueError, pl.exceptions.PolarsError):
        # "from None": the cause may show a row.
        raise NotTheTable from None


def _batches(rows: Rows) -> Iterator[list[Mapping[str, Any]]]:
    batch, length = list[Mapping[str, Any]](), 0
    for row in rows:
        batch.append(row)
        length += sum(len(each) for each in row.values() if isinstance(each, str))
        if len(batch) == _BATCH or length >= _TEXT:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _write_lines(rows: Rows, file: IO[bytes], _schema: Schema) -> None:
    for row in rows:
        file.write(orjson.dumps(row) + b"\n")


def _write_csv(rows: Rows, file: IO[bytes], schema: Schema) -> None:
    texts = dict.fromkeys(schema, pl.String)
    harmless(pl.DataFrame(schema=texts)).write_csv(file)
    for batch in _batches(rows):
        cells = {name: [_cell(row.get(name)) for row in batch] for name in schema}
        harmless(pl.DataFrame(cells, schema=texts)).write_csv(file, include_header=False)


def _cell(value: Any) -> str | None:
    # true, 70 and [...] look in a cell as they do in JSON.
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _write_parquet(rows: Rows, file: IO[bytes], schema: Schema) -> None:
    def frames(*_: object) -> Iterator[pl.DataFrame]:
        for batch in _batches(rows):
            # Not by JSON: the buffers of what reads it stay many times too large until the group is written.
            yield pl.from_dicts(batch, schema=schema, strict=False)

    # An error of the rows comes out of this as it is.
    register_io_source(frames, schema=schema).sink_parquet(file, row_group_size=_GROUP)


def _read_lines(path: Path, schema: Schema) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        rows = [orjson.loads(line) for line in file]
    for row in rows:
        _require(isinstance(row, dict) and row.keys() <= schema.keys())
    return rows


def _read_csv(path: Path, schema: Schema) -> list[dict[str, Any]]:
    frame = as_it_was(pl.read_csv(path, infer_schema=False))
    _require(schema.keys() >= set(frame.columns))
    read: dict[str, Callable[[str], Any]] = {
        name: str if schema[name] == pl.String else orjson.loads for name in frame.columns
    }
    return [
        {name: None if text is None else read[name](text) for name, text in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _read_parquet(path: Path, schema: Schema) -> list[dict[str, Any]]:
    frame = pl.read_parquet(path)
    _require(schema.keys() >= set(frame.columns))
    return frame.to_dicts()


def _require(is_so: bool) -> None:  # noqa: FBT001
    if not is_so:
        raise NotTheTable


_WRITERS = {".csv": _write_csv, ".jsonl": _write_lines, ".parquet": _write_parquet}
_READERS = {".csv": _read_csv, ".jsonl": _read_lines, ".parquet": _read_parquet}
