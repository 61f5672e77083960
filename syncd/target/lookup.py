"""Finds contacts at the target by their match values: a few are searched for one by one, for more the target is listed.

A search is a hint: it may miss a contact, and it may find others. Equal match values are what identifies a contact.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from syncd.core.change import Fields
from syncd.core.columns import MATCH, UNIT
from syncd.core.compare import BEFORE, ID, INDEX_SCHEMA
from syncd.core.identity import as_frame, match_value
from syncd.core.mapping.phones import national
from syncd.core.ownership import OpenCall, Owner, Sighting, calls_by_match, explained, whose
from syncd.core.schema import Schema
from syncd.target.contacts import SEARCHED, Remote, Target

FEW = 20
"""Up to so many match values are searched for one by one."""

Search = Callable[[str], Iterable[Remote]]
Remotes = dict[int, Remote]
"""Contacts of the target by id."""


class Found(NamedTuple):
    """Contacts that searches found. ``cut_off``: a search found so many that the target left some out."""

    remotes: Remotes
    cut_off: bool


class SharedList:
    """The target for several threads that list it at the same time, as after an outage: they share one list.

    ``highest``: the highest id of the last list, 0 before.
    """

    def __init__(self, target: Target) -> None:
        self.search = target.search
        self._list = target.contacts
        self._reading = threading.Lock()
        self._begun = 0
        self._read = 0
        self._contacts: list[Remote] = []
        self.highest = 0

    def contacts(self) -> list[Remote]:
        begun_before = self._begun
        with self._reading:
            # A list that was begun before this thread asked may lack what this thread looks for. A list that another
            # thread began since, while this thread waited for the lock, is as good as a list of its own.
            if self._read <= begun_before:
                self._begun += 1
                self._contacts = self._list()
                self.highest = max((each.id for each in self._contacts), default=0)
                self._read = self._begun
            return self._contacts


Finder = Target | SharedList


def hint(match: str) -> str:
    """Return the text to search for to find a contact of this match value: its longest part."""
    # Of a list of numbers only the first: a server looks for the text inside a field, where the order may be another.
    return max((part.split(";")[0] for part in match.split(UNIT)), key=len)


def search_few(search: Search, matches: Collection[str], pages: int = 0) -> Found | None:
    """Search for match values one by one; None if they are so many that a list of the target costs less.

    ``pages``: how many pages the list has at least.
    """
    # Each page of the list is a request, and so is each search.
    if len(matches) > max(FEW, pages):
        return None
    hits = [list(search(hint(match))) for match in matches]
    remotes = {remote.id: remote for each in hits for remote in each}
    return Found(remotes, cut_off=any(len(each) >= SEARCHED for each in hits))


def find(
    target: Finder, matches: Collection[str], enough: Callable[[Found], bool] = lambda _found: True, *, pages: int = 0
) -> Remotes:
    """Return contacts that may have these match values, and others: from searches, or else from the target's list.

    Args:
        target: where to look.
        matches: the match values.
        enough: says of what the searches found whether the list need not be read after all.
        pages: how many pages the list has at least.
    """
    found = search_few(target.search, matches, pages)
    if found is not None and enough(found):
        return found.remotes
    return {remote.id: remote for remote in target.contacts()}


def find_made(
    target: Finder, schema: Schema, calls: Iterable[OpenCall], ours_among: Callable[[Collection[int]], set[int]]
) -> dict[str, Sighting]:
    """Return what stands where calls of unknown outcome belong, by match value.

    ``ours_among`` returns which ids were ours before: the target may have brought them back.
    """
    wanted = calls_by_match(calls)
    if not wanted:
        return {}

    def all_found(found: Found) -> bool:
        return wanted.keys() <= by_match(schema, found.remotes).keys()

    there = by_match(schema, find(target, wanted, all_found))
    # Ids that were ours count even if the values do not fit: a person may have edited a contact of ours meanwhile.
    ours = ours_among([there[match].id for match in wanted if match in there])
    return {
        match: Sighting(remote.id, whose(remote, every, schema, was_ours=remote.id in ours) is Owner.OURS)
        for match, every in wanted.items()
        if (remote := there.get(match))
    }


def find_persons(target: Finder, schema: Schema, sent: Mapping[str, Sequence[Fields]]) -> set[int]:
    """Return the ids of contacts that calls of unknown outcome cannot have made, though they have the match values.

    ``sent``: the fields that the calls sent, by match value.
    """
    if not sent:
        return set()
    there = by_match(schema, find(target, sent))
    return {
        remote.id
        for match, calls in sent.items()
        if (remote := there.get(match)) and not explained(remote.fields, calls, schema)
    }


def by_match(schema: Schema, remotes: Remotes) -> dict[str, Remote]:
    """Return contacts of the target by match value, in the form in which the ledger holds match values."""
    index = Index(remotes.values, schema, partly=True).read()
    return {match: remotes[id_] for match, id_ in index.select(MATCH, ID).iter_rows()}


@dataclass(slots=True)
class Index:
    """The target's contacts by match value, read at most once a run, and only if something needs it.

    ``partly``: contacts that lack some of their match values are in it too. ``ids``: of all contacts, once they were
    read; ``highest``: the highest id that was seen.
    """

    listing: Callable[[], Iterable[Remote]]
    schema: Schema
    search: Search | None = None
    partly: bool = field(default=False, kw_only=True)
    frame: pl.DataFrame | None = field(default=None, init=False)
    highest: int = field(default=0, init=False)
    ids: frozenset[int] | None = field(default=None, init=False)
    _sorted: pl.DataFrame | None = field(default=None, init=False)

    def read(self) -> pl.DataFrame:
        """Return ``INDEX_SCHEMA`` plus ``many`` (UInt32: how many contacts at the target have the match value)."""
        if self.frame is None:
            remotes = list(self.listing())
            self.ids = frozenset(remote.id for remote in remotes)
            self.frame = self._of(remotes)
        return self.frame

    def look_for(self, matches: Sequence[str], pages: int = 0) -> pl.DataFrame:
        """Return what :meth:`read` returns, of these match values at least; ``pages`` as in :func:`search_few`."""
        searches = self.search if self.frame is None else None  # what was listed once need not be searched for
        found = search_few(searches, matches, pages) if searches else None
        return self.read() if found is None else self._of(list(found.remotes.values()))

    def values(self, id_: int) -> Fields | None:
        """Return the values that a contact had when the target was listed; None if they are not known."""
        if self.frame is None:
            return None
        if self._sorted is None:
            self._sorted = self.frame.select(ID, BEFORE).sort(ID)
        at = self._sorted.get_column(ID).search_sorted(id_)
        if at >= self._sorted.height or self._sorted.item(at, ID) != id_:
            return None
        return {name: value for name, value in json.loads(self._sorted.item(at, BEFORE)).items() if value}

    def _of(self, remotes: Sequence[Remote]) -> pl.DataFrame:
        self.highest = max((self.highest, *(remote.id for remote in remotes)))
        match = self.schema.match
        # As JSON, since a plan is a frame: a contact at the target may have fields that the source does not map.
        known = pl.Series(BEFORE, [json.dumps(dict(each.fields), ensure_ascii=False) for each in remotes], pl.String)
        ids = pl.Series(ID, [remote.id for remote in remotes], dtype=pl.Int64)
        found = as_frame([remote.fields for remote in remotes], match).with_columns(ids, known)
        phones = sorted(self.schema.phones.intersection(match))
        if phones and remotes:
            # A target may keep US numbers with a leading 1: such a contact is found by either form.
            plain = found.with_columns(national(pl.col(phones)))
            found = pl.concat([found, plain]).unique([ID, *phones], keep="first", maintain_order=True)
        values = found.select(match_value(found.select(match), self.schema, partly=self.partly))
        found = found.with_columns(values.to_series()).filter(pl.col(MATCH).is_not_null()).select(*INDEX_SCHEMA)
        many = pl.col(ID).n_unique().over(MATCH).cast(pl.UInt32).alias("many")
        return found.with_columns(many).unique(MATCH, keep="first", maintain_order=True)
