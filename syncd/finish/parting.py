"""Parts a forgotten key from the contact that it was merged into.

What the rows of a merged contact have brought, only the rows tell. So the next run, which reads them without the
forgotten one, takes its numbers from the contact; then the past of the contact keeps only numbers that the contact has.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.core.change import Status
from syncd.core.columns import KEY
from syncd.finish.callers import keep_callers
from syncd.plan.field_history import phones_ever
from syncd.plan.gather import Planned
from syncd.plan.world import World
from syncd.run.session import Session
from syncd.state import State


def keep_parting(state: State, source: str, forgotten: Collection[str]) -> None:
    """Note the contacts that these keys were merged into, before anything of the keys is erased."""
    found = state.searching.merged_with(source, forgotten)
    if found:
        fact = state.facts.parting(source)
        fact.set(sorted({*fact.get(), *found}))
        state.erasing.compare_anew(source, found)


def part(session: Session, world: World, planned: Planned) -> None:
    """Erase what forgotten keys have left in the past of contacts that this run has sent without them."""
    fact = session.state.facts.parting(world.name)
    keys = fact.get()
    if not keys:
        return
    # What the index has not followed yet would become a former number later.
    keep_callers(session)
    phones = phones_ever(session.state, world.schema)
    done = [
        key for key in _settled(world, planned, keys) if session.state.erasing.erase_former(world.name, key, phones)
    ]
    if done:
        fact.set([key for key in keys if key not in done])
        session.state.erasing.clean()


def _settled(world: World, planned: Planned, keys: Collection[str]) -> list[str]:
    """Return those of the contacts that are what their rows say now, or that are not there any more."""
    sent = set(world.verdicts.contacts().get_column(KEY)) - set(planned.plan.waiting.get_column(KEY))
    asked = pl.Series(KEY, list(keys), dtype=pl.String)
    status = dict(world.state.ledger.detail(world.name, asked).select(KEY, "@status").iter_rows())
    return [key for key in keys if key not in status or (key in sent and status[key] == Status.ACCEPTED)]
