"""Keeps what a run learned for later runs: before its push, and when the push has ended."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.gates import PARTS_GATE, SCHEMA_GATE
from syncd.core.plan import Held, Plan
from syncd.finish import shared_numbers
from syncd.plan.claims import joined_groups, outranked_now
from syncd.plan.field_history import learn_fields, learn_loaded, learn_match
from syncd.plan.gather import Planned
from syncd.plan.world import World
from syncd.push.result import PushResult
from syncd.run.session import Session


def keep_before_push(world: World, planned: Planned) -> None:
    """Keep what the push relies on: the keys of now, the digests and rows of contacts, and merged groups."""
    state, source = world.state, world.name
    state.ledger.take_over(source, world.takeovers)
    state.ledger.forget_refusals(source, planned.record.forgotten)
    state.ledger.redigest(source, planned.record.same)
    state.ledger.link(source, planned.record.links)
    # Until the push ends, a contact may hold the numbers of the rows before, or of the rows now.
    groups = joined_groups(state.claims.merged(source), planned.record.granted.merged)
    state.claims.keep_merged(source, groups)
    shared_numbers.keep_before_push(world, planned)


def close(session: Session, world: World, planned: Planned, pushed: PushResult) -> bool:
    """Keep what the next run needs: what was learned, what is held, and who is missing since when.

    Returns whether a delete was refused, which is tried again.

    Raises:
        LeaseLost: another run has the source now, and keeps that itself.
    """
    state, source, record = session.state, world.name, planned.record
    session.leases.check()
    # While this gate holds the source, its contacts are still as the former match fields made them. If changes were
    # left out, some contacts may be so, too.
    if not planned.unfinished and not any(held.gate == SCHEMA_GATE for held in planned.plan.held):
        learn_match(state, source, world.schema)
        if not pushed.failure:
            _learn_pushed(session, world, planned)
    _keep_parts(world, planned)
    outranked = outranked_now(state.claims.outranked(source), world, record.granted.outranked)
    state.claims.keep_outranked(source, outranked)
    state.leftovers.let_go(source, record.released)
    state.holds.keep(source, planned.plan.held, approved=not_done(session, source, planned.whole or planned.plan))
    back = sorted(set(state.ledger.missing_keys(source)) - set(record.gone))
    state.ledger.see_missing(source, record.missing, back)
    state.holds.let_go(source, record.changed_since)
    shared_numbers.keep_after_push(world, planned, pushed)
    return any(each["key"] in set(record.gone) for each in pushed.rejected)


def _keep_parts(world: World, planned: Planned) -> None:
    """Keep which parts a complete read had, unless one is missing and its deletes wait."""
    end = world.reading.end
    if end.parts and end.proof == "complete" and not any(held.gate == PARTS_GATE for held in planned.plan.held):
        world.state.facts.parts(world.name).set([*end.parts])


def _learn_pushed(session: Session, world: World, planned: Planned) -> None:
    state, source = session.state, world.name
    learn_fields(state, source, world.schema, world.source.rules.mapping)
    # A partial read says nothing of the groups that it does not touch.
    kept = state.claims.merged(source) if world.reading.end.proof == "partial" else {}
    state.claims.keep_merged(source, {**kept, **planned.record.granted.merged})
    if not planned.record.ambiguous:
        learn_loaded(state, source, session.run)


def not_done(session: Session, source: str, plan: Plan) -> Sequence[Held]:
    """Return the approved changes that this run could not make: their approval is not spent."""
    return plan.still_approved(session.state.journal.done_keys(session.run, source)) if plan.opened else ()
