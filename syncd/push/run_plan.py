"""Carries out the plan of a run, with the parts of the run that a push needs."""

from __future__ import annotations

from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.push.result import PushJob, PushResult
from syncd.push.upserts import Push
from syncd.run.company import prove_company
from syncd.run.session import Session


def push_plan(session: Session, source: str, plan: Plan, schema: Schema, *, highest: int, since: int) -> PushResult:
    """Carry a plan of the source out.

    ``highest``: the highest id that was seen at the target, 0 if none was. ``since``: the newest change of any source
    that the plan knows of.
    """
    # Another process may have given the state to another company since this run began.
    prove_company(session, schema)
    session.note_highest(highest)
    job = PushJob(session=session, source=source, schema=schema, since=since, listed=highest > 0)
    return Push(job).carry_out(plan)
