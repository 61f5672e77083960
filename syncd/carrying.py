"""What is sent beside a contact's own fields: the target's values of fields that it does not name, which would be lost.

They would where an update replaces, and where a move makes a new contact. Where a move comes upon a contact that is
not ours, what people wrote there stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from syncd.changes import TREATMENT
from syncd.core.columns import KEY, MATCH
from syncd.core.diff import ID, KIND, OLD_MATCH, rows
from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.doubt import Finder, find_there
from syncd.rematching import open_calls
from syncd.state import State
from syncd.target import Remote

Owner = tuple[str, str]
"""A source's name and a key."""


class Carrying:
    """Adds the ``payload`` to changes. ``treatment``: what an update does to fields that it does not mention."""

    def __init__(self, schema: Schema, treatment: str, state: State, source: str) -> None:
        self._schema = schema
        self._treatment = treatment
        self._state = state
        self._source = source
        self._merges = state.fact(TREATMENT) == "merge"
        self._met: Mapping[str, Mapping[str, str]] = {}
        self._now: dict[str, Mapping[str, str]] = {}

    def look(self, plan: Plan, target: Finder, *, pages: int) -> None:
        """See what contacts that move hold now, and whose contacts stand where they move to: a few are searched for.

        Where a move's own fields are all that the company has, nothing can be lost. ``pages``: how many the target's
        list has at least.
        """
        moves = [each for each in rows(plan.todo.filter(pl.col(KIND) == "move")) if self._others(each)]
        if not moves:
            return
        matches = {each[which] for each in moves for which in (OLD_MATCH, MATCH)}
        found = find_there(target, self._schema, matches, pages=pages)
        there = {match: found[match] for match in matches & found.keys()}
        holders = self._state.held_by([remote.id for remote in there.values()])
        self._see_whom_they_meet(plan, there, holders)
        self._see_what_they_hold(moves, there, holders)

    def _see_whom_they_meet(self, plan: Plan, there: Mapping[str, Remote], holders: Mapping[int, set[Owner]]) -> None:
        """What people wrote stays at a contact that is none of ours, or whose key does not go with it."""
        goes = plan.todo.filter(pl.col(KIND).is_in(["move", "delete"])).get_column(KEY)
        going = {(self._source, key) for key in goes}
        left = {call.id for call in self._state.leftovers()}
        self._met = {
            match: remote.fields
            for match, remote in there.items()
            if not (holders[remote.id] <= going if remote.id in holders else remote.id in left)
        }

    def _see_what_they_hold(
        self, moves: Sequence[Mapping[str, Any]], there: Mapping[str, Remote], holders: Mapping[int, set[Owner]]
    ) -> None:
        calls = open_calls(self._state, self._schema, self._source)
        begun = {call.key: call.fields for call in reversed(calls) if not call.id}
        for each in moves:
            remote = there.get(each[OLD_MATCH])
            if each[KEY] in begun:  # what stands there now may be what another's call of then has made of it
                self._now[each[KEY]] = begun[each[KEY]]
            elif remote and remote.id == each[ID] and holders.get(remote.id) == {(self._source, each[KEY])}:
                self._now[each[KEY]] = remote.fields
        news = ((each[KEY], each[ID], before) for each in moves if (before := self._before(each)) != each["before"])
        self._state.note_returned(self._source, news)

    def page(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add what is sent to each of the changes."""
        for each in changes:
            each["before"] = self._before(each)
            kept = self._kept(each)
            each["payload"] = {**kept, **each["after"]} if kept else each["after"]
        return changes

    def _before(self, change: Mapping[str, Any]) -> Mapping[str, str]:
        """What the target last answered, with what it holds now of fields that the contact does not name."""
        known: Mapping[str, str] = change["before"]
        now = self._now.get(change[KEY])
        if now is None:
            return known
        others = self._others(change)
        mapped = {name: value for name, value in known.items() if name not in others}
        return mapped | {name: value for name, value in now.items() if value and name in others}

    def _kept(self, change: Mapping[str, Any]) -> Mapping[str, str]:
        replaces = self._treatment == "replace"
        if not replaces and change[KIND] != "move":
            return {}
        kept = self._unmentioned(change)
        met = self._met.get(change[MATCH]) if change[KIND] == "move" else None
        if met is None:
            return kept
        theirs = {name: value for name, value in met.items() if value and name not in change["after"]}
        return {name: kept[name] for name in kept if name not in theirs} if self._merges else {**kept, **theirs}

    def _others(self, change: Mapping[str, Any]) -> set[str]:
        return set(self._schema.names).difference(change["after"])

    def _unmentioned(self, change: Mapping[str, Any]) -> dict[str, str]:
        return unmentioned(change, self._schema.names)


def unmentioned(change: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The target's last known values of its fields (``names``) that the contact does not name."""
    rest = set(names).difference(change["after"])
    return {name: value for name, value in change["before"].items() if value and name in rest}
