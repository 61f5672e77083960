"""Asks the target who has a number now, by one search; nothing of the answer is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.callers.whois import Caller, Whois, holds
from syncd.core.compare import field_changes
from syncd.run.session import Session

FieldChanges = Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Live:
    """A contact that the target has now. ``known``: the caller that it is as far as the ledger knows, or None.

    ``differs``: by field, the value at the target (``old``) and in the ledger (``new``).
    """

    id: int
    fields: Mapping[str, str]
    known: Caller | None
    differs: FieldChanges

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        source, key = (self.known.source, self.known.key) if self.known else (None, None)
        return {"id": self.id, "fields": self.fields, "source": source, "key": key, "differs": self.differs}


def ask(session: Session, found: Whois, phones: frozenset[str]) -> list[Live]:
    """Return the target's contacts that have the number in one of ``phones``, or in any field if none is known.

    Raises:
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    known = {each.id: each for each in found.contacts}
    answer = []
    # A search is a hint: it may find a part of another number.
    for remote in session.target.search(found.number, pages=1):
        fields = {name: value for name, value in remote.fields.items() if value}
        if holds(fields, [found.number], phones or fields):
            caller = known.get(remote.id)
            differs = field_changes(fields, caller.fields, phones) if caller else {}
            answer.append(Live(remote.id, fields, caller, differs))
    return sorted(answer, key=lambda each: each.id)


def missing(found: Whois, answer: Sequence[Live]) -> list[Caller]:
    """Return the callers that the search does not find: they were changed or deleted there, or it is late."""
    there = {each.id for each in answer}
    return [each for each in found.contacts if each.id not in there]
