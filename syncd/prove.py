"""Runs damaged copies of a source through the real plan, as if the source had been loaded as it is now.

Nothing is written: the target is not asked, and the ledger that the copies are compared with is made in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from syncd.config import Source
from syncd.core.callers.gates import NumberRules
from syncd.core.change import CallOutcome
from syncd.core.compare import KIND
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.mapping.compiler import MappingError
from syncd.core.mapping.damage import DAMAGES, damaged
from syncd.core.plan import Held, Plan, batches
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules
from syncd.core.wording import counted
from syncd.errors import SyncdError
from syncd.plan.field_history import learn_fields, learn_loaded, learn_match
from syncd.plan.gather import plan_changes
from syncd.plan.world import PlanRequest, world_of_every_row
from syncd.read.contact_mapping import contact_mapping
from syncd.read.spool import spooling
from syncd.report.error_text import error_json
from syncd.report.exit_code import code_for
from syncd.report.source_report import held_json
from syncd.source import Connector, End, Options, Rows
from syncd.state import State
from syncd.state.journal import Settled
from syncd.surroundings.temporary import passing_folder
from syncd.target.lookup import Index

ROWS = 100_000
"""Rows of a source that the copies are made of at most."""

CONTACTS_AT_ONCE = 5_000
"""Contacts that the supposed ledger takes in at once."""

RUN = "supposed"
"""The name of the run that loaded the source, in the supposed ledger."""


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
        """Return one entry of ``copies``."""
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
        return code_for(self.error, not_guarded=not all(proof.guarded for proof in self.proofs))

    def to_json(self) -> dict[str, Any]:
        """Return the source's part of ``syncd check --prove --json``."""
        return {
            "source": self.source,
            "contacts": self.contacts,
            "copies": [proof.to_json() for proof in self.proofs],
            **error_json(self.error),
        }


def prove(source: Source, numbers: NumberRules, schema: Schema, now: float) -> Proved:
    """Read the source once and try every damage on it; an error of the source is in the result.

    ``numbers``: what the numbers of a plan are judged by.
    """
    found = Proved(source.name)
    try:
        connector = source.connect()
        mapping = contact_mapping(source, connector.check(), schema)
        rows = _first_rows(connector)
        # A read-only state whose file does not exist is made in memory.
        with passing_folder("syncd-") as folder, State(folder / "none", read_only=True) as state:
            trial = _Trial(source, numbers, schema, mapping, state, now)
            found.contacts = trial.load(rows)
            found.proofs = [
                trial.proof(damage, damaged(rows, damage, source.rules, schema), found.contacts) for damage in DAMAGES
            ]
    except SyncdError as error:
        found.error = error
    return found


def _first_rows(connector: Connector) -> pl.DataFrame:
    """Return the source's first rows, without those that cannot be read."""
    pages: list[pl.DataFrame] = []
    with closing(connector.read(None)) as reading:
        for page in reading:
            pages.append(page.frame)
            if sum(frame.height for frame in pages) >= ROWS:
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
        # The gates are tried at their worst: an unproved read would hold every delete by itself.
        return End("complete")


@dataclass(frozen=True, slots=True)
class _Trial:
    """What every copy of one source is planned with."""

    source: Source
    numbers: NumberRules
    schema: Schema
    mapping: ContactMapping
    state: State
    now: float

    def load(self, rows: pl.DataFrame) -> int:
        """Make the ledger say that the source was loaded as it is; return how many contacts it holds."""
        name, loaded = self.source.name, 0
        # The contacts of all rows are supposed to be at the target, whatever the mode: update_only would create none.
        plan = self._plan(rows, replace(self.source.gates, mode="mirror"))
        # A gate may hold a part of this first load; an approval lets it through.
        creates = pl.concat([plan.upserts(), plan.waiting.filter(pl.col(KIND) != "delete")])
        for page in batches(creates, CONTACTS_AT_ONCE):
            entries = self.state.journal.mark(RUN, name, page)
            settled = [Settled(entry, CallOutcome.ACCEPTED, id_) for id_, entry in enumerate(entries, start=loaded + 1)]
            self.state.journal.record(settled)
            loaded += len(entries)
        learn_match(self.state, name, self.schema)
        learn_fields(self.state, name, self.schema, self.source.rules.mapping)
        learn_loaded(self.state, name, RUN)
        return loaded

    def proof(self, damage: str, rows: pl.DataFrame, known: int) -> Proof:
        """See what the gates make of one copy; ``known``: contacts that the ledger holds."""
        try:
            plan = self._plan(rows, self.source.gates)
        # A SQL expression that fails for most rows of the copy ends the run before it changes anything.
        except (SyncdError, MappingError) as error:
            return Proof(damage, rows.height, stopped=str(error))
        return Proof(damage, rows.height, plan.counts(), plan.held, tuple(_advice(plan, self.source.gates, known)))

    def _plan(self, rows: pl.DataFrame, gates: GateRules) -> Plan:
        """Return the plan that a run of these rows would make."""
        # Other sources, and warnings of shared numbers, are no concern of the gates.
        source = replace(self.source, gates=gates, shared_numbers="allow")
        request = PlanRequest(source, (source.name,), self.state, self.schema, self.numbers)
        with spooling() as spool:
            # The list of the target is empty: only the ledger decides what is a create.
            world = world_of_every_row(request, _Copy(rows), self.mapping, spool)
            return plan_changes(world, Index(list, self.schema), self.now).plan


def _advice(plan: Plan, rules: GateRules, known: int) -> Iterator[str]:
    """Say why changes that cannot be taken back pass, and what to set."""
    # Creates and adoptions can be taken back, so they need no advice.
    counts, limits = plan.counts(), rules.deletes
    deletes, edits = counts["delete"], counts["update"] + counts["move"]
    passing_deletes = counted(deletes, "delete passes", "deletes pass")
    passing_edits = counted(edits, "update passes", "updates pass")
    if 0 < deletes <= limits.free:
        how = "deletes: {at_most: {free: 0}}, or a canary near the source's end, would hold them"
        yield f"{passing_deletes}: up to {limits.free} are never held; {how}"
    elif deletes:
        yield f"{passing_deletes} of {known:,} contacts: lower deletes: {{at_most: {{share: …}}}} or {{count: …}}"
    if edits and known < rules.updates_known:
        reason = f"of fewer than {rules.updates_known} contacts no share is asked; no setting changes that"
        yield f"{passing_edits}: {reason}"
    elif edits:
        yield f"{passing_edits} of {known:,} contacts: lower updates: {{at_most: {{share: …}}}}"
