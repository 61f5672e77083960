"""Adds to each change the target's values of fields that the change does not mention, if the call would lose them.

An update loses them if the target replaces contacts, and a move loses them since it makes a new contact. If a move
comes upon a person's contact, the values that people wrote there stay. If it comes upon a contact of ours, the values
of that contact go with its own key, in this push or when the key is sent again: the ledger notes them first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl

from syncd.core.change import NO_FIELDS, Call, Change, Fields, Semantics, unmentioned
from syncd.core.columns import KEY
from syncd.core.compare import BEFORE, ID, KIND, rows
from syncd.core.ownership import Holder, OpenCall, Owner, calls_by_match, whose, whose_met
from syncd.core.plan import Plan
from syncd.plan.field_history import open_calls
from syncd.push.result import PushJob
from syncd.target.contacts import Remote
from syncd.target.lookup import Finder, Found, Remotes, by_match, find

Holders = Mapping[int, Mapping[Holder, str]]
"""By id, who holds the contact in the ledger, and whether as ``created`` or ``adopted``."""

Known = tuple[str, int, Fields, Fields]
"""A contact's key and id, the values that the ledger has for it, and the values that are known now."""


class UnmappedFields:
    """Makes the calls of a push out of its changes. ``semantics``: what an update does to unmentioned fields."""

    def __init__(self, job: PushJob, semantics: Semantics) -> None:
        self._state = job.session.state
        self._schema = job.schema
        self._source = job.source
        self._semantics = semantics
        self._references = {field.name for field in job.schema.fields if field.is_integration}
        # What was learned, not what is assumed: only then a call may leave it to the target to keep a value.
        self._merges = job.session.state.facts.update_semantics.get() == "merge"
        # Their contacts at the target hold the values of the contacts that were sent in their place.
        self._displaced = job.session.state.holdings.displaced(job.source)
        self._calls: Mapping[str, Sequence[OpenCall]] = {}
        self._met: dict[str, tuple[Owner, Fields]] = {}
        self._now: dict[str, Fields] = {}

    def look(self, plan: Plan, target: Finder, *, pages: int) -> None:
        """See what moving contacts hold now, and whose contacts stand where they move to.

        ``pages``: how many pages the target's list has at least.
        """
        # If the moving contacts mention all fields that the company has, nothing can be lost.
        moves = [each for each in rows(plan.todo.filter(pl.col(KIND) == "move")) if self._others(each)]
        if not moves:
            return
        self._calls = calls_by_match(open_calls(self._state, self._schema))
        remotes = _found(target, moves, pages)
        there = by_match(self._schema, remotes)
        met = {each.match: (each, there[each.match]) for each in moves if each.match in there}
        ids = {each.id for each in moves if each.id} | {remote.id for _, remote in met.values()}
        holders = self._state.holdings.by_id(ids & remotes.keys())
        self._see_what_they_hold(moves, remotes, holders)
        deleted = set(plan.deletes().get_column(KEY))
        self._see_whom_they_meet(met, holders, moving={each.key for each in moves}, deleted=deleted)

    def _see_what_they_hold(self, moves: Sequence[Change], remotes: Remotes, holders: Holders) -> None:
        """Note the values of moving contacts, in the ledger too: other contacts may soon be sent in their places."""
        mine = [call for call in open_calls(self._state, self._schema, self._source) if not call.id]
        begun = {call.key: call.fields for call in reversed(mine)}
        own = {call.change: call.key for call in mine}
        for each in moves:
            remote = remotes.get(each.id or 0)
            alone = holders.get(each.id or 0, {}).keys() == {(self._source, each.key)}
            calls = self._calls.get(each.old_match or "", ())
            # If another contact's call of unknown outcome has this match value, its values may stand there.
            if remote and alone and all(own.get(call.change) == each.key for call in calls):
                self._now[each.key] = remote.fields
            elif each.key in begun and each.key not in self._displaced:
                self._now[each.key] = begun[each.key]
        rest = [each.key for each in moves if each.key not in self._now]
        # The plan is older than the ledger: another source may have noted more since.
        self._now |= {key: fields for key, (_, fields) in self._known(self._source, rest).items()}
        self._note(self._source, ((each.key, each.id or 0, each.before, self._before(each)) for each in moves))

    def _see_whom_they_meet(
        self,
        met: Mapping[str, tuple[Change, Remote]],
        holders: Holders,
        *,
        moving: Collection[str],
        deleted: Collection[str],
    ) -> None:
        left_behind = {call.id for call in self._state.journal.open_calls()}
        others: dict[str, dict[str, tuple[Fields, set[str]]]] = {}
        for match, (change, remote) in met.items():
            held, mover = holders.get(remote.id, {}), (self._source, change.key)
            ours = bool(held) or remote.id in left_behind
            owner = whose(remote, self._calls.get(match, ()), self._schema, was_ours=ours)
            self._met[match] = whose_met(owner, held, mover, moving=moving, deleted=deleted), remote.fields
            for source, key in held:
                if (source, key) != mover and (source != self._source or key not in self._now):
                    others.setdefault(source, {})[key] = remote.fields, self._others(change)
        for source, seen in others.items():
            known = self._known(source, list(seen)).items()
            self._note(source, [(key, id_, before, _with(before, *seen[key])) for key, (id_, before) in known])

    def _known(self, source: str, keys: Sequence[str]) -> dict[str, tuple[int, Fields]]:
        """Return the id and the last known values at the target of each of the source's keys."""
        detail = self._state.ledger.detail(source, pl.Series(KEY, keys, dtype=pl.String))
        return {
            key: (id_, json.loads(before or "{}")) for key, id_, before in detail.select(KEY, ID, BEFORE).iter_rows()
        }

    def _note(self, source: str, known: Iterable[Known]) -> None:
        news = [(key, id_, now) for key, id_, before, now in known if now != before]
        self._state.holdings.note_returned(source, news, unsure=True)

    def calls(self, changes: Iterable[Change]) -> list[Call]:
        """Return a call for each change, with the values that are known by now."""
        return [self._call(each) for each in changes]

    def _call(self, change: Change) -> Call:
        if change.key in self._now:
            change = change._replace(before=self._before(change))
        kept = self._kept(change)
        return Call(change, {**kept, **change.fields} if kept else change.fields)

    def _before(self, change: Change) -> Fields:
        """Return the values of the target's last answer, with its present values of fields that are not mentioned."""
        now = self._now.get(change.key)
        return change.before if now is None else _with(change.before, now, self._others(change))

    def _kept(self, change: Change) -> Fields:
        """Return the values to send beside the values that the change mentions."""
        if change.kind != "move" and self._semantics == "merge" and change.key not in self._displaced:
            return NO_FIELDS
        kept = unmentioned(change, self._schema.names)
        if change.kind != "move":
            return kept
        owner, there = self._met.get(change.match, (Owner.UNKNOWN, NO_FIELDS))
        filled = {name: value for name, value in there.items() if value and name not in change.fields}
        if filled and owner is Owner.PERSON:
            # A merging target keeps the values that stand there; sending them could undo a person's newest edit.
            return {name: kept[name] for name in kept if name not in filled} if self._merges else {**kept, **filled}
        if filled and owner is Owner.LEAVING:
            return {**filled, **kept}
        # The values there belong to another key of ours, so they are emptied here. An integration field is not: it
        # links the contact to another system, and a target may find contacts by it.
        cleared = filled.keys() - self._references if owner is Owner.OURS else ()
        return {**dict.fromkeys(cleared, ""), **kept}

    def _others(self, change: Change) -> set[str]:
        return set(self._schema.names).difference(change.fields)


def _found(target: Finder, moves: Sequence[Change], pages: int) -> Remotes:
    """Return the contacts that move, and those that stand where they move to."""
    ids = {each.id for each in moves}

    def enough(found: Found) -> bool:
        # No contact need stand where another moves to: only searches that were not cut off prove that none does.
        return ids <= found.remotes.keys() and not found.cut_off

    matches = {match for each in moves for match in (each.old_match or "", each.match)}
    return find(target, matches, enough, pages=pages)


def _with(known: Fields, now: Fields, names: Collection[str]) -> Fields:
    """Return the known values, with the present values of the fields ``names``."""
    rest = {name: value for name, value in known.items() if name not in names}
    return rest | {name: value for name, value in now.items() if value and name in names}
