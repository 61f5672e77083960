"""Keeps who holds which number, at the end of everything that changes contacts."""

from __future__ import annotations

from syncd.plan.field_history import phones_ever
from syncd.run.session import Session


def keep_callers(session: Session) -> None:
    """Bring the index of numbers up to date. If nothing has changed, this costs one look.

    Raises:
        StateError: the state cannot be written.
    """
    state, schema = session.state, session.schema
    phones = phones_ever(state, schema)
    if session.dry_run or not phones:
        return
    named = session.settings.target.display
    state.holders.refresh(phones, display=schema.display(named) if schema else named, run=session.run)
