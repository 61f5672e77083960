"""Make the changes that undo an earlier run, and say which of its changes cannot be undone, and why.

A change is undone only if nothing has happened to its contact since, so that no later change is lost: a later change
has to be undone first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import polars as pl

from syncd.core.claims import BY_KEY, BY_SOURCE, FOREIGN, SEATS, WINNER, resolve
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, CHANGE_SCHEMA, ID, KIND, OLD_MATCH, SPARES, WHY, field_changes
from syncd.core.field_history import match_values
from syncd.core.identity import digest
from syncd.core.schema import Schema
from syncd.core.undo.world import Entry, Fields, Known, World


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that is not undone, and why."""

    key: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undoing:
    """``changes``: the changes that undo the run (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields).

    ``kept``: changes that are not undone. ``asked``: per key of ``changes``, the digest of the contact that its source
    asked for (None: a delete). ``dropped``: fields that the target no longer has, whose values are not restored.
    """

    changes: pl.DataFrame
    kept: tuple[Kept, ...]
    asked: Mapping[str, int | None]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """The change that undoes the changes of one key.

    ``did``: the kind of the last change that is undone. ``known``: the contact now; None if there is none. ``fields``:
    what is sent; None for a delete. ``match``: the match value that the contact gets. ``back_to``: of a delete: the
    key that gets the contact back, so that the contact itself stays.
    """

    key: str
    did: str
    known: Known | None
    fields: Fields | None
    match: str | None = None
    back_to: str | None = None

    @property
    def stays(self) -> bool:
        """Whether the contact keeps the match value that it has."""
        return self.known is not None and self.known.match == self.match

    @property
    def keeps_seat(self) -> bool:
        """Whether the contact keeps its match value, but for the case: the target may take both for the same one."""
        return self.known is not None and self.known.match.casefold() == (self.match or "").casefold()


def wanted_matches(entries: Iterable[Entry], schema: Schema) -> set[str]:
    """Return the match values that contacts would have again."""
    steps = [step for step in map(_step_of, _by_key(entries)) if isinstance(step, _Step)]
    return {match for match in match_values([step.fields or {} for step in steps], schema) if match}


def undo(entries: Iterable[Entry], world: World, schema: Schema, mapped: Sequence[str]) -> Undoing:
    """Make the changes that undo one run of one source.

    Args:
        entries: the run's changes of the source, each key's in the order in which they were made.
        world: what is known now.
        schema: the target's fields.
        mapped: the fields that the source's contacts have.
    """
    groups = list(_by_key(entries))
    givers = _givers(groups, world)
    steps, kept, dropped = _judged(groups, world, schema, givers)
    # A key gives its contact back only to a key that takes it. Otherwise the contact gets its former values back.
    while not {step.back_to for step in steps if step.back_to} <= {step.key for step in steps}:
        here = {step.key for step in steps}
        givers = {key: former for key, former in givers.items() if former in here}
        steps, kept, dropped = _judged(groups, world, schema, givers)
    asked = {step.key: step.known.digest if step.known else None for step in steps}
    return Undoing(_changes(steps, mapped), tuple(kept), asked, tuple(sorted(dropped)))


def _judged(
    groups: Sequence[Sequence[Entry]], world: World, schema: Schema, givers: Mapping[str, str]
) -> tuple[list[_Step], list[Kept], set[str]]:
    """Return the steps to make, the changes that are not undone, and the fields that the target no longer has.

    ``givers``: keys that give their contact back, and to which key.
    """
    kept: list[Kept] = []
    steps: list[_Step] = []
    for group in groups:
        key, kind = group[-1].key, group[-1].kind
        known = world.known.get(key)
        back = _Step(key, kind, known, None, back_to=givers[key]) if key in givers else None
        step = _barred(group, world) or back or _not_its_own(group, world) or _step_of(group, known)
        if isinstance(step, _Step):
            steps.append(step)
        else:
            kept.append(Kept(key, kind, step))
    dropped = {name for step in steps for name in step.fields or ()}.difference(schema.names)
    steps = _in_schema(steps, schema)
    blocked = _blocked(steps, world, schema)
    kept += [Kept(step.key, step.did, blocked[step.key]) for step in steps if step.key in blocked]
    return [step for step in steps if step.key not in blocked and _changes_something(step, schema)], kept, dropped


def _givers(groups: Sequence[Sequence[Entry]], world: World) -> dict[str, str]:
    """Return the keys that took over the contact of another key which the undo lets have it again, and that key."""
    left = [group[0] for group in groups if group[-1].kind in ("delete", "move")]
    former = {each.old_id: each.key for each in left if each.old_id}
    took = [group[0] for group in groups if group[0].kind == "adopt" and group[-1].kind in ("adopt", "update")]
    ids = {key: known.id for key, known in world.known.items()}
    return {
        each.key: former[each.old_id] for each in took if each.old_id in former and ids.get(each.key) == each.old_id
    }


def _by_key(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries that did something, or may have, key by key."""
    # A refused call changed nothing.
    made = [entry for entry in entries if entry.outcome in ("accepted", "pending")]
    for _, group in groupby(sorted(made, key=attrgetter("key")), key=attrgetter("key")):
        yield list(group)


def _barred(group: Sequence[Entry], world: World) -> str:
    """Return why no change of this key can be undone, of whatever kind it is; "" if it can."""
    key, known = group[-1].key, world.known.get(group[-1].key)
    if key in world.barred:
        return world.barred[key]
    if key in world.already:
        return f"undone already, by run {world.already[key]}"
    if key in world.later:
        return f"changed again by run {world.later[key]}: undo that one first"
    # If this call is one of an earlier undo of the same run, the new undo finishes it.
    if group[-1].outcome == "pending" or (known and known.status == "pending" and key not in world.begun):
        return "its outcome is not known: the next run settles it"
    return ""


def _not_its_own(group: Sequence[Entry], world: World) -> str:
    """Return why the contact is not the key's own: the key has none, another one, or another key's; "" if it is."""
    key, known = group[-1].key, world.known.get(group[-1].key)
    holds = known is not None and known.id is not None
    if group[-1].kind == "delete":
        return "its key has another contact by now" if holds and key not in world.begun else ""
    if not holds:
        return "syncd no longer holds the contact"
    unseen = group[0].kind == "adopt" and group[0].before is None
    if key in world.taken_from and (unseen or any(each.kind in ("create", "move") for each in group)):
        # To delete or move the contact would not bring back the values that the other row had sent.
        source, other = world.taken_from[key]
        return f"it took over the contact of {other}{_of(source, world)}, whose values are not there any more"
    return ""


def _of(source: str, world: World) -> str:
    return "" if source in ("", world.source) else f" of source {source}"


def _step_of(group: Sequence[Entry], known: Known | None = None) -> _Step | str:
    """Return the step that undoes these changes of one key, or why there is none."""
    first, last = group[0], group[-1]
    # The target takes a create with the match value of a contact that is there for an update of this contact.
    unseen = first.kind == "create" or (first.kind == "adopt" and first.before is None)
    taken_over = unseen or any(each.kind == "move" and each.other for each in group)
    if last.kind != "delete" and taken_over and known and not known.created:
        return "the target had the contact before, and what it held then is not known"
    # The run made the contact, so it is deleted, whatever the run changed afterwards.
    if first.kind == "create" and last.kind != "delete":
        return _Step(last.key, last.kind, known, None)
    if first.before is None:
        return "what the target held before is not known"
    if last.kind == "delete":
        return _Step(last.key, "delete", None, {name: value for name, value in first.before.items() if value})
    # The target held nothing in a field that ``before`` lacks, so the field is cleared.
    return _Step(last.key, last.kind, known, {name: first.before.get(name) or "" for name in last.after or {}})


def _in_schema(steps: Sequence[_Step], schema: Schema) -> list[_Step]:
    """Leave out the fields that the target no longer has, and give each step its match value."""
    fields = [
        step.fields and {name: value for name, value in step.fields.items() if name in schema.names} for step in steps
    ]
    matches = match_values([each or {} for each in fields], schema)
    return [replace(step, fields=each, match=match) for step, each, match in zip(steps, fields, matches, strict=True)]


def _blocked(steps: Sequence[_Step], world: World, schema: Schema) -> dict[str, str]:
    """Return the keys that another contact keeps from their former match values, and why."""
    blocked = {step.key: reason for step in steps if (reason := _in_the_way(step, world, schema))}
    # A contact that keeps its match value, but for its case, asks for nothing and makes no room for others.
    moving = {step.key: step for step in steps if step.key not in blocked and not step.keeps_seat}
    wanted = [(key, step.match) for key, step in moving.items() if step.match and step.fields is not None]
    held = [
        (source, -1, key, match, None)
        for match, holders in world.holders.items()
        for source, key in holders
        if source != world.source or key not in moving
    ]
    found = resolve(
        pl.DataFrame(wanted, schema={KEY: pl.String, MATCH: pl.String}, orient="row"),
        pl.DataFrame(held, schema=FOREIGN, orient="row"),
        # Steps do not compete: before the run, the target had room for all of them, also for values that differ in
        # case. So a step that this policy would merge into another one (with a winner) gets its own value back.
        "merge_phones",
        seats=pl.DataFrame([(step.key, step.known.match) for step in steps if step.known], schema=SEATS, orient="row"),
        stuck=list(blocked),
        case_insensitive=True,
    )
    lost = found.outranked.filter(pl.col(WINNER).is_null())
    for key, source, other in lost.select(KEY, BY_SOURCE, BY_KEY).iter_rows():
        blocked[key] = f"{other}{_of(source, world)} has its match fields now"
    gone = {(world.source, key) for key in moving.keys() - blocked.keys()}
    return blocked | {step.key: reason for step in steps if (reason := _by_case(step, world, gone))}


def _by_case(step: _Step, world: World, gone: Collection[tuple[str, str]]) -> str:
    """Return why a step cannot change the case of a match value: another contact, none of ``gone``, has it."""
    if step.match is None or step.stays or not step.keeps_seat:
        return ""
    # No other step depends on this one, so it is judged last.
    others = (each for each in world.holders.get(step.match.casefold(), ()) if each not in gone)
    first = next((each for each in others if each != (world.source, step.key)), None)
    return f"{first[1]}{_of(first[0], world)} has its match fields now" if first else ""


def _in_the_way(step: _Step, world: World, schema: Schema) -> str:
    """Return why a step cannot be made whatever the other steps are; "" if only other steps can be in its way."""
    if step.fields is None or step.stays:
        return ""
    if step.match is None:
        return f"it would have an empty match value ({', '.join(schema.match)})"
    # If an earlier undo of the same run was cut off, it may have made the contact that is there.
    if step.key not in world.begun and not world.ours.issuperset(world.there.get(step.match.casefold(), ())):
        return "the target has a contact with its match fields that is not syncd's"
    return ""


def _changes_something(step: _Step, schema: Schema) -> bool:
    if step.fields is None or step.known is None or not step.stays:
        return True
    return bool(field_changes(step.known.fields, step.fields, schema.phones))


def _changes(steps: Sequence[_Step], mapped: Sequence[str]) -> pl.DataFrame:
    names = dict.fromkeys([*mapped, *(name for step in steps for name in step.fields or ())], pl.String)
    frame = pl.DataFrame([_change(step) for step in steps], schema={**CHANGE_SCHEMA, SPARES: pl.Boolean, **names})
    # A gate compares this digest with what a person has undone: the digest of a delete is null there.
    return frame.with_columns(pl.when(pl.col(KIND) != "delete").then(digest(mapped)).alias(DIGEST))


def _change(step: _Step) -> dict[str, Any]:
    known = step.known
    if step.fields is None:
        back = {SPARES: True, WHY: f"its contact goes back to {step.back_to}"} if step.back_to else {}
        return {KIND: "delete", KEY: step.key, MATCH: known and known.match, **back, **_now(known)}
    kind = "create" if known is None else "update" if step.stays else "move"
    return {**step.fields, KIND: kind, KEY: step.key, MATCH: step.match, **_now(known)}


def _now(known: Known | None) -> dict[str, Any]:
    """Return the columns of a change that tell of the contact now."""
    if known is None:
        return {}
    return {ID: known.id, OLD_MATCH: known.match, BEFORE: json.dumps(dict(known.fields), ensure_ascii=False)}
