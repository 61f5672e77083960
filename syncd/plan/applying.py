"""Gathers what the core needs to decide which changes of an older plan are made now."""

from __future__ import annotations

import polars as pl

from syncd.core.changes.applying import Applicable, Now, applicable
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import CHANGE_SCHEMA
from syncd.core.plan import Plan
from syncd.plan.file import PlanFile, PlannedSource
from syncd.plan.number_gates import number_gates_of
from syncd.plan.shared_numbers import decides
from syncd.plan.world import World

NO_PLAN = Plan(pl.DataFrame(schema=CHANGE_SCHEMA), (), pl.DataFrame(schema=CHANGE_SCHEMA))
"""The plan of a source that is as the last run left it."""


def applicable_now(older: PlanFile, part: PlannedSource, world: World, plan: Plan) -> Applicable:
    """Return which changes of one source's ``part`` of an older plan are made now; ``plan``: the plan of now."""
    state, name, keys = world.state, world.name, part.changes.get_column(KEY)
    rows = pl.concat([world.verdicts.keys(), world.reading.recall.seen(KEY)])
    return applicable(
        part.changes,
        Now(
            plan=plan,
            schema=world.schema,
            former=part.schema(),
            ledger=world.detail(keys).join(world.digests(keys).select(KEY, DIGEST), on=KEY, how="left"),
            rows=rows,
            gone=_gone(world, keys, rows),
            deleted=state.plans.deleted_since(name, keys, older.change),
            begun=state.plans.open_keys(older.digest, name),
            case_insensitive=state.facts.case_insensitive.get(),
            one_contact=decides(world),
            gates=lambda todo: number_gates_of(name, todo, world.numbers, state, world.schema)(todo),
        ),
    )


def _gone(world: World, keys: pl.Series, rows: pl.Series) -> pl.Series:
    """Return which keys have surely left the source, as far as the read tells."""
    if world.named_gone is not None:
        return pl.Series(KEY, world.named_gone, dtype=pl.String)
    return keys.filter(~keys.is_in(rows.implode())) if world.reading.end.proof == "complete" else keys.clear()
