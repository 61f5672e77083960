"""The files of ``--changes``: every change of a run, held changes too, and every number with another caller.

They are CSV, JSON lines or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from syncd.core.callers.effects import EFFECT, NEW, OLD
from syncd.report.callers_report import Callers
from syncd.report.source_report import SourceReport, callers_of, described
from syncd.report.table_file import check_file, explained, write_table
from syncd.tables.whole_file import owners_file


def callers_file(path: Path) -> Path:
    """Return the place of the second file: ``changes.csv`` has ``changes.callers.csv`` beside it."""
    return path.with_name(f"{path.stem}.callers{path.suffix}")


def write_changes(path: Path, reports: Sequence[SourceReport]) -> None:
    """Write a line for each change in a .jsonl file, and for each changed field in a .csv or .parquet file.

    The second file, :func:`callers_file`, gets a line for each number whose caller becomes another one.

    Raises:
        ConfigError: the name of the file has another suffix, or the file cannot be written.
    """
    option = f"--changes {path}"
    check_file(path, option)
    if path.suffix == ".jsonl":
        # One change after the other: unlike a table, the lines need no memory for all changes.
        with explained(option), owners_file(path) as file:
            for source, held, change in _all(reports):
                file.write(orjson.dumps({"source": source, "held": held, **change}) + b"\n")
    else:
        _write_table(path, option, reports)
    _write_callers(callers_file(path), option, callers_of(reports))


def _write_callers(path: Path, option: str, callers: Callers) -> None:
    found = callers.named().with_columns(pl.col(EFFECT).cast(pl.String))
    # A cell of CSV holds one text.
    is_text = path.suffix == ".csv"
    write_table(found.with_columns(pl.col(OLD, NEW).list.join("; ")) if is_text else found, path, option)


def _all(reports: Sequence[SourceReport]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    for report in reports:
        if report.plan:
            for change in report.settled():
                yield report.source, False, change
            for change in described(report.plan.waiting, report.phones):
                yield report.source, True, {**change, "outcome": "held"}


def _write_table(path: Path, option: str, reports: Sequence[SourceReport]) -> None:
    kinds = {"source": pl.String, "kind": pl.String, "key": pl.String, "id": pl.Int64, "held": pl.Boolean}
    schema = {**kinds, "field": pl.String, "old": pl.String, "new": pl.String, "outcome": pl.String}
    lines = [
        (source, change["kind"], change["key"], change["id"], held, name, old, new, change["outcome"])
        for source, held, change in _all(reports)
        # A change without a changed field (an adopted contact that is equal) gets a line all the same.
        for name, value in (change["fields"] or {"": {}}).items()
        for old, new in [(value.get("old"), value.get("new"))]
    ]
    write_table(pl.DataFrame(lines, schema=schema, orient="row"), path, option)
