"""``syncd check``: proves step by step that a run would find what it needs. It writes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from syncd.commands.settings import loaded
from syncd.errors import ConfigError, SyncdError

if TYPE_CHECKING:
    from syncd.commands.sample import Sample, Seen
    from syncd.config import Settings, Source
    from syncd.core.schema import Schema
    from syncd.prove import Proved
    from syncd.report.screen import Screen
    from syncd.run.session import Session

MARKS = {"good": ("✓", "green"), "bad": ("✗", "bold red"), "note": ("!", "yellow")}

PAGE = 10
"""Reasons and warnings that are shown of a source."""

_CHANGING = ("name", "contact", "email", "phone", "mobile", "address")


@dataclass(frozen=True, slots=True)
class Step:
    """One finding. ``code`` is the exit code that it asks for."""

    mark: Literal["good", "bad", "note"]
    text: str
    details: tuple[str, ...] = ()
    code: int = 0


def check(config: Path | None, *, prove: bool = False, as_json: bool = False) -> int:
    """Print each step as it is known, then what the gates held if they are tried; return the gravest's exit code."""
    from syncd.report.screen import Screen, count

    screen = None if as_json else Screen()
    found = [_shown(screen, step) for step in steps(config)]
    bad = sum(step.mark == "bad" for step in found)
    codes = [step.code for step in found]
    tried = _tried(screen, config) if prove and not any(code in _BARS for code in codes) else []
    codes += [each.exit_code for each in tried]
    if screen is None:
        _print(found, tried, codes, prove=prove)
    elif bad:
        screen.line((f"{count(bad, 'problem')} to be mended first.", "bold red"))
    elif any(each.exit_code for each in tried):
        screen.line(("Ready, but not every damage is held", "bold yellow"), ": see above what would go through.")
    else:
        screen.line(("Ready", "bold green"), ": syncd run --dry-run shows what a run would do.")
    return _gravest(codes)


_BARS = frozenset({1, 2, 4})
"""Exit codes of steps after which there is nothing to try the gates with."""


def _gravest(codes: Sequence[int]) -> int:
    from syncd.report.source_report import gravest

    return gravest(codes)


def _tried(screen: Screen | None, config: Path | None) -> list[Proved]:
    from syncd.commands.prove import proofs, show_proofs

    found = []
    for each in proofs(config):
        found.append(each)
        if screen is not None:
            show_proofs(screen, each)
    return found


def _print(found: Sequence[Step], tried: Sequence[Proved], codes: Sequence[int], *, prove: bool) -> None:
    told: dict[str, Any] = {
        "exit": _gravest(codes),
        "steps": [{"mark": step.mark, "text": step.text, "details": list(step.details)} for step in found],
    }
    if prove:
        told["proved"] = [each.to_json() for each in tried]
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _shown(screen: Screen | None, step: Step) -> Step:
    if screen is None:
        return step
    mark, style = MARKS[step.mark]
    screen.line((mark, style), f" {step.text}")
    for detail in step.details:
        screen.line(detail, indent=4)
    return step


def steps(config: Path | None) -> Iterator[Step]:
    """Yield what is found, from the configuration to each source."""
    try:
        settings = loaded(config)
    except ConfigError as error:
        yield _failed("configuration", error)
        return
    yield Step("good", f"configuration: {settings.path} ({', '.join(settings.sources)})")
    if settings.notify.to:
        yield _addresses(settings)
    from syncd.run.session import open_session

    usable = _state(settings)
    yield usable
    if usable.mark == "bad":
        settings = dataclasses.replace(settings, state=settings.path / "none")  # none is read where there is none
    with open_session(settings, dry_run=True) as session:
        yield from _with_target(session)


def _addresses(settings: Settings) -> Step:
    from syncd.watch.notify import unknown_addresses
    from syncd.watch.sending import UNKNOWN

    unknown = unknown_addresses(settings)
    if unknown:
        return Step("bad", f"notifications: {', '.join(unknown)}: {UNKNOWN}", code=2)
    return Step("good", "notifications: every address has a form that Apprise knows (syncd notify test sends to them)")


def _failed(what: str, error: SyncdError) -> Step:
    first, *more = str(error).splitlines() or [type(error).__name__]
    if not more:
        said = first if first.startswith((f"{what}: ", f"{what} ")) else f"{what}: {first}"
        return Step("bad", said, code=error.exit_code)
    return Step("bad", f"{what}:", (first, *more), error.exit_code)


def _state(settings: Settings) -> Step:
    """Whether the state can be read and, as far as that can be told without writing, written."""
    from syncd.run.session import open_session

    path = settings.state
    try:
        with open_session(settings, dry_run=True):
            pass
    except SyncdError as error:
        return _failed("state file", error)
    there = path.exists()
    if os.access(path if there else path.parent, os.W_OK):
        return Step("good", f"state file: {path}" + ("" if there else " (the first run makes it)"))
    return Step("bad", f"state file: {path} cannot be written: let syncd's user write to its folder", code=2)


def _with_target(session: Session) -> Iterator[Step]:
    from syncd.commands.sample import Seen
    from syncd.plan.field_history import renames

    settings, schema = session.settings, None
    try:
        schema = session.target.fields()
    except SyncdError as error:
        yield _failed("target", error)
    else:
        yield Step("good", f"target: {settings.target.base_url} answers, and takes the key")
        steps = list(_schema(schema))
        yield from steps
        if any(step.mark == "bad" for step in steps):
            schema = None
    former = {} if schema is None else renames(session.state, schema)
    seen = Seen(folds=session.state.facts.case_insensitive.get())
    for source in settings.sources.values():
        yield from _source(source, schema, former, seen)


def _schema(schema: Schema) -> Iterator[Step]:
    from syncd.commands.fields import flags
    from syncd.core.schema import problems_with

    found = problems_with(schema)
    if found:
        yield Step("bad", "fields:", tuple(found), code=2)
        return
    lines = tuple(f"{each.name}{f' ({flags(each)})' if flags(each) else ''}" for each in schema.fields)
    yield Step("good", f"fields: {len(schema.fields)}, told apart by {', '.join(schema.match)}", lines)
    doubtful = [name for name in schema.match if name in schema.phones or _changes(name)]
    if doubtful:
        yield Step(
            "note",
            f"the match field {', '.join(doubtful)} is likely to change, and each change makes a new contact",
            ("best is one match field that holds the source's own immutable id: support@vocatech.com sets it up",),
        )


def _changes(name: str) -> bool:
    return any(word in name.casefold() for word in _CHANGING) and "id" not in name.casefold().split()


def _source(source: Source, schema: Schema | None, former: Mapping[str, str], seen: Seen) -> Iterator[Step]:
    connector = source.connect()
    try:
        columns = connector.check()
        yield Step("good", f"{source.name}: can be read; columns: {', '.join(map(_named, columns))}")
        for note in connector.notes():
            yield Step("good" if note.good else "note", f"{source.name}: {note.text}")
        if schema is not None:
            yield from _mapping(source, columns, schema, former, seen)
    except SyncdError as error:
        yield _failed(source.name, error)


def _named(column: str) -> str:
    """A column's name, in quotes where it could be taken for several."""
    return repr(column) if "," in column or column != column.strip() else column


def _mapping(
    source: Source, columns: list[str], schema: Schema, former: Mapping[str, str], seen: Seen
) -> Iterator[Step]:
    from syncd.commands.sample import sample_of
    from syncd.core.mapping.compiler import MappingError
    from syncd.core.schema import problems_of_mapping
    from syncd.core.warnings import several_phone_fields
    from syncd.read.contact_mapping import contact_mapping

    problems = problems_of_mapping(schema, source.rules.mapping, former)
    if problems:
        places = tuple(source.placed(problem, field) for field, problem in problems)
        yield Step("bad", f"{source.name}: mapping:", places, code=2)
        return
    several = [name for name in schema.names if name in schema.phones and name in source.rules.mapping]
    if len(several) > 1:
        yield Step("note", f"{source.name}: {several_phone_fields(several)}")
    contacts = contact_mapping(source, columns, schema)
    connector = source.connect()
    try:
        sample = sample_of(connector, contacts, schema, seen, source.shared_match)
    except MappingError as error:
        places = tuple(f"{source.where_is(*path)}: {problem}" for path, problem in error.problems)
        yield Step("bad", f"{source.name}: mapping:", places, code=2)
        return
    yield from _sampled(source, sample)


def _sampled(source: Source, sample: Sample) -> Iterator[Step]:
    from syncd.report.screen import count

    which = f"all {sample.rows:,} rows" if sample.whole else f"the first {count(sample.rows, 'row')}"
    if not sample.rows:
        yield Step("note", f"{source.name}: there is no row; a mirror holds all its deletes then")
        return
    how = f"{source.name}: mapping: {which} make {count(sample.good, 'contact')}"
    shown = tuple(sample.contacts)
    yield Step("good" if sample.good else "bad", how, shown, code=0 if sample.good else 3)
    if sample.invalid:
        number = count(sample.invalid.total(), "row")
        yield Step("bad", f"{source.name}: {number} invalid", _reasons(sample.invalid, sample.places), code=3)
    if sample.excluded:
        number = count(sample.excluded.total(), "row")
        yield Step("note", f"{source.name}: {number} excluded", _reasons(sample.excluded, {}))
    if sample.warnings:
        number = count(sample.warnings.total(), "row")
        yield Step("note", f"{source.name}: {number} with a warning", _reasons(sample.warnings, {}))
    if sample.unproved:
        yield Step("note", f"{source.name}: the read was not proved complete: {sample.unproved}; deletes are held then")
    yield from _canaries(source, sample, which)


def _reasons(reasons: Counter[str], places: dict[str, str]) -> tuple[str, ...]:
    lines = [
        f"{number:,}: {reason}" + (f" (first at {places[reason]})" if reason in places else "")
        for reason, number in reasons.most_common(PAGE)
    ]
    more = len(reasons) - PAGE
    return (*lines, f"and {more:,} more reasons") if more > 0 else tuple(lines)


def _canaries(source: Source, sample: Sample, which: str) -> Iterator[Step]:
    from syncd.commands.sample import missing_canaries
    from syncd.report.source_report import shown_key

    if not source.gates.canaries:
        return
    missing = ", ".join(str(shown_key(key)) for key in missing_canaries(sample, source.gates.canaries))
    if not missing:
        yield Step("good", f"{source.name}: every canary is in {which}")
    elif sample.whole:
        yield Step("bad", f"{source.name}: no row has the canary {missing}: every delete would be held", code=3)
    else:
        yield Step("note", f"{source.name}: the canary {missing} is not in {which}; a run looks through all of them")
