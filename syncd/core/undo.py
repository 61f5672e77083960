"""What would take back the changes of an earlier run: changes like any other, and what cannot be taken back, with why.

A change is taken back only if nothing has happened to its contact since, so that no later change is lost; an undo of
that later run comes first then.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import polars as pl

from syncd.core.change import ChangeOutcome, Status
from syncd.core.claims import BY_KEY, BY_SOURCE, FOREIGN, SEATS, resolve
from syncd.core.columns import DIGEST, KEY, LINE, MATCH, ORIGIN
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, WHY, field_changes
from syncd.core.identity import digest, match_value
from syncd.core.schema import Schema

Fields = Mapping[str, str]

_META = {
    KIND: pl.String,
    KEY: pl.String,
    ID: pl.Int64,
    OLD_MATCH: pl.String,
    BEFORE: pl.String,
    WHY: pl.String,
    LINE: pl.UInt32,
    ORIGIN: pl.UInt32,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the journal has it. ``before`` is None where what the target held then was not known.

    ``other``: it came upon a contact that has another id than the one that the key had before.
    ``outcome``: ``accepted`` (it was carried out) · ``pending`` (unknown) · whatever else did nothing.
    """

    key: str
    kind: str
    match: str
    before: Fields | None
    after: Fields | None
    outcome: str
    other: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a key now. ``fields``: what the target holds, as far as is known."""

    status: str
    id: int | None
    match: str
    fields: Fields
    created: bool
    digest: int


@dataclass(frozen=True, slots=True)
class World:
    """What surrounds the changes that are to be taken back.

    ``known``: the ledger by key. ``later``: keys that another run has changed since, and that run; ``already``: keys of
    which the change is undone, and by which run. ``begun``: keys that an earlier undo of the same run has begun, with
    no known outcome. ``holders``: per match value, the (source, key) of every contact of the ledger that has it.
    ``there``: ids at the target by match value; ``ours``: those of them that the ledger knows. These match values are
    without case, since the target may fold it, and what a wrong guess would overwrite is gone. ``taken_from``: by key,
    the (source, key) whose contact it has at the target.
    """

    source: str
    known: Mapping[str, Known]
    later: Mapping[str, str] = field(default_factory=dict)
    already: Mapping[str, str] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    holders: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    there: Mapping[str, Collection[int]] = field(default_factory=dict)
    ours: frozenset[int] = frozenset()
    taken_from: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that stays as it is, and why."""

    key: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undoing:
    """``changes``: as :func:`syncd.core.compare.classify` gives them. ``kept``: what cannot be taken back.

    ``asked``: per key of ``changes``, the digest of what its source asked for (None: that it be gone). ``dropped``:
    fields that the target no longer has, whose values are not restored.
    """

    changes: pl.DataFrame
    kept: tuple[Kept, ...]
    asked: Mapping[str, int | None]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One contact's way back. ``fields``: what is sent; None: it is deleted."""

    key: str
    did: str
    known: Known | None
    fields: Fields | None


def since(run: str, changes: Iterable[tuple[str, str, str | None]]) -> tuple[dict[str, str], dict[str, str]]:
    """Say of which keys a later change still stands, and by which run; and of which ``run``'s own is undone.

    ``changes``: key, run and the run that this one undid, in the order in which they were made, later than ``run``'s.
    A change and its undo cancel out, and an undo that was undone lets stand what it had taken back.
    """
    later: dict[str, str] = {}
    already: dict[str, str] = {}
    for key, group in groupby(sorted(changes, key=lambda each: each[0]), key=lambda each: each[0]):
        standing, last = [run], run
        taken: dict[str, str] = {}
        for _, by, undoes in group:
            if by != last:
                _follow(standing, taken, by, undoes)
            last = by
        if standing and standing[-1] != run:
            later[key] = standing[-1]
        elif not standing:
            already[key] = [by for by, meant in taken.items() if meant == run][-1]
    return later, already


def _follow(standing: list[str], taken: dict[str, str], by: str, undoes: str | None) -> None:
    """Work out what stands after the run ``by``. ``taken``: per undo, the change that it took back or let stand again.

    An undo of a change takes it from the end of ``standing``; an undo of that puts it there again.
    """
    meant = taken.get(undoes or "", undoes)
    if meant is None or (meant == undoes and (not standing or standing[-1] != meant)):
        standing.append(by)
        return
    taken[by] = meant
    if standing and standing[-1] == meant:
        standing.pop()
    else:
        standing.append(meant)


def wanted_matches(entries: Iterable[Entry], schema: Schema) -> set[str]:
    """The match values that contacts would have again; whether they are free is for the caller to find out."""
    steps = [step for step in map(_step_of, _by_key(entries)) if isinstance(step, _Step)]
    return {match for match in _matches([step.fields or {} for step in steps], schema) if match}


def undo(entries: Iterable[Entry], world: World, schema: Schema, mapped: Sequence[str]) -> Undoing:
    """Turn the changes of one run around.

    Args:
        entries: the run's changes of one source, each key's in the order in which they were made.
        world: what is known now.
        schema: the target's fields.
        mapped: the fields that the source's contacts have.
    """
    kept: list[Kept] = []
    steps: list[_Step] = []
    for group in _by_key(entries):
        step = _barred(group, world) or _not_its_own(group, world) or _step_of(group, world.known.get(group[0].key))
        if isinstance(step, Kept):
            kept.append(step)
        elif step is not None:
            steps.append(step)
    dropped = {name for step in steps for name in step.fields or () if name not in schema.names}
    steps = [_in_schema(step, schema) for step in steps]
    matches = dict(
        zip((step.key for step in steps), _matches([step.fields or {} for step in steps], schema), strict=True)
    )
    steps, blocked = _free_of_others(steps, matches, world, schema)
    frame = _framed(steps, matches, mapped)
    asked = {step.key: step.known.digest if step.known else None for step in steps}
    return Undoing(frame, (*kept, *blocked), asked, tuple(sorted(dropped)))


def _by_key(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries that did something, or may have, key by key."""
    made = [entry for entry in entries if entry.outcome in (ChangeOutcome.ACCEPTED, ChangeOutcome.PENDING)]
    for _, group in groupby(sorted(made, key=lambda entry: entry.key), key=lambda entry: entry.key):
        yield list(group)


def _barred(group: Sequence[Entry], world: World) -> Kept | None:
    """Why what the run did to a contact cannot be taken back, whatever it was."""
    key, kind = group[-1].key, group[-1].kind
    known = world.known.get(key)
    if key in world.already:
        return Kept(key, kind, f"undone already, by run {world.already[key]}")
    if key in world.later:
        return Kept(key, kind, f"changed again by run {world.later[key]}: undo that one first")
    unknown = known is not None and known.status == Status.PENDING and key not in world.begun
    if group[-1].outcome == ChangeOutcome.PENDING or unknown:
        return Kept(key, kind, "its outcome is not known: the next run settles it")
    return None


def _not_its_own(group: Sequence[Entry], world: World) -> Kept | None:
    """Why the contact is not the key's own to be taken back: the key has none, another one, or one of another key."""
    key, kind = group[-1].key, group[-1].kind
    known = world.known.get(key)
    holds = known is not None and known.id is not None
    if kind == "delete":
        another = holds and key not in world.begun
        return Kept(key, kind, "its key has another contact by now") if another else None
    if not holds:
        return Kept(key, kind, "syncd no longer holds the contact")
    if key in world.taken_from and any(each.kind in ("create", "move") for each in group):
        source, other = world.taken_from[key]
        of = "" if source == world.source else f" of source {source}"
        return Kept(key, kind, f"it took over the contact of {other}{of}, whose values are not there any more")
    return None


def _step_of(group: Sequence[Entry], known: Known | None = None) -> _Step | Kept | None:
    first, last = group[0], group[-1]
    taken_over = first.kind == "create" or any(each.kind == "move" and each.other for each in group)
    if last.kind != "delete" and taken_over and known and not known.created:
        return Kept(last.key, last.kind, "the target had the contact before, and what it held then is not known")
    if first.kind == "create" and last.kind != "delete":
        return _Step(last.key, last.kind, known, None)
    if first.before is None:
        return Kept(last.key, last.kind, "what the target held before is not known")
    if last.kind == "delete":
        return _Step(last.key, "delete", None, {name: value for name, value in first.before.items() if value})
    return _Step(last.key, last.kind, known, {name: first.before.get(name) or "" for name in last.after or {}})


def _in_schema(step: _Step, schema: Schema) -> _Step:
    if step.fields is None or step.fields.keys() <= set(schema.names):
        return step
    left = {name: value for name, value in step.fields.items() if name in schema.names}
    return _Step(step.key, step.did, step.known, left)


def _matches(contacts: Sequence[Fields], schema: Schema) -> list[str | None]:
    columns = {name: [fields.get(name) or "" for fields in contacts] for name in schema.match}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(schema.match, pl.String))
    return frame.select(match_value(frame, schema)).to_series().to_list()


def _free_of_others(
    steps: list[_Step], matches: Mapping[str, str | None], world: World, schema: Schema
) -> tuple[list[_Step], list[Kept]]:
    """Leave out contacts whose former match values another contact has, and will still have then."""
    blocked = {step.key: reason for step in steps if (reason := _in_the_way(step, matches[step.key], world, schema))}
    going = {step.key: step for step in steps if step.key not in blocked}
    # A contact that stays where it is asks for nothing, and does not make room for others.
    moving = {key: step for key, step in going.items() if not (step.known and step.known.match == matches[key])}
    wanted = {key: match for key, step in moving.items() if (match := matches[key]) and step.fields is not None}
    leaving = {(world.source, key) for key in moving}
    held = [
        (source, -1, key, match, None)
        for match, holders in world.holders.items()
        for source, key in holders
        if (source, key) not in leaving
    ]
    found = resolve(
        pl.DataFrame(list(wanted.items()), schema={KEY: pl.String, MATCH: pl.String}, orient="row"),
        pl.DataFrame(held, schema=FOREIGN, orient="row"),
        "first",
        seats=pl.DataFrame([(step.key, step.known.match) for step in steps if step.known], schema=SEATS, orient="row"),
        stuck=list(blocked),
        case_insensitive=True,
    )
    for key, source, other in found.outranked.select(KEY, BY_SOURCE, BY_KEY).iter_rows():
        of = "" if source in ("", world.source) else f" of source {source}"
        blocked[key] = f"{other}{of} has its match fields now"
    kept = [Kept(step.key, step.did, blocked[step.key]) for step in steps if step.key in blocked]
    return [step for step in steps if step.key not in blocked and _changes_something(step, matches, schema)], kept


def _in_the_way(step: _Step, match: str | None, world: World, schema: Schema) -> str:
    """Return why a step cannot be made whatever the other steps are; "" if nothing but them is in its way."""
    if step.fields is None or (step.known and step.known.match == match):
        return ""
    if match is None:
        return f"it would have an empty match value ({', '.join(schema.match)})"
    # An undo of the same run that was cut off may have made the contact that is there.
    if step.key not in world.begun and not world.ours.issuperset(world.there.get(match.casefold(), ())):
        return "the target has a contact with its match fields that is not syncd's"
    return ""


def _changes_something(step: _Step, matches: Mapping[str, str | None], schema: Schema) -> bool:
    if step.fields is None or step.known is None or matches[step.key] != step.known.match:
        return True
    return bool(field_changes(step.known.fields, step.fields, schema.phones))


def _framed(steps: Sequence[_Step], matches: Mapping[str, str | None], mapped: Sequence[str]) -> pl.DataFrame:
    names = list(dict.fromkeys([*mapped, *(name for step in steps for name in step.fields or ())]))
    lines = [_line(step, matches[step.key], names) for step in steps]
    schema = {**_META, MATCH: pl.String, **dict.fromkeys(names, pl.String)}
    frame = pl.DataFrame(lines, schema=schema, orient="row").with_columns(digest(mapped))
    gone = pl.col(KIND) == "delete"
    frame = frame.with_columns(pl.when(gone).then(None).otherwise(pl.col(DIGEST)).alias(DIGEST))
    return frame.select(KIND, KEY, ID, MATCH, OLD_MATCH, DIGEST, BEFORE, WHY, LINE, ORIGIN, *names)


def _line(step: _Step, match: str | None, names: Sequence[str]) -> tuple[Any, ...]:
    known, fields = step.known, step.fields or {}
    if step.fields is None:
        kind, match = "delete", known.match if known else None
    elif known is None:
        kind = "create"
    else:
        kind = "update" if match == known.match else "move"
    before = json.dumps(dict(known.fields), ensure_ascii=False) if known else None
    return (
        kind,
        step.key,
        known.id if known else None,
        known.match if known else None,
        before,
        None,
        None,
        None,
        match,
        *(fields.get(name) for name in names),
    )
