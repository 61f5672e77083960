"""The claims on match values that the ledger does not show: wanted match values, and merged numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.state.database import Part


class Claims(Part):
    """The tables ``outranked`` and ``merged``."""

    # A partial read does not show these contacts again, so a later run relies on the tables. Other sources see in them
    # the match value that a contact wants before it was ever sent.

    def outranked(self, source: str) -> dict[str, str]:
        """Return the match value that each contact of the source wants and another contact has, by key."""
        query = "SELECT key, wants FROM outranked WHERE source = :source ORDER BY key"
        return dict(self._database.rows(query, source=source))

    def outranked_of(self, sources: Sequence[str]) -> pl.DataFrame:
        """Return ``@source``, ``@key``, ``@match`` (the wanted one) of the outranked contacts of these sources."""
        rows = [(source, key, wants) for source in sources for key, wants in self.outranked(source).items()]
        return pl.DataFrame(rows, schema={"@source": pl.String, KEY: pl.String, MATCH: pl.String}, orient="row")

    def keep_outranked(self, source: str, wants: Mapping[str, str]) -> None:
        """Replace what :meth:`outranked` returns."""
        if wants != self.outranked(source):
            self._replace("outranked", source, [(source, key, match) for key, match in wants.items()])

    def merged(self, source: str) -> dict[str, list[str]]:
        """Return the keys whose numbers one contact may hold at the target, by the match value of that contact."""
        found: dict[str, list[str]] = {}
        query = "SELECT merged_into, key FROM merged WHERE source = :source ORDER BY merged_into, key"
        for match, key in self._database.rows(query, source=source):
            found.setdefault(match, []).append(key)
        return found

    def keep_merged(self, source: str, groups: Mapping[str, Iterable[str]]) -> None:
        """Replace what :meth:`merged` returns."""
        wanted = {match: sorted(set(keys)) for match, keys in groups.items()}
        if wanted != self.merged(source):
            self._replace("merged", source, [(source, key, match) for match, keys in wanted.items() for key in keys])

    def _replace(self, table: str, source: str, rows: Sequence[tuple[str, str, str]]) -> None:
        # Only if something differs (see above): most runs change nothing here, and need not wait for the write lock.
        with self._database.write():
            self._database.execute(f"DELETE FROM {table} WHERE source = :source", source=source)
            self._database.execute_many(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
