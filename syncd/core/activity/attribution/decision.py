"""What was decided of one call or message."""

from __future__ import annotations

from typing import Literal, NamedTuple

from syncd.core.activity.observations import Kind

Outcome = Literal["matched", "shared", "unknown", "internal", "withheld", "person"]
"""``person``: somebody said whose it is; no program changes that."""

AsOf = Literal["call", "now", "late"]
"""Whose the number was: when the call began; now, since the history does not go back so far; only later."""

Contact = tuple[str, str]
"""A source and a key in it."""


class Decision(NamedTuple):
    """Whose the activity ``kind``, ``id`` is.

    ``number``: its number, as digits; None if it is withheld. ``contacts``: whose it is; one person may be a contact of
    several sources. ``candidates``: all contacts that had the number. ``reason``: why, in words without names and
    numbers.
    """

    kind: Kind
    id: str
    outcome: Outcome
    number: str | None = None
    contacts: tuple[Contact, ...] = ()
    candidates: tuple[Contact, ...] = ()
    as_of: AsOf | None = None
    reason: str = ""


def without(decision: Decision, contact: Contact) -> Decision:
    """Return what is left of a decision if a contact was forgotten: nobody's, if it was the only one."""
    contacts, candidates = (
        tuple(each for each in of if each != contact) for of in (decision.contacts, decision.candidates)
    )
    found = decision._replace(contacts=contacts, candidates=candidates)
    if contacts == decision.contacts:
        return found
    if not contacts:
        return found._replace(outcome="unknown", as_of=None, reason="")
    return found._replace(outcome="matched") if len(contacts) == 1 and decision.outcome == "shared" else found


def stands(before: Decision, after: Decision, *, again: bool = False) -> bool:
    """Return whether ``before`` stays, though ``after`` is what would be decided now.

    ``again``: a person asked to decide anew. Then another contact may take its place, but not nobody: who is not known
    any more may only have been lost here.
    """
    if before.outcome == "person":
        return True
    found = before.outcome in {"matched", "shared"} and before.number == after.number
    if found and after.outcome != "internal":
        return not again or after.outcome not in {"matched", "shared"} or _same(before, after)
    return _same(before, after)


def _same(before: Decision, after: Decision) -> bool:
    said = ("outcome", "number", "contacts", "as_of")
    return all(getattr(before, name) == getattr(after, name) for name in said)
