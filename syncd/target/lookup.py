"""The target's contacts by match value, for what is not in the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl

from syncd.core.columns import MATCH, UNIT
from syncd.core.compare import BEFORE, ID, INDEX_SCHEMA
from syncd.core.identity import match_value
from syncd.core.schema import Schema

FEW = 20
"""Up to so many contacts are searched for one by one; for more, the target is listed."""

_LEADING_ONE = r"(^|;)1(\d{10})\b"


def hint(match: str) -> str:
    """What to search for to find a contact of this match value: its longest part."""
    return max((part.split(";")[0] for part in match.split(UNIT)), key=len)


class Index:
    """The target's contacts by match value, read at most once a run, and only when something needs it.

    ``partly``: contacts that lack a match value are in it too, unless they have none. ``ids``: of all contacts there,
    once they were read.
    """

    def __init__(
        self,
        listing: Callable[[], Iterable[Any]],
        schema: Schema,
        search: Callable[[str], Iterable[Any]] | None = None,
        *,
        partly: bool = False,
    ) -> None:
        self._listing = listing
        self._search = search
        self._schema = schema
        self._partly = partly
        self.frame: pl.DataFrame | None = None
        self.highest = 0
        self.ids: frozenset[int] | None = None

    def read(self) -> pl.DataFrame:
        """Return ``INDEX_SCHEMA`` plus ``many`` (UInt32: how many contacts at the target have the match value)."""
        if self.frame is None:
            remotes = list(self._listing())
            self.ids = frozenset(remote.id for remote in remotes)
            self.frame = self._of(remotes)
        return self.frame

    def look_for(self, matches: Sequence[str], pages: int = 0) -> pl.DataFrame:
        """Return what :meth:`read` does of these match values at least: few are searched for, a hint that may miss.

        ``pages``: how many the list has at least; so many are few as well.
        """
        if self.frame is not None or self._search is None or len(matches) > max(FEW, pages):
            return self.read()
        found = {remote.id: remote for match in matches for remote in self._search(hint(match))}
        return self._of(list(found.values()))

    def _of(self, remotes: Sequence[Any]) -> pl.DataFrame:
        self.highest = max((self.highest, *(remote.id for remote in remotes)))
        return _indexed(remotes, self._schema, partly=self._partly)


def _indexed(remotes: Sequence[Any], schema: Schema, *, partly: bool) -> pl.DataFrame:
    known = pl.Series(BEFORE, [json.dumps(dict(remote.fields), ensure_ascii=False) for remote in remotes], pl.String)
    ids = pl.Series(ID, [remote.id for remote in remotes], dtype=pl.Int64)
    columns = {name: [remote.fields.get(name) or "" for remote in remotes] for name in schema.match}
    found = pl.DataFrame(columns, schema=dict.fromkeys(schema.match, pl.String)).with_columns(ids, known)
    phones = sorted(schema.phones.intersection(schema.match))
    if phones and remotes:
        # A target may keep US numbers with a leading 1: such a contact is found by either form.
        national = found.with_columns(pl.col(phones).str.replace_all(_LEADING_ONE, "${1}${2}"))
        found = pl.concat([found, national]).unique([ID, *phones], keep="first", maintain_order=True)
    match = found.select(match_value(found.select(schema.match), schema, partly=partly))
    found = found.with_columns(match.to_series()).filter(pl.col(MATCH).is_not_null()).select(*INDEX_SCHEMA)
    many = pl.col(ID).n_unique().over(MATCH).cast(pl.UInt32).alias("many")
    return found.with_columns(many).unique(MATCH, keep="first", maintain_order=True)
