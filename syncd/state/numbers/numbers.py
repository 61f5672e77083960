"""Reads what attribution needs of the ledger and the journal: the fields of contacts now, and changes of numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from syncd.state.bulk import column_pages
from syncd.state.database import Part
from syncd.state.entries import DONE, newest_change

PAGE = 25_000
"""Contacts whose fields are in memory at once."""

CHANGES_PAGE = 10_000
"""Changes whose fields are in memory at once."""

NOW = {
    "key": pl.String,
    "match": pl.String,
    "fields": pl.String,
    "returned": pl.String,
    "made": pl.Float64,
    "created": pl.Int64,
}
"""A contact at the target: its fields as sent, and as the target answered them if they differ (JSON, or ""), when the
ledger first knew it, and 1 if syncd created it."""

CHANGES = {
    "n": pl.Int64,
    **dict.fromkeys(("source", "key", "match"), pl.String),
    "at": pl.Float64,
    **dict.fromkeys(("before", "after"), pl.String),
}
"""A change that was made: its place in the order, whose, when, and the fields before and after (JSON, or null)."""

_AT_TARGET = "fields <> '{}' AND (status = 'accepted' OR remote_id IS NOT NULL)"
_COLUMNS = "id, source, key, match, at, before, after"
# Each source is one look into the primary key; DISTINCT would look at every contact.
SOURCES = (
    "WITH RECURSIVE found (name) AS (SELECT min(source) FROM contact UNION ALL"
    " SELECT (SELECT min(source) FROM contact WHERE source > name) FROM found WHERE name IS NOT NULL)"
    " SELECT name FROM found WHERE name IS NOT NULL"
)
_ALIASES = "SELECT wants, source, key FROM outranked UNION SELECT merged_into, source, key FROM merged"


class Standing(NamedTuple):
    """How far the journal is. ``change``: its newest entry; ``at``: when that was marked, None if it is not known.

    ``open``: the entries whose outcome is not known yet.
    """

    change: int = 0
    at: float | None = None
    open: tuple[int, ...] = ()


class Numbers(Part):
    """The phone fields of contacts. ``phones`` are the names of these fields."""

    def standing(self) -> Standing:
        """Return how far the journal is."""
        newest = newest_change(self._database)
        open_ = "SELECT id FROM change WHERE outcome IN ('pending', 'moved') AND outcome = 'pending' ORDER BY id"
        return Standing(newest, self.marked(newest), tuple(self._database.column(open_)))

    def marked(self, change: int) -> float | None:
        """Return when an entry of the journal was marked; None if there is none any more."""
        found = self._database.scalar("SELECT at FROM change WHERE id = :change", change=change)
        return None if found is None else float(found)

    def sources(self) -> list[str]:
        """Return the sources that have contacts, in order."""
        return self._database.column(SOURCES)

    def now(self, source: str) -> Iterator[pl.DataFrame]:
        """Yield the source's contacts at the target, as :data:`NOW`, page by page."""
        columns = ("key", "match", "fields", "coalesce(returned, '')", "created_at", "origin = 'created'")
        return column_pages(self._database, source, columns, NOW, _AT_TARGET, PAGE)

    def changes(self, phones: Collection[str]) -> Iterator[pl.DataFrame]:
        """Yield the changes that may have given or taken a number, as :data:`CHANGES`, page by page, in any order.

        Changes that created a contact are among them only if one deleted it: else :meth:`now` says when that was.
        """
        differs, paths = _differing(phones)
        sql = (
            f"SELECT {_COLUMNS} FROM change WHERE id > :last AND kind <> 'create' AND key <> '' AND {DONE}"
            f" AND ({differs}) ORDER BY id LIMIT {CHANGES_PAGE}"
        )
        last, gone = -1, dict[str, set[str]]()
        while rows := self._database.rows(sql, last=last, **paths):
            last = rows[-1][0]
            yield pl.DataFrame(rows, schema=CHANGES, orient="row")
            for source, key in {row[1:3] for row in rows if row[-1] is None}:
                gone.setdefault(source, set()).add(key)
        for source, keys in gone.items():
            yield from self._creates(source, sorted(keys))

    def _creates(self, source: str, keys: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the changes that created these contacts."""
        sql = (
            f"SELECT {_COLUMNS} FROM change WHERE kind = 'create' AND {DONE} AND source = :source"
            " AND key IN (SELECT value FROM json_each(:keys))"
        )
        for start in range(0, len(keys), CHANGES_PAGE):
            rows = self._database.rows(sql, source=source, keys=keys[start : start + CHANGES_PAGE])
            yield pl.DataFrame(rows, schema=CHANGES, orient="row")

    def given_since(self, before: Standing) -> list[tuple[str, str]]:
        """Return source and fields (a JSON object) of the contacts that were accepted after a standing."""
        sql = (
            "SELECT source, after FROM change WHERE (id > :change OR id IN (SELECT value FROM json_each(:open)))"
            f" AND after IS NOT NULL AND {DONE}"
        )
        return self._database.rows(sql, change=before.change, open=before.open)

    def first_change(self) -> float | None:
        """Return when the oldest change was marked that is still known."""
        found = self._database.scalar("SELECT min(at) FROM change")
        return None if found is None else float(found)

    def aliases(self) -> list[tuple[str, str, str]]:
        """Return match value, source and key of rows that were not sent: another contact has their match value."""
        return self._database.rows(_ALIASES)


def _differing(phones: Collection[str]) -> tuple[str, Mapping[str, str]]:
    """Return the condition that a phone field was changed, and its values."""
    if any({'"', "\\"} & {*name} for name in phones):
        # SQLite has no way to write such a name in a path.
        return "before IS NOT after", {}
    paths = {f"p{n}": f"$.{json.dumps(name, ensure_ascii=False)}" for n, name in enumerate(sorted(phones))}
    # A field that a change does not name keeps its value.
    differs = (
        f"json_extract(before, :{name}) IS NOT json_extract(after, :{name})"
        f" AND (after IS NULL OR json_extract(after, :{name}) IS NOT NULL)"
        for name in paths
    )
    return " OR ".join(f"({each})" for each in differs) or "FALSE", paths
