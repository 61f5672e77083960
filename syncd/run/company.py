"""Makes sure that the target is the company whose contacts the state holds, before anything is sent to it.

As long as address, key and fields are those of the last run, this costs no request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

import structlog

from syncd.core.company.evidence import HANDFUL, Known, proved, searches, telling_fields
from syncd.core.company.identity import FIELDS, Company, fingerprint, news, numbers_of, refusal
from syncd.core.field_history import called_now, renames
from syncd.core.schema import Schema, problems_with
from syncd.errors import OtherCompany
from syncd.run.session import Session
from syncd.state import State

log = structlog.get_logger()


def prove_company(session: Session, schema: Schema) -> None:
    """Prove that the target is the state's company if address, key or fields are new, and note it.

    A state without contacts belongs to the company of its next run.

    Raises:
        OtherCompany: none of the contacts that were looked for is there; nothing was changed.
        SyncdError: it could not be found out; nothing was changed.
    """
    state = session.state
    # A dry run notes nothing, and need not ask again for each source.
    known = session.proved if state.read_only and session.proved else known_company(state)
    now = company_now(session, schema, salt=known.salt if known else "")
    new = news(known, now)
    # With fields that no push can use, the run ends in any case, and says what is wrong with them.
    if not new or (new == [FIELDS] and problems_with(schema)):
        return
    if state.holdings.any_with_id():
        if missed := _look_for(session, schema):
            raise OtherCompany(refusal(str(state.path), now.address, new, missed))
        log.info("same company", new=new)
    note_company(session, now)


def known_company(state: State) -> Company | None:
    """Return the company that the state belongs to, None for a state that was never used."""
    address = state.facts.target_address.get()
    return state.facts.company.get() or (Company(address) if address is not None else None)


def company_now(session: Session, schema: Schema, salt: str = "") -> Company:
    """Return the identity of the company that the configuration names; without a ``salt`` it gets a new one."""
    target = session.settings.target
    salt = salt or secrets.token_hex(16)
    return Company(target.base_url, fingerprint(target.api_key.reveal(), salt), salt, numbers_of(schema))


def note_company(session: Session, company: Company) -> None:
    """Note that the state belongs to this company from now on; a dry run notes nothing."""
    session.proved = company = replace(company, proved_at=session.clock())
    if not session.state.read_only:
        with session.state.write():
            session.state.facts.company.set(company)
            session.state.facts.target_address.set(company.address)


def _look_for(session: Session, schema: Schema) -> int:
    """Look for known contacts at the target; return 0 if one is there, else how many were looked for."""
    holdings = session.state.holdings
    contacts, is_whole = session.target.first_page()
    # One request shows up to 500 contacts, so nearly always it is enough.
    page = {each.id: each for each in contacts}
    chosen = _called_now(session.state, schema, holdings.spread(HANDFUL))
    known = _called_now(session.state, schema, holdings.known_among(page))
    telling = telling_fields([*chosen, *known])
    if proved(known, page, schema, telling):
        return 0
    # People may have deleted or edited one contact or another, so several are asked for before the answer is no.
    for each, text in [] if is_whole else searches(chosen, schema):
        session.halt_if_asked()
        found = {remote.id: remote for remote in session.target.search(text, pages=1)}
        if proved([each], found, schema, telling):
            return 0
    return len(chosen)


def _called_now(state: State, schema: Schema, known: Iterable[Known]) -> list[Known]:
    names = renames(state.facts.field_names.get(), schema)
    return [replace(each, fields=called_now(each.fields, names)) for each in known]
