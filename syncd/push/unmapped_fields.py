"""What is sent beside a contact's own fields: the target's values of fields that it does not name, which would be lost.

They would where an update replaces, and where a move makes a new contact. Where a move comes upon a contact that is
not ours, what people wrote there stays. Where it comes upon one of ours, that one's values go with its own key, now or
when that is sent again: they are noted in the ledger first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, rows
from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.plan.field_history import open_calls
from syncd.push.doubt import Finder, by_match, made_by
from syncd.state import State
from syncd.state.journal import Leftover
from syncd.target.contacts import SEARCHED, Remote
from syncd.target.lookup import FEW, hint

Holders = Mapping[tuple[str, str], str]
"""Whether each (source, key) that holds a contact came by it as ``created`` or ``adopted``."""

Seen = tuple[Mapping[str, Any], Mapping[str, str]]
"""A contact as it is known (key, id and ``before``), and what is known of it now."""


class Carrying:
    """Adds the ``payload`` to changes. ``treatment``: what an update does to fields that it does not mention.

    ``displaced``: keys of which another contact was sent in their place, so that theirs holds what is not their own.
    By match value, what stands where contacts move to: ``_theirs`` is a person's, or was, and its key does not move;
    ``_merged`` is of a key that is deleted; ``_ours`` is of keys that are sent again, and was no person's.
    """

    def __init__(self, schema: Schema, treatment: str, state: State, source: str) -> None:
        self._schema = schema
        self._treatment = treatment
        self._state = state
        self._source = source
        self._references = {field.name for field in schema.fields if field.is_integration}
        self._merges = state.facts.update_semantics.get() == "merge"
        self.displaced = state.holdings.displaced(source)
        self._theirs: dict[str, Mapping[str, str]] = {}
        self._merged: dict[str, Mapping[str, str]] = {}
        self._ours: dict[str, Mapping[str, str]] = {}
        self._now: dict[str, Mapping[str, str]] = {}

    def look(self, plan: Plan, target: Finder, *, pages: int) -> None:
        """See what contacts that move hold now, and whose contacts stand where they move to: a few are searched for.

        Where a move's own fields are all that the company has, nothing can be lost. ``pages``: how many the target's
        list has at least.
        """
        moves = [each for each in rows(plan.todo.filter(pl.col(KIND) == "move")) if self._others(each)]
        if not moves:
            return
        remotes = _found(target, moves, pages)
        there = by_match(self._schema, remotes.values())
        wanted = {each[MATCH]: each for each in moves if each[MATCH] in there}
        ids = {each[ID] for each in moves} | {there[match].id for match in wanted}
        holders = self._state.holdings.by_id(ids & remotes.keys())
        self._see_what_they_hold(moves, remotes, holders)
        deleted = set(plan.deletes().get_column(KEY))
        self._see_whom_they_meet(wanted, there, holders, moving={each[KEY] for each in moves}, deleted=deleted)

    def _see_what_they_hold(
        self, moves: Sequence[Mapping[str, Any]], remotes: Mapping[int, Remote], holders: Mapping[int, Holders]
    ) -> None:
        """Note it in the ledger too: where they move to, another contact's values are soon covered."""
        mine = [call for call in open_calls(self._state, self._schema, self._source) if not call.id]
        begun = {call.key: call.fields for call in reversed(mine)}
        own = {call.change: call.key for call in mine}
        calls = self._calls()
        for each in moves:
            remote, owner = remotes.get(each[ID]), (self._source, each[KEY])
            alone = holders.get(each[ID], {}).keys() == {owner}
            if remote and alone and all(own.get(call.change) == each[KEY] for call in calls.get(each[OLD_MATCH], ())):
                self._now[each[KEY]] = remote.fields  # no other one's call may have covered it
            elif each[KEY] in begun and each[KEY] not in self.displaced:
                self._now[each[KEY]] = begun[each[KEY]]
        rest = [each[KEY] for each in moves if each[KEY] not in self._now]
        for key, (_, fields) in self._known(self._source, rest).items():  # another source may have noted more meanwhile
            self._now[key] = fields
        self._note(self._source, ((each, self._before(each)) for each in moves))

    def _see_whom_they_meet(
        self,
        wanted: Mapping[str, Mapping[str, Any]],
        there: Mapping[str, Remote],
        holders: Mapping[int, Holders],
        *,
        moving: Collection[str],
        deleted: Collection[str],
    ) -> None:
        left = {call.id for call in self._state.journal.open_calls()}
        calls = self._calls()
        others: dict[str, dict[str, tuple[Mapping[str, str], set[str]]]] = {}
        for match, each in wanted.items():
            remote = there[match]
            known = holders.get(remote.id, {})
            owners = {owner: origin for owner, origin in known.items() if owner != (self._source, each[KEY])}
            here = {key: origin for (source, key), origin in owners.items() if source == self._source}
            ours = known or remote.id in left or made_by(remote, calls.get(match, ()), self._schema)
            if not ours or any(origin == "adopted" for key, origin in here.items() if key not in moving):
                self._theirs[match] = remote.fields
            elif here.keys() & deleted:
                self._merged[match] = remote.fields
            elif owners and all(source == self._source or owners[source, key] == "created" for source, key in owners):
                self._ours[match] = remote.fields
            for source, key in owners:
                if source != self._source or key not in self._now:
                    others.setdefault(source, {})[key] = remote.fields, self._others(each)
        for source, keys in others.items():
            self._note(source, self._seen_of(source, keys))

    def _calls(self) -> dict[str, list[Leftover]]:
        """The calls of unknown outcome by their match values."""
        calls: dict[str, list[Leftover]] = {}
        for call in open_calls(self._state, self._schema):
            if not call.id:
                calls.setdefault(call.match, []).append(call)
        return calls

    def _seen_of(self, source: str, seen: Mapping[str, tuple[Mapping[str, str], set[str]]]) -> Iterator[Seen]:
        for key, (id_, before) in self._known(source, list(seen)).items():
            yield {KEY: key, ID: id_, "before": before}, _with(before, *seen[key])

    def _known(self, source: str, keys: Sequence[str]) -> dict[str, tuple[int, Mapping[str, str]]]:
        """The id, and what the target held there last, of each of the source's keys."""
        detail = self._state.ledger.detail(source, pl.Series(KEY, keys, dtype=pl.String))
        return {
            key: (id_, json.loads(before or "{}")) for key, id_, before in detail.select(KEY, ID, BEFORE).iter_rows()
        }

    def _note(self, source: str, seen: Iterable[Seen]) -> None:
        news = [(each[KEY], each[ID], before) for each, before in seen if before != each["before"]]
        self._state.holdings.note_returned(source, news, unsure=True)

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
        return known if now is None else _with(known, now, self._others(change))

    def _kept(self, change: Mapping[str, Any]) -> Mapping[str, str]:
        replaces = self._treatment == "replace"
        if change[KIND] != "move":
            return self._unmentioned(change) if replaces or change[KEY] in self.displaced else {}
        kept, match = self._unmentioned(change), change[MATCH]
        if theirs := self._filled(self._theirs.get(match), change):
            return {name: kept[name] for name in kept if name not in theirs} if self._merges else {**kept, **theirs}
        if merged := self._filled(self._merged.get(match), change):
            return {**merged, **kept}
        cleared = self._filled(self._ours.get(match), change).keys() - self._references
        return {**dict.fromkeys(cleared, ""), **kept}

    def _filled(self, there: Mapping[str, str] | None, change: Mapping[str, Any]) -> Mapping[str, str]:
        """The fields that are filled there, and that the contact does not name."""
        return {name: value for name, value in (there or {}).items() if value and name not in change["after"]}

    def _others(self, change: Mapping[str, Any]) -> set[str]:
        return set(self._schema.names).difference(change["after"])

    def _unmentioned(self, change: Mapping[str, Any]) -> dict[str, str]:
        return unmentioned(change, self._schema.names)


def _found(target: Finder, moves: Sequence[Mapping[str, Any]], pages: int) -> dict[int, Remote]:
    """What stands where these contacts are and where they move to; everything, where that is not found by searching."""
    matches = {each[which] for each in moves for which in (OLD_MATCH, MATCH)}
    if len(matches) <= max(FEW, pages):
        hits = [target.search(hint(match)) for match in matches]
        found = {remote.id: remote for several in hits for remote in several}
        if all(each[ID] in found for each in moves) and all(len(several) < SEARCHED for several in hits):
            return found
    return {remote.id: remote for remote in target.contacts()}


def _with(known: Mapping[str, str], now: Mapping[str, str], names: Collection[str]) -> Mapping[str, str]:
    """What is known, with what is there now of the fields ``names``."""
    rest = {name: value for name, value in known.items() if name not in names}
    return rest | {name: value for name, value in now.items() if value and name in names}


def unmentioned(change: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The target's last known values of its fields (``names``) that the contact does not name."""
    rest = set(names).difference(change["after"])
    return {name: value for name, value in change["before"].items() if value and name in rest}
