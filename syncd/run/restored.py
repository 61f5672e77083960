"""Finds out what has happened at the target since the backup was made from which the state was restored."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import structlog

from syncd.core.company.evidence import Known, is_same, telling_fields
from syncd.core.company.relink import links
from syncd.core.field_history import called_now, renames
from syncd.core.schema import Schema
from syncd.run.session import Session
from syncd.state.hand.catching_up import CatchingUp

log = structlog.get_logger()


def catch_up(session: Session, schema: Schema) -> None:
    """Read the target's list and make the restored ledger agree with it, before anything is decided by the ledger.

    A contact that is there under its id goes on, whatever was changed of it since. One that is not there, or that is
    another contact now, leaves the ledger: the next run of its source makes or adopts it. Contacts that syncd has made
    since the backup are not known: they are adopted.

    Raises:
        SyncdError: the list could not be read whole; nothing was changed.
    """
    state = session.state
    restored = CatchingUp(state)
    if not restored.is_due():
        return
    if state.read_only:
        # A dry run says what the run would do, and notes nothing.
        state.turn_into_memory()
    remotes = {each.id: each for each in session.target.contacts(partial(session.watcher.reading, "the target"))}
    names = renames(state.facts.field_names.get(), schema)
    known = [replace(each, fields=called_now(each.fields, names)) for each in state.holdings.all_known()]
    there = links(known, remotes, schema, elsewhere=False)
    here = {(each.source, each.key) for each in there}
    gone = [each for each in known if (each.source, each.key) not in here]
    former = [replace(each, fields=called_now(each.fields, names)) for each in restored.former_ids()]
    telling = telling_fields([*known, *former])

    def is_still_left(each: Known) -> bool:
        return each.id in remotes and is_same(each, remotes[each.id], schema, telling)

    left = {each.id for each in former if is_still_left(each)}
    if restored.catch_up(there, gone, still_left=left, ids=remotes):
        session.note_highest(max(remotes, default=0))
        log.info("caught up with a restored state", known=len(known), there=len(there), gone=len(gone))
