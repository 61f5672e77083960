"""What was done: the runs and their changes, and what an undo must know of the changes of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from syncd.core.columns import KEY
from syncd.core.undo.world import Entry
from syncd.state.database import Part
from syncd.state.entries import DONE, OF_RUN

_PAGE = 1_000

# The two columns belong to both tables of that query, so they need the name of the table.
_LATER_DONE = DONE.replace("outcome", "later.outcome").replace("new_id", "later.new_id")

_WITHOUT_CALL = "'handed over', 'left', 'not found'"

_ROW = "id, run, source, key, kind, old_id, new_id, match, before, after, outcome, reason, at, place"


class History(Part):
    """Runs and their changes. Times are Unix seconds."""

    def runs(
        self, *, source: str | None = None, run: str | None = None, since: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield runs, the newest first, one of each source.

        ``report`` is what ``SourceReport.to_json`` made; ``sources`` is how many sources the run had.
        """
        query = (
            "SELECT run, source, started, ended, outcome, exit, requests, kind, undoes, report,"
            " (SELECT count(*) FROM run AS other WHERE other.run = run.run) AS sources FROM run"
            " WHERE source = coalesce(:source, source) AND run = coalesce(:run, run)"
            " AND started >= coalesce(:since, started) ORDER BY started DESC, source LIMIT :page OFFSET :done"
        )
        done = 0
        while True:
            rows = self._database.records(query, source=source, run=run, since=since, page=_PAGE, done=done)
            yield from ({**row, "report": json.loads(row["report"] or "null")} for row in rows)
            if len(rows) < _PAGE:
                return
            done += len(rows)

    def changes(
        self, *, source: str | None = None, run: str | None = None, key: str | None = None, since: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield changes, the newest first; ``before`` and ``after`` are fields, or None."""
        wanted = {"source": source, "run": run, "key": key}
        values = {name: value for name, value in wanted.items() if value is not None}
        conditions = ["id < :below", "key <> ''", *(f"{name} = :{name}" for name in values)]
        conditions += ["at >= :since"] if since is not None else []
        query = f"SELECT {_ROW} FROM change WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT {_PAGE}"
        # Pages: there may be millions of changes, of which the caller takes the first few.
        below = 1 << 62
        while True:
            rows = self._database.records(query, since=since, below=below, **values)
            yield from ({**row, "before": _fields(row["before"]), "after": _fields(row["after"])} for row in rows)
            if len(rows) < _PAGE:
                return
            below = rows[-1]["id"]

    def phone_fields(self) -> frozenset[str]:
        """Return the names of the target's phone fields, as the last runs knew them."""
        facts = self._database.column("SELECT value FROM fact WHERE name LIKE 'fields of %'")
        # Schema.described() made the facts: a list of [name, is_phone, is_match] for each source.
        return frozenset(name for fact in facts for name, is_phone, *_ in json.loads(fact) if is_phone)

    def entries(self, run: str, source: str) -> list[Entry]:
        """Return the changes that the run made to the source's contacts, in the order in which they were begun."""
        query = (
            f"SELECT key, kind, before, after, CASE WHEN {DONE} THEN 'accepted' ELSE outcome END,"
            f" new_id <> old_id, old_id FROM change WHERE {OF_RUN} ORDER BY id"
        )
        return [
            Entry(key, kind, _fields(before), _fields(after), outcome, bool(other), old_id)
            for key, kind, before, after, outcome, other, old_id in self._database.rows(query, run=run, source=source)
        ]

    def outcomes(self, run: str, source: str) -> pl.DataFrame:
        """Return ``@key`` and ``@outcome`` of the changes that the run began.

        The outcome is accepted, rejected or unknown; of a delete without a call also handed over, left or not found.
        """
        outcome = (
            f"CASE WHEN outcome IN ({_WITHOUT_CALL}) AND kind = 'delete' THEN outcome WHEN {DONE} THEN 'accepted'"
            " WHEN outcome = 'refused' THEN 'rejected' ELSE 'unknown' END"
        )
        query = f"SELECT key, {outcome} FROM change WHERE {OF_RUN} ORDER BY id"
        found = self._database.frame({KEY: pl.String, "@outcome": pl.String}, query, run=run, source=source)
        # A contact is sent twice if the first call took fields away: the second call, which restores them, counts.
        return found.unique(KEY, keep="last", maintain_order=True)

    def later_changes(self, run: str, source: str) -> list[tuple[str, str, str | None]]:
        """Return later changes of the keys that the run changed: key, run and, if that run was an undo, the undone run.

        Changes of unknown outcome by an undo of this run are left out: such an undo may be tried again.
        """
        query = (
            "SELECT later.key, later.run, CASE WHEN later.outcome = 'pending' THEN NULL ELSE by.undoes END"
            " FROM change AS later"
            f" JOIN (SELECT key, max(id) AS last FROM change WHERE {OF_RUN} GROUP BY key) AS mine"
            " ON later.source = :source AND later.key = mine.key AND later.id > mine.last"
            " LEFT JOIN run AS by ON by.run = later.run AND by.source = later.source"
            f" WHERE {_LATER_DONE} OR (later.outcome = 'pending' AND by.undoes IS NOT :run)"
            " ORDER BY later.id"
        )
        return self._database.rows(query, run=run, source=source)

    def begun_by_undo(self, run: str, source: str) -> frozenset[str]:
        """Return the keys of changes of unknown outcome by an undo of the run."""
        query = (
            "SELECT change.key FROM change JOIN run ON run.run = change.run AND run.source = change.source"
            " WHERE run.undoes = :run AND change.source = :source AND change.outcome = 'pending'"
        )
        return frozenset(self._database.column(query, run=run, source=source))

    def begun_keys(self, run: str, source: str) -> set[str]:
        """Return the keys that the run changed, or may have changed."""
        query = f"SELECT key FROM change WHERE {OF_RUN} AND (outcome = 'pending' OR {DONE})"
        return set(self._database.column(query, run=run, source=source))


def _fields(value: str | None) -> dict[str, str] | None:
    return None if value is None else json.loads(value)
