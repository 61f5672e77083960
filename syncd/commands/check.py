"""``syncd check``: proves step by step that a run would find what it needs. It writes nothing."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from syncd.commands.activity.check import activity_steps
from syncd.commands.activity.sinks_check import sink_steps
from syncd.commands.fields import flags
from syncd.commands.options import CheckOptions
from syncd.commands.sample import Sample, Seen, sample_of
from syncd.commands.settings import loaded
from syncd.config import Settings, Source
from syncd.core.mapping.compiler import MappingError
from syncd.core.schema import Schema, problems_of_mapping, problems_with
from syncd.core.warnings import of_phone_fields
from syncd.core.wording import counted, shown_key
from syncd.errors import ConfigError, SyncdError
from syncd.plan.field_history import renames
from syncd.plan.number_gates import number_rules
from syncd.plan.schema_check import display_problem
from syncd.prove import Proof, Proved
from syncd.prove import prove as prove_source
from syncd.read.contact_mapping import contact_mapping
from syncd.report.change_lines import Part, kinds_counted
from syncd.report.exit_code import CODES, DEFECT, TEMPORARY, USAGE, gravest
from syncd.report.screen import Screen
from syncd.report.steps import Step, failed, show_step
from syncd.report.streams import print_json
from syncd.run.company import known_company, prove_company
from syncd.run.session import Session, open_session
from syncd.watch.notify import unknown_addresses
from syncd.watch.sending import UNKNOWN

PAGE = 10
"""Reasons and warnings that are shown of a source."""

PROOFS = ("copy", "rows", "would go through", "held by", "result")

_CHANGING = ("name", "contact", "email", "phone", "mobile", "address")


def check(config: Path | None, options: CheckOptions) -> int:
    """Print each step as it is known, then the results of ``--prove``; return the gravest exit code."""
    screen = None if options.as_json else Screen()
    found = []
    for step in steps(config):
        found.append(step)
        if screen:
            show_step(screen, step)
    codes = [step.code for step in found]
    # After these codes there is no source, no target or no mapping to try the gates with.
    ready = options.prove and not {DEFECT, USAGE, TEMPORARY}.intersection(codes)
    tried = list(_tried(screen, config)) if ready else []
    code = gravest([*codes, *(each.exit_code for each in tried)])
    if screen:
        screen.line(*_last_line(found, tried, config))
    else:
        proved = {"proved": [each.to_json() for each in tried]} if options.prove else {}
        print_json({"exit": code, "steps": [step.to_json() for step in found], **proved})
    return code


def _tried(screen: Screen | None, config: Path | None) -> Iterator[Proved]:
    """Try the gates of each source, one after the other, and show each result as it is known."""
    settings = loaded(config)
    with open_session(settings, dry_run=True) as session:
        schema = session.target.fields()
        for source in settings.sources.values():
            found = prove_source(source, number_rules(source, settings), schema, session.clock())
            if screen:
                _show_proofs(screen, found)
            yield found


def _last_line(found: Sequence[Step], tried: Sequence[Proved], config: Path | None) -> Iterator[Part]:
    if bad := sum(step.mark == "bad" for step in found):
        yield (f"{counted(bad, 'problem')} to be mended first.", "bold red")
    elif any(each.exit_code for each in tried):
        yield from (("Ready, but not every damage is held", "bold yellow"), ": see above what would go through.")
    else:
        settings = loaded(config)
        commands = ["syncd run --dry-run"] * bool(settings.sources or not settings.sinks)
        commands += ["syncd activity deliver --dry-run"] * bool(settings.sinks)
        shows = "show what runs would do" if len(commands) > 1 else "shows what a run would do"
        yield from (("Ready", "bold green"), f": {' and '.join(commands)} {shows}.")


def steps(config: Path | None) -> Iterator[Step]:
    """Yield each step with its result, from the configuration to each source."""
    try:
        settings = loaded(config)
    except ConfigError as error:
        yield failed("configuration", error)
        return
    yield Step("good", f"configuration: {settings.path} ({', '.join(settings.sources) or 'no source'})")
    if settings.notify.to:
        yield _addresses(settings)
    usable = _state(settings)
    yield usable
    # The other steps do not need what the state holds, so a broken one is replaced by a path below a file, where there
    # can be none.
    if usable.mark == "bad":
        settings = dataclasses.replace(settings, state=settings.path / "none")
    with open_session(settings, dry_run=True) as session:
        yield from _with_target(session)
    yield from activity_steps(settings)
    yield from sink_steps(settings)


def _addresses(settings: Settings) -> Step:
    if unknown := unknown_addresses(settings):
        return Step("bad", f"notifications: {', '.join(unknown)}: {UNKNOWN}", code=CODES["unknown_address"])
    return Step("good", "notifications: every address has a form that Apprise knows (syncd notify test sends to them)")


def _state(settings: Settings) -> Step:
    """Find out whether the state can be read and, as far as possible without writing, whether it can be written."""
    path = settings.state
    try:
        with open_session(settings, dry_run=True):
            pass
    except SyncdError as error:
        return failed("state file", error)
    there = path.exists()
    if os.access(path if there else path.parent, os.W_OK):
        return Step("good", f"state file: {path}" + ("" if there else " (the first run makes it)"))
    text = f"state file: {path} cannot be written: let syncd's user write to its folder"
    return Step("bad", text, code=CODES["unwritable_state"])


def _with_target(session: Session) -> Iterator[Step]:
    settings, schema = session.settings, None
    try:
        schema = session.target.fields()
    except SyncdError as error:
        yield failed("target", error)
    else:
        yield Step("good", f"target: {settings.target.base_url} answers, and takes the key")
        yield from _company(session, schema)
        yield from _schema(schema)
        yield from _display(session, schema)
        # The sources are still read, but no mapping fits fields that are not usable.
        if problems_with(schema):
            schema = None
    former = {} if schema is None else renames(session.state, schema)
    seen = Seen(folds=session.state.facts.case_insensitive.get())
    for source in settings.sources.values():
        yield from _source(source, schema, former, seen)


def _company(session: Session, schema: Schema) -> Iterator[Step]:
    """Say which company the state belongs to, and prove that the target is this company if it is not known."""
    known = known_company(session.state)
    if known is None:
        return
    try:
        prove_company(session, schema)
    except SyncdError as error:
        yield failed("company", error)
        return
    how = "as its contacts prove" if session.proved else "nothing about it is new"
    yield Step("good", f"company: the state belongs to the company at {known.address}: {how}")


def _schema(schema: Schema) -> Iterator[Step]:
    if problems := problems_with(schema):
        yield Step("bad", "fields:", tuple(problems), code=CODES["unusable_fields"])
        return
    lines = tuple(f"{each.name}{f' ({flags(each)})' if flags(each) else ''}" for each in schema.fields)
    yield Step("good", f"fields: {len(schema.fields)}, told apart by {', '.join(schema.match)}", lines)
    doubtful = [name for name in schema.match if name in schema.phones or _changes(name)]
    if doubtful:
        text = f"the match field {', '.join(doubtful)} is likely to change, and each change makes a new contact"
        best = "best is one match field that holds the source's own immutable id: support@vocatech.com sets it up"
        yield Step("note", text, (best,))


def _display(session: Session, schema: Schema) -> Iterator[Step]:
    """Say which field is the name that a phone shows."""
    if problems_with(schema):
        return
    if problem := display_problem(session, schema):
        yield Step("bad", "display name:", (problem,), code=CODES["wrong_mapping"])
        return
    named = session.settings.target.display
    if (field := schema.display(named)) is None:
        text = "display name: no text field besides the match fields, so that callers have no name"
        yield Step("note", text, ("target.display may name a match field",))
        return
    why = "target.display" if named else "the first text field that is no match field; target.display names another one"
    yield Step("good", f"display name: {field} ({why})")


# A guess by the field's name, so that it is a note and not a problem.
def _changes(name: str) -> bool:
    return any(word in name.casefold() for word in _CHANGING) and "id" not in name.casefold().split()


def _source(source: Source, schema: Schema | None, former: Mapping[str, str], seen: Seen) -> Iterator[Step]:
    # An error of one source is one step: the other sources are looked at all the same.
    connector = source.connect()
    try:
        columns = connector.check()
        yield Step("good", f"{source.name}: can be read; columns: {', '.join(map(_named, columns))}")
        for note in connector.notes():
            yield Step("good" if note.good else "note", f"{source.name}: {note.text}")
        if schema is not None:
            yield from _mapping(source, columns, schema, former, seen)
    except SyncdError as error:
        yield failed(source.name, error)


def _named(column: str) -> str:
    """Return a column's name, in quotes where it could be taken for several."""
    return repr(column) if "," in column or column != column.strip() else column


def _mapping(
    source: Source, columns: list[str], schema: Schema, former: Mapping[str, str], seen: Seen
) -> Iterator[Step]:
    if problems := problems_of_mapping(schema, source.rules.mapping, former):
        yield _wrong_mapping(source, [source.placed(problem, field) for field, problem in problems])
        return
    for warning in of_phone_fields(schema, source.rules.mapping):
        yield Step("note", f"{source.name}: {warning}")
    contacts = contact_mapping(source, columns, schema)
    try:
        sample = sample_of(source.connect(), contacts, schema, seen, source.shared_match)
    except MappingError as error:
        yield _wrong_mapping(source, [f"{source.where_is(*path)}: {problem}" for path, problem in error.problems])
        return
    yield from _sampled(source, sample)


def _wrong_mapping(source: Source, problems: Sequence[str]) -> Step:
    return Step("bad", f"{source.name}: mapping:", tuple(problems), code=CODES["wrong_mapping"])


def _sampled(source: Source, sample: Sample) -> Iterator[Step]:
    name = source.name
    which = f"all {sample.rows:,} rows" if sample.whole else f"the first {counted(sample.rows, 'row')}"
    if not sample.rows:
        yield Step("note", f"{name}: there is no row; a mirror holds all its deletes then")
        return
    made = f"{name}: mapping: {which} make {counted(sample.good, 'contact')}"
    # One invalid row is a row to mend, but if no row at all makes a contact, the mapping is wrong.
    code = 0 if sample.good else CODES["no_contact"]
    yield Step("good" if sample.good else "bad", made, tuple(sample.contacts), code)
    if sample.invalid:
        text = f"{name}: {counted(sample.invalid.total(), 'row')} invalid"
        yield Step("bad", text, _reasons(sample.invalid, sample.places), CODES["invalid"])
    for counts, what in ((sample.excluded, "excluded"), (sample.warnings, "with a warning")):
        if counts:
            yield Step("note", f"{name}: {counted(counts.total(), 'row')} {what}", _reasons(counts, {}))
    for warning in sample.of_source:
        yield Step("note", f"{name}: {warning}")
    if sample.unproved:
        yield Step("note", f"{name}: the read was not proved complete: {sample.unproved}; deletes are held then")
    if source.gates.canaries:
        yield _canaries(source, sample, which)


def _reasons(reasons: Counter[str], places: dict[str, str]) -> tuple[str, ...]:
    lines = [
        f"{number:,}: {reason}" + (f" (first at {places[reason]})" if reason in places else "")
        for reason, number in reasons.most_common(PAGE)
    ]
    more = len(reasons) - PAGE
    return (*lines, f"and {more:,} more reasons") if more > 0 else tuple(lines)


def _canaries(source: Source, sample: Sample, which: str) -> Step:
    missing = ", ".join(shown_key(key) for key in source.gates.canaries if key not in sample.keys)
    if not missing:
        return Step("good", f"{source.name}: every canary is in {which}")
    if sample.whole:
        text = f"{source.name}: no row has the canary {missing}: every delete would be held"
        return Step("bad", text, code=CODES["missing_canary"])
    return Step("note", f"{source.name}: the canary {missing} is not in {which}; a run looks through all of them")


def _show_proofs(screen: Screen, found: Proved) -> None:
    """Write one source's table, and below it what no gate held."""
    if found.error is not None:
        screen.line((found.source, "bold"), ": the gates could not be tried: ", str(found.error).splitlines()[0])
        return
    known = counted(found.contacts, "known contact")
    screen.line((found.source, "bold"), f": damaged copies, beside {known}", hanging=2)
    screen.table(PROOFS, [_proof_row(proof) for proof in found.proofs])
    for proof in found.proofs:
        for advice in proof.advice:
            screen.line(("NOT HELD", "bold red"), f": {proof.damage}: {advice}", indent=2, hanging=6)


def _proof_row(proof: Proof) -> Sequence[str]:
    through = ", ".join(kinds_counted(proof.through, done=False)) or "nothing"
    gates = [each.gate for each in proof.held]
    # A gate may hold a part while another part passes: then the damage is not held, whatever gates there are.
    result = "stopped" if proof.stopped else "not held" if proof.advice else "held" if gates else "nothing to hold"
    return (proof.damage, f"{proof.rows:,}", through, ", ".join(gates) or "no gate", result)
