"""A connector over rows in memory, with an incremental read: for the tests of everything behind connectors."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from pydantic import ConfigDict

from syncd.errors import SourceUnavailable
from syncd.source import Connector, End, Options, Rows


@dataclass
class Store:
    """Rows by their key, each with the version at which it last changed; ``available`` is whether it can be read."""

    columns: tuple[str, ...]
    key: str
    rows: dict[str, tuple[int, Mapping[str, str]]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    version: int = 0
    available: bool = True

    def fill(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Make the store hold exactly ``rows``, as one more version."""
        self.version += 1
        before, self.rows = self.rows, {}
        for row in rows:
            known = before.pop(row[self.key], None)
            self.rows[row[self.key]] = known if known and known[1] == row else (self.version, dict(row))
        self.gone |= dict.fromkeys(before, self.version)
        self.gone = {key: version for key, version in self.gone.items() if key not in self.rows}


class MemoryOptions(Options):
    """``store`` holds the rows; a page has at most ``page`` of them."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    store: Store
    page: int = 2


class Memory(Connector):
    """Reads a :class:`Store`: all of it, or what changed since a cursor, which is a version."""

    OPTIONS = MemoryOptions
    options: MemoryOptions

    def check(self) -> list[str]:
        return list(self._store().columns)

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        store, since = self._store(), int(cursor or 0)
        now = str(store.version)
        if cursor == now:
            return End("unchanged", cursor=now)
        changed = [(place, row) for place, (version, row) in enumerate(store.rows.values(), 1) if version > since]
        for start in range(0, max(len(changed), 1), self.options.page):
            yield self._rows(changed[start : start + self.options.page])
        if cursor is None:
            return End("complete", cursor=now)
        deleted = frozenset(key for key, version in store.gone.items() if version > since)
        return End("partial", cursor=now, deleted=deleted)

    def _rows(self, numbered: Sequence[tuple[int, Mapping[str, str]]]) -> Rows:
        schema = dict.fromkeys(self.options.store.columns, pl.String)
        frame = pl.DataFrame([row for _, row in numbered], schema=schema)
        return Rows(frame, self.name, pl.Series([place for place, _ in numbered], dtype=pl.UInt32))

    def _store(self) -> Store:
        if not self.options.store.available:
            raise SourceUnavailable(f"{self.name} is switched off: switch it on")
        return self.options.store
