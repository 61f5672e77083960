"""Which plans were applied, and which state file a plan belongs to."""

from __future__ import annotations

import json
from typing import NamedTuple

import polars as pl

from syncd.core.columns import KEY
from syncd.state.bulk import PAGE
from syncd.state.database import Part
from syncd.state.entries import DONE
from syncd.state.facts import Fact
from syncd.state.queries import THESE_KEYS
from syncd.state.runs import IDENTITY


class Identity(NamedTuple):
    """The name of a state file, which its copies share, and when it got that name (Unix seconds)."""

    name: str
    since: float


class Plans(Part):
    """Plans by their digests. Times are Unix seconds."""

    def identity(self) -> Identity | None:
        """Return which state file this is; None before its first run."""
        stored = Fact(self._database, IDENTITY, lambda text: json.loads(text) if text else None, json.dumps).get()
        return Identity(**stored) if stored else None

    def applied(self, digest: str) -> str | None:
        """Return the run that has applied the plan to its end; None if there is none."""
        query = "SELECT run FROM appliedplan WHERE digest = :digest AND exit IN (0, 3) ORDER BY at LIMIT 1"
        found: str | None = self._database.scalar(query, digest=digest)
        return found

    def begin(self, digest: str, run: str) -> None:
        """Note that the run begins to apply the plan."""
        self._database.put("appliedplan", digest=digest, run=run, at=self._database.clock())

    def end(self, digest: str, run: str, exit_code: int) -> None:
        """Note how the run ended."""
        query = "UPDATE appliedplan SET exit = :exit WHERE digest = :digest AND run = :run"
        self._database.execute(query, exit=exit_code, digest=digest, run=run)

    def open_keys(self, digest: str, source: str) -> pl.Series:
        """Return the keys of the source's changes of unknown outcome that runs have begun which applied the plan."""
        query = (
            "SELECT DISTINCT key FROM change WHERE outcome = 'pending' AND source = :source"
            " AND run IN (SELECT run FROM appliedplan WHERE digest = :digest)"
        )
        return pl.Series(KEY, self._database.column(query, source=source, digest=digest), dtype=pl.String)

    def deleted_since(self, source: str, keys: pl.Series, change: int) -> pl.Series:
        """Return those of the keys whose contacts were deleted after an entry of the journal."""
        query = f"SELECT DISTINCT key FROM change WHERE {THESE_KEYS} AND kind = 'delete' AND id > :change AND {DONE}"
        pages = (keys.slice(start, PAGE).to_list() for start in range(0, len(keys), PAGE))
        found = [key for page in pages for key in self._database.column(query, source=source, keys=page, change=change)]
        return pl.Series(KEY, found, dtype=pl.String)
