"""A source in memory that is read incrementally, as CRMs and databases are."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import polars as pl

from syncd.errors import SourceInvalid
from syncd.source import Connector, End, Options, Rows

COLUMNS = ("id", "ref", "name", "phone")

Row = tuple[str, str, str]
"""``ref``, ``name``, ``phone`` of an id."""


@dataclass
class Account:
    """Rows by id, each with the version of its last change. ``asked``: each read's cursor, None for a whole read.

    ``looked_up``: the keys that were looked up. ``fails``: a lookup fails.
    """

    rows: dict[str, tuple[int, Row]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    merged: dict[str, tuple[int, str]] = field(default_factory=dict)
    version: int = 0
    asked: list[str | None] = field(default_factory=list)
    fails: bool = False
    looked_up: list[str] = field(default_factory=list)

    def put(self, **rows: Row) -> None:
        self.version += 1
        for key, row in rows.items():
            self.rows[key.removeprefix("k")] = (self.version, row)
            self.gone.pop(key.removeprefix("k"), None)

    def bring_back(self, **rows: Row) -> None:
        """Put rows there whose last change is older than every read."""
        for key, row in rows.items():
            self.rows[key.removeprefix("k")] = (0, row)

    def drop(self, *keys: str) -> None:
        self.version += 1
        for key in keys:
            if self.rows.pop(key, None):
                self.gone[key] = self.version

    def merge(self, old: str, new: str) -> None:
        """Merge two rows into one; its id is the id of one of them, or a new one."""
        _, row = self.rows[old]
        self.drop(old)
        self.rows[new] = (self.version, self.rows.get(new, (0, row))[1])
        self.merged[old] = (self.version, new)


class FeedOptions(Options):
    """``tells``: each partial read names the deleted keys, or lists all present keys. ``looks_up``: it can do that.

    ``ghost``: a key that is listed and has no row.
    """

    account: str
    tells: Literal["deleted", "present"] = "deleted"
    looks_up: bool = True
    ghost: str = ""


class Feed(Connector):
    """Reads an :class:`Account` whole, or its changes since a cursor; a cursor is a version."""

    OPTIONS = FeedOptions
    options: FeedOptions
    ACCOUNTS: ClassVar[dict[str, Account]] = {}

    def check(self) -> list[str]:
        return list(COLUMNS)

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        account, since = self.ACCOUNTS[self.options.account], int(cursor or -1)
        account.asked.append(cursor)
        yield self._page({key: row for key, (version, row) in account.rows.items() if version > since})
        now = str(account.version)
        if cursor is None:
            return End("complete", cursor=now)
        merged = {old: new for old, (version, new) in account.merged.items() if version > since}
        if self.options.tells == "present":
            ids = pl.DataFrame({"id": [*account.rows, *filter(None, [self.options.ghost])]}, schema={"id": pl.String})
            return End("partial", cursor=now, present=ids, merged=merged)
        gone = frozenset(key for key, version in account.gone.items() if version > since)
        return End("partial", cursor=now, deleted=gone, merged=merged)

    def can_look_up(self) -> bool:
        return self.options.looks_up

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        account = self.ACCOUNTS[self.options.account]
        account.looked_up += keys
        if account.fails:
            raise SourceInvalid(f"{self.name} looks up nothing: correct lookup")
        yield self._page({key: account.rows[key][1] for key in keys if key in account.rows})
        return frozenset(key for key in keys if key not in account.rows)

    def _page(self, rows: Mapping[str, Row]) -> Rows:
        frame = pl.DataFrame(
            [(key, *row) for key, row in rows.items()], schema=dict.fromkeys(COLUMNS, pl.String), orient="row"
        )
        return Rows(frame, self.name, pl.Series(range(1, len(rows) + 1), dtype=pl.UInt32))
