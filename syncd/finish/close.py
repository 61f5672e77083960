"""Keeps what the next run needs: what was learned, what gates hold, and who is missing since when."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.config import Source
from syncd.core.gates import SCHEMA_GATE
from syncd.core.plan import Held, Plan
from syncd.core.schema import Schema
from syncd.plan.claims import outranked_now
from syncd.plan.field_history import learn_fields, learn_loaded, learn_match
from syncd.plan.gather import Planned
from syncd.push.result import PushResult
from syncd.read.reading import Reading
from syncd.run.session import Session


def close(
    session: Session,
    source: Source,
    reading: Reading,
    planned: Planned,
    pushed: PushResult,
    schema: Schema,
) -> bool:
    """Keep what the next run needs: what was learned, what is held, and who is missing since when.

    Returns whether a delete was refused, which is tried again.

    Raises:
        LeaseLost: another run has the source now, and keeps that itself.
    """
    state = session.state
    session.leases.check()
    if not any(held.gate == SCHEMA_GATE for held in planned.plan.held):
        learn_match(state, source.name, schema)
        if not pushed.failure:
            learn_fields(state, source.name, schema, source.rules.mapping)
            kept = state.claims.merged(source.name) if reading.end.proof == "partial" else {}
            state.claims.keep_merged(source.name, {**kept, **planned.merged})
            if not planned.ambiguous:
                learn_loaded(state, source.name, session.run)
    outranked = outranked_now(state.claims.outranked(source.name), reading, planned.outranked, planned.named)
    state.claims.keep_outranked(source.name, outranked)
    state.ledger.forget(source.name, planned.released)
    state.holds.keep(source.name, planned.plan.held, approved=not_done(session, source.name, planned.plan))
    back = sorted(set(state.ledger.missing_keys(source.name)) - set(planned.gone))
    waiting = planned.plan.waiting.filter(planned.plan.waiting.get_column("@kind") == "delete").get_column("@key")
    state.ledger.see_missing(source.name, waiting.to_list() if planned.sure else [], back)
    state.holds.let_go(source.name, planned.changed_since)
    return any(each["key"] in set(planned.gone) for each in pushed.rejected)


def not_done(session: Session, source: str, plan: Plan) -> Sequence[Held]:
    """The approved changes that this run could not make: their approval is not spent."""
    return plan.still_approved(session.state.journal.done_keys(session.run, source)) if plan.opened else ()
