"""What ``syncd check`` says of a source besides its columns: its key, and its cursor."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.sql_query.cursor_order import Ordered, near_present
from connectors.sql_query.snapshot import Snapshot
from connectors.sql_query.statement import ROWS, Selection
from syncd.source import Note


def key_notes(snapshot: Snapshot, selection: Selection, key: tuple[str, ...]) -> Iterator[Note]:
    """Say whether the key is unique, and whether every row has one."""
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


def cursor_notes(snapshot: Snapshot, selection: Selection, cursor: Ordered) -> Iterator[Note]:
    """Say whether the cursor's numbers look like times, and whether an index serves it."""
    now = snapshot.now()
    for looks_like in ("epoch", "epoch_ms"):
        if cursor.kind in {"timestamp", "date", looks_like}:
            continue
        [[count]] = snapshot.rows(selection.cursors_between(*near_present(looks_like, now)))
        if count:
            with snapshot.errors.refused():
                yield from map(Note, cursor.doubts(looks_like))
    tables = snapshot.scanned(selection.since(">=", cursor.order.parameter(cursor.order.sample(now))))
    names = [(selection.rows if table == ROWS and selection.is_table else table) for table in tables]
    if names:
        yield Note(
            f"no index serves the cursor {cursor.column}: each incremental read scans all of "
            f"{' and '.join(names)}; an index on that column, and on the columns that join tables, makes it quick"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
