"""Applies a plan that a dry run wrote: makes exactly its changes, and nothing else.

Each source is read and planned again, as a run does it, with the same gates. Of the new plan only those changes are
made that the older plan has, and has exactly so; each other change of the older plan is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from syncd.config import Settings, Source
from syncd.core.changes.applying import WHY_NOT, Applicable, Why, field_changed, refused_wholly
from syncd.core.columns import KEY
from syncd.core.compare import KIND
from syncd.core.plan import Plan
from syncd.core.wording import counted
from syncd.errors import ConfigError, SchemaError, SyncdError
from syncd.plan.applying import NO_PLAN, applicable_now
from syncd.plan.file import PlanFile, PlannedSource
from syncd.plan.gather import Planned
from syncd.plan.world import World
from syncd.report.source_report import SourceReport
from syncd.run.session import Session
from syncd.state import State
from syncd.sync import run_source


@dataclass(frozen=True, slots=True)
class Applying:
    """One source's ``part`` of a ``plan``; ``report`` gets the changes that are refused."""

    session: Session
    plan: PlanFile
    part: PlannedSource
    report: SourceReport

    def chosen(self, planned: Planned) -> Planned:
        """Return the plan of now without the changes that the older plan does not have."""
        found = applicable_now(self.plan, self.part, planned.world, planned.plan)
        self._refuse(found.refused)
        record, rest = planned.record, found.rest.height
        made = set(found.todo.get_column(KEY))
        changed_since = [key for key in record.changed_since if key in made]
        waits = counted(rest, "change that is not in the plan waits", "changes that are not in the plan wait")
        return replace(
            planned,
            plan=_part(planned.plan, found),
            whole=planned.plan,
            unfinished=rest > 0
            or bool(record.released or record.forgotten)
            or len(changed_since) < len(record.changed_since),
            news=[f"{waits} for the next run"] if rest else [],
            # To let a contact go, and to forget a refusal, is no part of the older plan. An undone change stays so
            # until the change that follows it is made.
            record=replace(record, released=[], forgotten=[], changed_since=changed_since),
        )

    def unchanged(self, world: World) -> None:
        """Refuse all changes: the source is as the last run left it, which left nothing to do."""
        self._refuse(applicable_now(self.plan, self.part, world, NO_PLAN).refused)

    def impossible(self, error: SyncdError) -> bool:
        """Refuse all changes if the target's fields have changed so that the source cannot be planned any more."""
        # The configuration is as it was, and the plan was made: so it is the fields that do not allow a push.
        fields = isinstance(error, SchemaError) or self._fields_changed()
        if fields:
            self._refuse(refused_wholly(self.part.changes, Why.FIELD))
        return fields and bool(self.report.refused)

    def _fields_changed(self) -> bool:
        changed = field_changed(self.part.changes, self.part.schema(), self.session.target.fields())
        return not self.part.changes.filter(changed).is_empty()

    def _refuse(self, refused: pl.DataFrame) -> None:
        rows = refused.select(KEY, KIND, WHY_NOT).iter_rows()
        self.report.refused = [{"key": key, "kind": kind, "why": why} for key, kind, why in rows]


def _part(plan: Plan, found: Applicable) -> Plan:
    """Return the plan with only the changes that are made, and with all that wait at gates."""
    return replace(plan, todo=found.todo, held=found.held, waiting=pl.concat([plan.waiting, found.waiting]))


def apply_source(session: Session, plan: PlanFile, source: Source, report: SourceReport) -> None:
    """Make one source's changes of the plan.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    part = next(each for each in plan.sources if each.source == source.name)
    report.refused = []
    run_source(session, source, report, Applying(session, plan, part, report))


def sources_of(plan: PlanFile, named: str, settings: Settings) -> Sequence[Source]:
    """Return the sources of a plan, in the order of the configuration.

    ``named``: the file; messages begin with it.

    Raises:
        ConfigError: the plan is of another target, or of sources that are not configured so any more.
    """
    if plan.target != settings.target.base_url:
        raise ConfigError(f"{named}: the plan is for {plan.target}, and the configuration names another target")
    for each in plan.sources:
        source = settings.sources.get(each.source)
        if source is None:
            raise ConfigError(f"{named}: the plan has the source {each.source}, which is not configured any more")
        if source.digest != each.config:
            raise ConfigError(f"{named}: the source {each.source} is configured otherwise since: plan again")
    wanted = {each.source for each in plan.sources}
    return [source for name, source in settings.sources.items() if name in wanted]


def require_applicable(plan: PlanFile, named: str, state: State, *, oldest: float) -> None:
    """Refuse a plan that is not to be applied; ``oldest``: when it was made at the earliest (Unix seconds).

    Raises:
        ConfigError: it is too old, is of another state file, or was applied already.
    """
    if plan.made < oldest:
        raise ConfigError(f"{named}: the plan is older than --max-age allows: plan again, or allow a greater age")
    if run := state.plans.applied(plan.digest):
        raise ConfigError(f"{named}: run {run} has applied this plan already: plan again")
    if not _is_of(plan, state):
        raise ConfigError(f"{named}: the plan was made with another state file than {state.path}")


def _is_of(plan: PlanFile, state: State) -> bool:
    found = state.plans.identity()
    if plan.state is not None:
        return found is not None and found.name == plan.state
    # The plan was made before the first run, which gives a state file its name; so the file got it later, or has none.
    return (found is None or found.since >= plan.made) and state.journal.newest_change() >= plan.change
