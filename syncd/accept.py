"""Gives a state file to the company of the configured key: the same company, emptied or restored from a backup.

The contacts of the ledger are looked for in the company's list. A contact that is there is known by the id that it has
now; every other one is forgotten, so that the next run makes it anew. Nothing is sent but GETs.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from syncd.core.company.identity import Company
from syncd.core.company.relink import links
from syncd.core.schema import problems_with
from syncd.errors import SchemaError
from syncd.plan.field_history import learn_match
from syncd.run.company import company_now, known_company, note_company
from syncd.run.session import Session

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """``company``: whose the state is now. ``known``: contacts that the ledger had; ``found``: of these, still there.

    ``moved``: of these, under another id. ``there``: all contacts of the company.
    """

    company: Company
    known: int
    found: int
    moved: int
    there: int


def accept(session: Session) -> Accepted:
    """Make the state the state of the company that the target is, and forget what is not there.

    Raises:
        SourceBusy: a run holds a source.
        SchemaError: the company's fields allow no push.
        SyncdError: the list could not be read; nothing was changed.
    """
    state = session.state
    with ExitStack() as leases:
        for name in session.settings.sources:
            leases.enter_context(session.leased(name))
        schema = session.target.fields()
        if problems := problems_with(schema):
            raise SchemaError("\n".join(problems))
        remotes = {each.id: each for each in session.target.contacts()}
        known = state.holdings.all_known()
        found = links(known, remotes, schema)
        before = {(each.source, each.key): each.id for each in known}
        moved = sum(before[each.source, each.key] != each.id for each in found)
        former = known_company(state)
        company = company_now(session, schema, salt=former.salt if former else "")
        session.leases.check()
        # At once, or a killed command would leave the ids of one company under the name of another one.
        with state.write():
            state.holdings.relink(found)
            state.facts.highest_id.set(max(remotes, default=0))
            for name in session.settings.sources:
                learn_match(state, name, schema)
            note_company(session, company)
    log.info("company accepted", known=len(known), found=len(found), moved=moved)
    return Accepted(session.proved or company, len(known), len(found), moved, len(remotes))
