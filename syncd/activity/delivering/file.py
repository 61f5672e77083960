"""The file of ``--changes``: every change of a delivery, held ones too, as CSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import polars as pl

from syncd.activity.delivering.book import Told
from syncd.report.table_file import explained, write_table
from syncd.tables.whole_file import owners_file

SCHEMA = {
    **dict.fromkeys(("sink", "kind", "key", "id"), pl.String),
    "held": pl.Boolean,
    **dict.fromkeys(("field", "old", "new", "outcome"), pl.String),
}


@contextmanager
def writing(path: Path, named: str) -> Iterator[Callable[[Told], None]]:
    """Return a context that gives what writes a change: a line of JSON, or a row for each field of a table.

    Raises:
        ConfigError: the file cannot be written. ``named``: what the message calls it.
    """
    if path.suffix == ".jsonl":
        with explained(named), owners_file(path) as file:
            yield lambda told: _ignored(file.write(orjson.dumps(told) + b"\n"))
        return
    rows: list[tuple[object, ...]] = []
    yield lambda told: rows.extend(_rows(told))
    write_table(pl.DataFrame(rows, schema=SCHEMA, orient="row"), path, named)


def _ignored(_written: int) -> None:
    """Return nothing."""


def _rows(told: Told) -> Iterator[tuple[object, ...]]:
    head = tuple(told[name] for name in ("sink", "kind", "key", "id", "held"))
    fields = dict(told["fields"])
    if told["contacts"]:
        fields["contacts"] = {"new": ";".join(told["contacts"])}
    for name, each in (fields or {"": {}}).items():
        yield (*head, name, each.get("old"), each.get("new"), told["outcome"])
