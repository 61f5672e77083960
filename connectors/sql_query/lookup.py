"""Read rows by their keys: every row of a key of which one row changed, and the rows of given keys.

A full read of a query shows all rows of a key, and the first of them is used. So a read of changes shows all of them as
well, in the same order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from connectors.sql_query.snapshot import Column, Snapshot
from connectors.sql_query.statement import OWN_PARAMETERS, Selection, Statement

KEY_SEPARATOR = "\x1f"
"""The character between the parts of a composite key."""

VALUES = 2_000
"""The most values of one statement; SQL Server takes 2,100."""

MOST_CHANGED = 20_000
"""The most changed rows whose keys are looked up; if there are more, a read of changes reads every row."""

_TEXT_TYPES = {"postgresql": "text", "mysql": "CHAR", "sqlite": "TEXT", "mssql": "nvarchar(4000)"}


def key_texts(frame: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Return the key of each row, null if a part is null; the mapping makes the same keys of usual characters."""
    parts = [pl.col(name).str.strip_chars() for name in key]
    return frame.select(pl.concat_str(parts, separator=KEY_SEPARATOR).alias("key")).to_series()


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Reads rows by their keys in one snapshot.

    ``key``: the columns of the key. ``columns``: of the source. ``fetch``: rows of a page.
    """

    snapshot: Snapshot
    selection: Selection
    key: tuple[str, ...]
    columns: Sequence[Column]
    fetch: int

    def rows(self, every: Statement, names: Sequence[str], keys: Collection[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows that have one of these keys; ``every``: the statement for all rows, with columns ``names``."""
        left = {KEY_SEPARATOR.join(part.strip() for part in each.split(KEY_SEPARATOR)): each for each in keys}
        # The server's own comparison uses its index, but it may not find a value by the text that it was written as.
        for names_of_key in (self._compared(as_text=False), self._compared(as_text=True)):
            found: set[str] = set()
            for statement in with_keys(every, names_of_key, [*left.values()]):
                for page in self.snapshot.pages(statement, names, self.fetch):
                    texts = key_texts(page.frame, self.key)
                    # A server may take other texts for equal as well: it ignores case, or white space at the end.
                    wanted = texts.is_in(list(left)).fill_null(value=False)
                    found.update(texts.filter(wanted))
                    yield page.frame.filter(wanted)
            left = {stripped: each for stripped, each in left.items() if stripped not in found}

    def _compared(self, *, as_text: bool) -> list[str]:
        """Return the columns of the key as SQL; ``as_text``: the server makes texts of them, and uses no index."""
        found = {name: self.selection.quoted(name) for name in self.key}
        for column in self.columns:
            if column.name in found:
                # Such a column is read as a text that its type does not take: 00ff for bytes.
                made, renamed, _ = column.expression.rpartition(" AS ")
                text = f"CAST({found[column.name]} AS {_TEXT_TYPES[self.selection.kind]})"
                found[column.name] = made if renamed else text if as_text or column.is_json else found[column.name]
        return list(found.values())

    def repeated(self, every: Statement, names: Sequence[str], keys: Collection[str]) -> frozenset[str]:
        """Return those of these keys that several rows have; ``every``: the statement for the keys of all rows."""
        found = [key_texts(frame, self.key) for frame in self.rows(every, names, keys)]
        texts = pl.concat(found) if found else pl.Series(dtype=pl.String)
        return frozenset(texts.filter(texts.is_duplicated()))


def with_keys(every: Statement, names: Sequence[str], keys: Sequence[str]) -> Iterator[Statement]:
    """Yield ``every``, a statement for all rows, for the rows with these keys; ``names``: the key's columns, as SQL."""
    size = max(1, VALUES // len(names))
    for start in range(0, len(keys), size):
        tests, values = [], dict[str, str]()
        for number, each in enumerate(keys[start : start + size]):
            parts = enumerate(each.split(KEY_SEPARATOR))
            own = {f"{OWN_PARAMETERS}key_{number}_{part}": text for part, text in parts}
            tests.append([f":{name}" for name in own])
            values |= own
        if len(names) == 1:
            where = f"{names[0]} IN ({', '.join(name for [name] in tests)})"
        else:
            each_is = (" AND ".join(map(" = ".join, zip(names, test, strict=True))) for test in tests)
            where = " OR ".join(f"({test})" for test in each_is)
        yield Statement(f"{every.text} WHERE {where}", {**every.values, **values})
