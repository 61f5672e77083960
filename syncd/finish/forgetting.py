"""Brings the target and the state in line with what was forgotten: contacts go, numbers go, and what is kept of them.

The digests stand in their file before anything else is done. So a command that is ended in the middle, and a state
from a backup, are brought in line by the next run of the source, before it reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from syncd.core.callers.form import plain_numbers
from syncd.core.change import Left
from syncd.core.forgetting.changes import Fate, changes_of, fates, sent_phones
from syncd.core.forgetting.traces import Sought
from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.errors import StateBusy, SyncdError
from syncd.finish.callers import keep_callers
from syncd.finish.parting import keep_parting
from syncd.plan.field_history import schema_changed
from syncd.push.result import PushResult
from syncd.push.run_plan import push_plan
from syncd.run.session import Session
from syncd.state import State
from syncd.state.leaving.forgotten import Forgotten
from syncd.state.leaving.leftovers import Leftover
from syncd.target.lookup import Index

log = structlog.get_logger()


@dataclass(slots=True)
class Erasure:
    """What became of one source's part. ``pushed``: of its contacts at the target.

    ``unfinished``: how many contacts could not be erased yet. ``released``: how many contacts were let go with a number
    that their rows have not sent. ``stays``: contacts that syncd had let go before, and
    that stay at the target. ``failure``: what ended it early.
    """

    source: str
    pushed: PushResult = field(default_factory=PushResult)
    unfinished: int = 0
    released: int = 0
    stays: list[Leftover] = field(default_factory=list)
    failure: SyncdError | None = None


def sweep(session: Session, source: str, mapped: Collection[str], schema: Schema) -> None:
    """Erase what a source's state, or the target, has of what was forgotten; the caller holds the source.

    There is nothing to do unless the file or the state was exchanged, or a command was ended in the middle.

    Raises:
        SyncdError: what ended it early; the next run goes on.
    """
    if session.dry_run:
        return
    try:
        _bring_in_line(session, source, mapped, schema)
    finally:
        _clean(session)


def _bring_in_line(session: Session, source: str, mapped: Collection[str], schema: Schema) -> None:
    marks, done = Forgotten(session.settings.state).of(source), session.state.facts.forgotten(source)
    if done.get() == marks.stamp:
        return
    if marks:
        sought = session.state.searching.by_marks(marks, phones_of(session.state, schema))
        if sought:
            log.info("forgetting", source=source, keys=len(sought.keys))
            erasure = erase(session, source, sought, mapped, schema)
            if erasure.failure:
                raise erasure.failure
            if erasure.unfinished:
                return
        # What was kept of rows that no table names.
        session.state.cursors.drop(source)
    if session.state.facts.unreleased(source).get():
        session.state.facts.unreleased(source).set([])
    done.set(marks.stamp)


def _clean(session: Session) -> None:
    """Clean the state's file of what was erased, here or by a command that was ended before it cleaned."""
    if not session.state.erasing.is_unclean():
        return
    try:
        copies, is_clean = session.state.erasing.clean()
    except StateBusy as error:
        # Contacts must not wait for it: room for a second file may be missing for days.
        log.warning("the state file is not clean of what was forgotten; the next run tries again", error=str(error))
        return
    log.info("cleaned", copies=len(copies), clean=is_clean)


def decided(state: State, source: str, sought: Sought, mapped: Collection[str], schema: Schema) -> list[Fate]:
    """Decide what becomes of the contacts of a source at the target; ``mapped``: the fields that its mapping names."""
    holders = state.searching.contacts(source, sought, phones_of(state, schema))
    if schema_changed(state, source, schema, mapped):
        # By the match fields of now nobody knows the contacts yet; the next run sends them without the number.
        holders = [each for each in holders if each.key in sought.keys]
    found = fates(holders, sought, schema, mapped, {})
    wanted = {each.match for each in found if each.after is not None and each.match != each.holder.match}
    taken = state.holdings.by_match(wanted) if wanted else {}
    return fates(holders, sought, schema, mapped, taken) if taken else found


def erase(session: Session, source: str, sought: Sought, mapped: Collection[str], schema: Schema) -> Erasure:
    """Take what is sought from the target, then from the state; the caller holds the source."""
    state, found = session.state, Erasure(source)
    phones = phones_of(session.state, schema)
    keep_parting(state, source, sought.keys)
    # Before the push: a contact that goes for its number takes all that is known of it along.
    sought = state.searching.widened(source, sought, phones)
    decisions = decided(state, source, sought, mapped, schema)
    gone = sought.keys | {each.holder.key for each in decisions if each.after is None}
    changes = changes_of(decisions, schema)
    if not changes.is_empty() or state.searching.unfinished(source, sought, phones):
        # No gate holds it: a person has asked for exactly this. All else of a push holds here too.
        plan = Plan(changes, (), changes.clear())
        index = Index(session.target.contacts, schema, session.target.search)
        found.pushed = push_plan(session, source, plan, index, since=state.journal.newest_change())
        found.failure = found.pushed.failure
    _let_others_have(state, decisions, sought.numbers, phones)
    # What the index has not followed yet holds the fields of before.
    keep_callers(session)
    waiting = state.searching.unfinished(source, Sought(gone, sought.numbers), phones)
    found.unfinished = len(waiting)
    # A contact that goes on only by a number that its row does not send: the next run would delete it with its row.
    released = state.searching.emptied(source, sought.numbers, phones, sent_phones(phones, mapped))
    unreleased = [each.holder.key for each in decisions if each.released and each.holder.key in waiting]
    if unreleased != state.facts.unreleased(source).get():
        state.facts.unreleased(source).set(unreleased)
    state.leftovers.let_go(source, released, Left.FORGOTTEN)
    found.released = len(released)
    found.stays = state.searching.stays(source, gone)
    state.erasing.erase(source, Sought(gone - waiting, sought.numbers), phones)
    return found


def _let_others_have(
    state: State, decisions: Sequence[Fate], forgotten: Collection[str], phones: Collection[str]
) -> None:
    """Let contacts have the numbers that they went without for the sake of a contact that has gone."""
    gone = [each.holder.there for each in decisions if each.after is None]
    numbers = {number for fields in gone for name in phones for number in plain_numbers(fields.get(name, ""))}
    state.shared.ask_those_without(numbers.difference(forgotten))


def phones_of(state: State, schema: Schema) -> frozenset[str]:
    """Return the names of the phone fields, as the target has them, and as earlier runs knew them."""
    return schema.phones | state.history.phone_fields()


def counts_of(erasure: Erasure) -> dict[str, Any]:
    """Return how many contacts went, lost a number, stay with another key, were let go, were refused, or wait."""
    pushed = erasure.pushed
    return {
        "deleted": pushed.counts["delete"],
        "changed": pushed.counts["update"] + pushed.counts["move"],
        "handed_over": pushed.without_call["handed over"],
        "released": erasure.released,
        "rejected": len(pushed.rejected),
        "unfinished": erasure.unfinished,
    }
