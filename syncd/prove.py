"""Runs damaged copies of a source through the real plan, as if the source had been loaded as it is now.

Nothing is written: the target is not asked, and the ledger that the copies are compared with is made in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from syncd.core.change import CallOutcome
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.mapping.compiler import MappingError
from syncd.core.mapping.damage import DAMAGES, damaged
from syncd.core.plan import Held, Plan, batches
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules
from syncd.core.wording import counted
from syncd.errors import SyncdError
from syncd.plan.field_history import learn_fields, learn_loaded, learn_match
from syncd.plan.gather import Planned, plan_changes
from syncd.plan.request import PlanRequest
from syncd.plan.takeovers import NO_TAKEOVERS
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reader import read_source
from syncd.read.spool import spooling
from syncd.read.unchanged_rows import Recall
from syncd.report.source_report import error_json, held_json
from syncd.source import Connector, End, Options, Rows
from syncd.state import State
from syncd.state.journal import Settled
from syncd.target.lookup import Index

if TYPE_CHECKING:
    from syncd.config import Source

ROWS = 100_000
"""Rows of a source that the copies are made of at most."""

PAGE = 5_000  # contacts that the supposed ledger takes in at once


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one copy.

    ``through``: changes by kind that no gate held. ``advice``: why they passed and what to set, when something that
    cannot be taken back would have been done. ``stopped``: the error that ended the run before it changed anything.
    """

    damage: str
    rows: int
    through: Mapping[str, int] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    advice: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def guarded(self) -> bool:
        return not self.advice

    def to_json(self) -> dict[str, Any]:
        """One entry of ``copies``."""
        return {
            "copy": self.damage,
            "rows": self.rows,
            "guarded": self.guarded,
            "held": [held_json(each) for each in self.held],
            "through": dict(self.through),
            "advice": list(self.advice),
            "stopped": self.stopped,
        }


@dataclass(slots=True)
class Proved:
    """One source's part. ``contacts``: how many the copies were compared with."""

    source: str
    contacts: int = 0
    proofs: list[Proof] = field(default_factory=list)
    error: SyncdError | None = None

    @property
    def exit_code(self) -> int:
        if self.error:
            return self.error.exit_code
        return 0 if all(proof.guarded for proof in self.proofs) else 3

    def to_json(self) -> dict[str, Any]:
        """The source's part of ``syncd check --prove --json``."""
        found: dict[str, Any] = {
            "source": self.source,
            "contacts": self.contacts,
            "copies": [proof.to_json() for proof in self.proofs],
        }
        return {**found, "error": error_json(self.error)} if self.error else found


def prove(source: Source, schema: Schema, now: float) -> Proved:
    """Read the source once and try every damage on it; an error of the source is in the result."""
    found = Proved(source.name)
    try:
        connector = source.connect()
        mapping = contact_mapping(source, connector.check(), schema)
        rows = _rows_of(connector)
        with TemporaryDirectory(prefix="syncd-") as folder, State(Path(folder) / "none", read_only=True) as state:
            found.contacts = _load(_Trial(source, schema, mapping, state, now), rows)
            trial = _Trial(source, schema, mapping, state, now)
            found.proofs = [
                trial.proof(damage, damaged(rows, damage, source.rules, schema), found.contacts) for damage in DAMAGES
            ]
    except SyncdError as error:
        found.error = error
    return found


def _rows_of(connector: Connector) -> pl.DataFrame:
    """The source's first rows, without those that cannot be read."""
    pages: list[pl.DataFrame] = []
    height = 0
    with closing(connector.read(None)) as reading:
        for page in reading:
            pages.append(page.frame)
            height += page.frame.height
            if height >= ROWS:
                break
    return pl.concat(pages).head(ROWS)


class _Copy(Connector):
    """A source that holds these rows, and proves that they are all."""

    OPTIONS = Options

    def __init__(self, rows: pl.DataFrame) -> None:
        super().__init__("copy", Options())
        self._rows = rows

    def check(self) -> list[str]:
        return self._rows.columns

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:  # noqa: ARG002 (it is read whole)
        yield Rows(self._rows, "copy", pl.int_range(1, self._rows.height + 1, dtype=pl.UInt32, eager=True))
        return End("complete")


@dataclass(frozen=True, slots=True)
class _Trial:
    """What every copy of one source is planned with."""

    source: Source
    schema: Schema
    mapping: ContactMapping
    state: State
    now: float

    def plan(self, rows: pl.DataFrame, gates: GateRules) -> Planned:
        """The plan that a run of these rows would make."""
        name = self.source.name
        request = PlanRequest(name, gates, self.source.shared_match, (name,), "allow")
        with spooling() as spool:
            every_row = Recall(lambda: self.state.ledger.row_digests(name))
            reading = read_source(_Copy(rows), None, self.mapping, self.schema, spool, lambda _rows: None, every_row)
            index = Index(list, self.schema)
            return plan_changes(reading, request, self.state, index, self.schema, self.now, NO_TAKEOVERS)

    def proof(self, damage: str, rows: pl.DataFrame, known: int) -> Proof:
        """See what the gates make of one copy."""
        try:
            plan = self.plan(rows, self.source.gates).plan
        except (SyncdError, MappingError) as error:
            return Proof(damage, rows.height, stopped=str(error))
        through = plan.counts()
        return Proof(damage, rows.height, through, plan.held, tuple(_advice(plan, self.source.gates, known)))


def _load(trial: _Trial, rows: pl.DataFrame) -> int:
    """Make the ledger say that the source was loaded as it is; return how many contacts it holds."""
    state, name = trial.state, trial.source.name
    creates = trial.plan(rows, replace(trial.source.gates, mode="mirror")).plan.upserts()
    id_ = 0
    for page in batches(creates, PAGE):
        entries = state.journal.mark("supposed", name, page)
        accepted = CallOutcome.ACCEPTED
        state.journal.record([Settled(entry, accepted, id_ + place) for place, entry in enumerate(entries, start=1)])
        id_ += len(entries)
    learn_match(state, name, trial.schema)
    learn_fields(state, name, trial.schema, trial.source.rules.mapping)
    learn_loaded(state, name, "supposed")
    return id_


def _advice(plan: Plan, rules: GateRules, known: int) -> Iterator[str]:
    """Why changes that cannot be taken back pass, and what to set."""
    counts, limits = plan.counts(), rules.deletes
    deletes, edits = counts["delete"], counts["update"] + counts["move"]
    if 0 < deletes <= limits.free:
        what = counted(deletes, "delete passes", "deletes pass")
        how = "deletes: {at_most: {free: 0}}, or a canary near the source's end, would hold them"
        yield f"{what}: up to {limits.free} are never held; {how}"
    elif deletes:
        what = counted(deletes, "delete passes", "deletes pass")
        yield f"{what} of {known:,} contacts: lower deletes: {{at_most: {{share: …}}}} or {{count: …}}"
    if edits and known < rules.updates_known:
        what = counted(edits, "update passes", "updates pass")
        yield f"{what}: of fewer than {rules.updates_known} contacts no share is asked; no setting changes that"
    elif edits:
        what = counted(edits, "update passes", "updates pass")
        yield f"{what} of {known:,} contacts: lower updates: {{at_most: {{share: …}}}}"
