"""Finds out whether an update keeps the fields that it does not mention, by sending one update alone."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import structlog

from syncd.core.change import Call, Semantics, unmentioned
from syncd.core.compare import BEFORE
from syncd.core.outcomes import Accepted, Outcome
from syncd.core.plan import BATCH, Plan, batches
from syncd.push.result import PushJob

log = structlog.get_logger()


def probe_update(job: PushJob, plan: Plan, send: Callable[[Call], Outcome | None]) -> tuple[Semantics, str | None]:
    """Send the first update alone that shows what becomes of unmentioned fields; restore them if they are lost.

    ``send`` marks, sends and records one call; it returns None if another source has the contact in hand.

    Returns:
        The semantics by which the rest of the push must work, and the key that was sent, if any.
    """
    displaced = job.session.state.holdings.displaced(job.source)
    for page in batches(plan.upserts().filter(pl.col(BEFORE).is_not_null()), BATCH):
        for change in page:
            extra = unmentioned(change, job.schema.names)
            # A move makes a new contact, which has none of these values. Nor has a displaced contact: another contact
            # was sent in its place.
            if not extra or change.kind == "move" or change.key in displaced:
                continue
            outcome = send(Call(change, change.fields, extra))
            if not isinstance(outcome, Accepted):
                # Nothing was learned: until it is, updates carry the values along, which is right either way.
                return "replace", change.key
            lost = any(not outcome.fields.get(name) for name in extra)
            semantics: Semantics = "replace" if lost else "merge"
            job.session.state.facts.update_semantics.set(semantics)
            log.info("learned how the target treats unmentioned fields", update=semantics)
            if lost:
                send(Call(change, {**extra, **change.fields}))
            return semantics, change.key
    return "merge", None
