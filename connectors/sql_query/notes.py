"""Notes on a SQL source for ``syncd check``: whether its key is unique, and whether an index serves its cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.sql_query.snapshot import Snapshot
from connectors.sql_query.statement import ROWS, Selection
from syncd.source import Note


def key_notes(snapshot: Snapshot, selection: Selection, key: tuple[str, ...]) -> Iterator[Note]:
    """Yield what is wrong with the key, or that nothing is."""
    if not key:
        return
    [found] = snapshot.rows(selection.key_counts(key))
    rows, repeated, lacking = (int(each) for each in found)
    name = "+".join(key)
    if repeated:
        yield Note(
            f"the key {name}: {_counted(repeated, 'value')} in more than one row each; only the first row counts"
        )
    if lacking:
        yield Note(f"the key {name}: NULL in {_counted(lacking, 'row')}; nothing is deleted while that is so")
    if not repeated and not lacking:
        yield Note(f"the key {name}: unique in {_counted(rows, 'row')}", good=True)


def index_notes(snapshot: Snapshot, selection: Selection, column: str, sample: Any) -> Iterator[Note]:
    """Yield a note if no index serves the cursor's column; ``sample``: a value of it."""
    tables = snapshot.scanned(selection.since(">=", sample))
    names = [(selection.rows if selection.is_table else table) if table == ROWS else table for table in tables]
    if names:
        yield Note(
            f"no index serves the cursor {column}: each incremental read scans all of "
            f"{' and '.join(names)}; an index on that column, and on the columns that join tables, makes it quick"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
