"""Keeps contacts in the ledger that were forgotten and that the target still has: only the ledger knows their ids."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.schema import Schema
from syncd.core.wording import counted
from syncd.errors import StateError
from syncd.state.database import Database
from syncd.state.facts import Facts
from syncd.state.history import History
from syncd.state.leaving.forgotten import Forgotten
from syncd.state.leaving.searching import Searching


def require_finished(database: Database, sources: Iterable[str]) -> None:
    """Refuse to let go of the ledger of these sources while what was forgotten of them may be at the target.

    Raises:
        StateError: it may be; the next run of the source deletes it there.
    """
    forgotten, facts, searching = Forgotten(database.path), Facts(database), Searching(database)
    for source in sources if forgotten else ():
        marks = forgotten.of(source)
        if facts.forgotten(source).get() == marks.stamp:
            continue
        # A source whose first run has not ended has no fields of its own.
        phones = History(database).phone_fields() | Schema.of_description(facts.seen_fields.get()).phones
        left = searching.unfinished(source, searching.by_marks(marks, phones), phones)
        if left:
            raise StateError(
                f"{source}: {counted(len(left), 'contact')} to be forgotten may still be at the target, and without "
                f"the ledger of now nothing would delete or change it there: run syncd run {source} first, or the same "
                "syncd forget again"
            )
