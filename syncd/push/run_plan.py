"""Carries out the plan of a run, with the parts of the run that a push needs."""

from __future__ import annotations

from syncd.core.plan import Plan
from syncd.push.result import PushJob, PushResult
from syncd.push.upserts import Push
from syncd.run.company import prove_company
from syncd.run.session import Session
from syncd.target.lookup import Index


def push_plan(session: Session, source: str, plan: Plan, index: Index, *, since: int) -> PushResult:
    """Carry a plan of the source out.

    ``index``: what was seen of the target. ``since``: the newest change of any source that the plan knows of.
    """
    # Another process may have given the state to another company since this run began.
    prove_company(session, index.schema)
    session.note_highest(index.highest)
    job = PushJob(
        session=session,
        source=source,
        schema=index.schema,
        since=since,
        listed=index.highest > 0,
        seen=index.values,
    )
    return Push(job).carry_out(plan)
