"""What a run records of contacts that it does not send."""

from __future__ import annotations

import polars as pl

from syncd.core.columns import CONTACT, INVALID, KEY, RAW, STATE
from syncd.core.plan import Plan
from syncd.plan.world import World


def links(world: World, plan: Plan) -> pl.DataFrame:
    """Return which row each contact that is not sent is made of."""
    busy = pl.concat([plan.todo.get_column(KEY), plan.waiting.get_column(KEY)])
    used = world.verdicts.keyed_once().filter(~pl.col(KEY).is_in(busy.implode()))
    # A row that is no contact, or is doubted, is linked to none: the next run looks at it again.
    found = used.select(KEY, pl.when(pl.col(STATE) == CONTACT).then(RAW).alias(RAW))
    known = world.reading.recall.with_keys(used.get_column(KEY)).select(KEY, pl.col(RAW).alias("@was"))
    return found.join(known, on=KEY, how="inner").filter(pl.col(RAW).ne_missing(pl.col("@was"))).select(KEY, RAW)


def changed_since(world: World, undone: pl.DataFrame, plan: Plan) -> list[str]:
    """Return the undone keys whose source has changed since."""
    if undone.is_empty():
        return []
    invalid = world.verdicts.rows.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if world.named_gone is not None:
        # A partial read says nothing of the keys that it lacks.
        read = pl.concat([plan.todo.select(KEY), world.verdicts.contacts().select(KEY)])
        undone = undone.join(read, on=KEY, how="semi")
    rest = undone.join(plan.waiting.select(KEY), on=KEY, how="anti").join(invalid, on=KEY, how="anti")
    return rest.get_column(KEY).to_list()
