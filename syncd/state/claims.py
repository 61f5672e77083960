"""The claims that the ledger does not show: seats that contacts want but did not get, and merged numbers.

A partial read does not show these contacts again, so a later run goes by these tables. Other sources see here what a
contact wants that was never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from sqlalchemy import text

from syncd.core.columns import KEY, MATCH
from syncd.state.database import Database


class Claims:
    """The tables ``outranked`` and ``merged``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outranked(self, source: str) -> dict[str, str]:
        """Return the match value that each contact of the source wants and did not get, by key."""
        with self._database.read() as connection:
            query = text("SELECT key, wants FROM outranked WHERE source = :source ORDER BY key")
            return dict(map(tuple, connection.execute(query, {"source": source})))

    def outranked_of(self, sources: Sequence[str]) -> pl.DataFrame:
        """Return ``@source``, ``@key``, ``@match`` (the wanted one) of the outranked contacts of these sources."""
        rows = [(source, key, wants) for source in sources for key, wants in self.outranked(source).items()]
        return pl.DataFrame(rows, schema={"@source": pl.String, KEY: pl.String, MATCH: pl.String}, orient="row")

    def keep_outranked(self, source: str, wants: Mapping[str, str]) -> None:
        """Replace what :meth:`outranked` returns."""
        if wants != self.outranked(source):
            self._replace("outranked (source, key, wants)", source, wants.items())

    def merged(self, source: str) -> dict[str, list[str]]:
        """Return the keys whose numbers one contact may hold at the target, by its match value."""
        found: dict[str, list[str]] = {}
        with self._database.read() as connection:
            query = text("SELECT merged_into, key FROM merged WHERE source = :source ORDER BY merged_into, key")
            for match, key in connection.execute(query, {"source": source}):
                found.setdefault(match, []).append(key)
        return found

    def keep_merged(self, source: str, groups: Mapping[str, Iterable[str]]) -> None:
        """Replace what :meth:`merged` returns."""
        wanted = {match: sorted(set(keys)) for match, keys in groups.items()}
        if wanted != self.merged(source):
            rows = [(key, match) for match, keys in wanted.items() for key in keys]
            self._replace("merged (source, key, merged_into)", source, rows)

    def _replace(self, table: str, source: str, rows: Iterable[tuple[str, str]]) -> None:
        values = [(source, *row) for row in rows]
        with self._database.write() as connection:
            connection.execute(
                text(f"DELETE FROM {table.partition(' ')[0]} WHERE source = :source"), {"source": source}
            )
            if values:
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES (?, ?, ?)", values)
