"""Tells which older copies of the state may hold something of what is forgotten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from syncd.core.forgetting.traces import Sought
from syncd.core.wording import shown_key

_BESIDE = ("-wal", "-shm", "-journal")
_TELLING = 6
"""So many characters are found in the bytes of a file, its free pages too, without many chance finds."""


def copies_that_may_hold(copies: Sequence[Path], sources: Collection[str], sought: Sought) -> list[Path]:
    """Return those of the copies that may hold one of the keys of these sources, or one of the numbers.

    A copy that cannot be read may hold it, and so may one that a process has not finished.
    """
    found = {base for base in map(_base, copies) if _may_hold(base, sources, sought)}
    return [copy for copy in copies if _base(copy) in found]


def _base(copy: Path) -> Path:
    """Return the copy that a file of SQLite beside it belongs to."""
    for end in _BESIDE:
        if copy.name.endswith(end):
            return copy.with_name(copy.name.removesuffix(end))
    return copy


def _may_hold(copy: Path, sources: Collection[str], sought: Sought) -> bool:
    # What stands in a log beside it is not read here.
    if any(copy.with_name(copy.name + end).exists() for end in _BESIDE):
        return True
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as file:
            if any(_holds(file, table, sources, sought) for table in _tables(file)):
                return True
        return _in_bytes(copy, {*sought.keys, *sought.numbers})
    except (sqlite3.Error, OSError):
        return True


def _tables(file: sqlite3.Connection) -> list[str]:
    return [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _holds(file: sqlite3.Connection, table: str, sources: Collection[str], sought: Sought) -> bool:
    # A copy may be of any version, so that its tables and columns are looked up.
    columns = [row[1] for row in file.execute(f'PRAGMA table_info("{table}")')]
    for text, of_sources in _texts(sources, sought):
        asked = [f'instr("{column}", :text) > 0' for column in columns]
        values = {"text": text}
        where = f"({' OR '.join(asked)})"
        if of_sources and "source" in columns:
            where += " AND source IN (SELECT value FROM json_each(:sources))"
            values["sources"] = json.dumps([*sources])
        if file.execute(f'SELECT 1 FROM "{table}" WHERE {where} LIMIT 1', values).fetchone():
            return True
    if "key" not in columns:
        return False
    of_keys = "key IN (SELECT value FROM json_each(:keys))"
    if "source" in columns:
        of_keys += " AND source IN (SELECT value FROM json_each(:sources))"
    keys = {"keys": json.dumps([*sought.keys]), "sources": json.dumps([*sources])}
    return file.execute(f'SELECT 1 FROM "{table}" WHERE {of_keys} LIMIT 1', keys).fetchone() is not None


def _texts(sources: Collection[str], sought: Sought) -> Iterator[tuple[str, bool]]:
    """Yield the texts to look for, and whether only in the rows of these sources."""
    for number in sought.numbers:
        yield number, False
    for key in sought.keys:
        for shown in {key, shown_key(key)}:
            # In reports, held lists and fields, which are JSON.
            yield json.dumps(shown, ensure_ascii=False), True
            # In the reasons of other contacts.
            for source in sources:
                yield f"{source} {shown} ", False


def _in_bytes(copy: Path, texts: Collection[str]) -> bool:
    content = copy.read_bytes()
    return any(text.encode() in content for text in texts if len(text) >= _TELLING)
