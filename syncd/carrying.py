"""What is sent beside a contact's own fields: the target's values of fields that it does not name, which would be lost.

They would where an update replaces, and where a move makes a new contact. Where a move comes upon a contact that is
not ours, what people wrote there stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from syncd.changes import TREATMENT
from syncd.core.diff import KIND, rows
from syncd.core.plan import BATCH
from syncd.core.schema import Schema
from syncd.doubt import Finder, find_there
from syncd.state import State


class Carrying:
    """Adds the ``payload`` to changes. ``treatment``: what an update does to fields that it does not mention."""

    def __init__(self, schema: Schema, treatment: str) -> None:
        self._schema = schema
        self._treatment = treatment
        self._met: Mapping[str, Mapping[str, str]] = {}
        self._merges = False

    def look(self, changes: pl.DataFrame, target: Finder, state: State) -> None:
        """See whose contacts stand where contacts move to: a few are searched for.

        As long as it is not known that updates leave other fields alone, that concerns every move; then those alone
        that have such values.
        """
        self._merges = state.fact(TREATMENT) == "merge"
        moves = rows(changes.filter(pl.col(KIND) == "move"))
        matches = {each["@match"] for each in moves if not self._merges or self._unmentioned(each)}
        ours = set(state.held_ids()) if matches else set()
        there = find_there(target, self._schema, matches, pages=len(ours) // BATCH)
        self._met = {match: remote.fields for match, remote in there.items() if remote.id not in ours}

    def page(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add what is sent to each of the changes."""
        for each in changes:
            kept = self._kept(each)
            each["payload"] = {**kept, **each["after"]} if kept else each["after"]
        return changes

    def _kept(self, change: Mapping[str, Any]) -> Mapping[str, str]:
        replaces = self._treatment == "replace"
        if not replaces and change[KIND] != "move":
            return {}
        kept = self._unmentioned(change)
        met = self._met.get(change["@match"]) if change[KIND] == "move" else None
        if met is None:
            return kept
        theirs = {name: value for name, value in met.items() if value and name not in change["after"]}
        return {name: kept[name] for name in kept if name not in theirs} if self._merges else {**kept, **theirs}

    def _unmentioned(self, change: Mapping[str, Any]) -> dict[str, str]:
        return unmentioned(change, self._schema.names)


def unmentioned(change: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The target's last known values of its fields (``names``) that the contact does not name."""
    rest = set(names).difference(change["after"])
    return {name: value for name, value in change["before"].items() if value and name in rest}
