"""Why an activity is, or is not, a contact's: of each contact that has or had its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from syncd.core.activity.attribution.deciding import Rules
from syncd.core.activity.attribution.decision import Decision

DAY = 86_400.0

BY_HAND = "a person said whose it is"
NEXT = "the next run decides it"
STAYS = "it was decided before, and stays"


class Candidate(NamedTuple):
    """A contact that has or had the number from ``since`` to ``until`` (Unix seconds).

    ``since`` is None for as long as is known, ``until`` if it still has it. ``chosen``: whether the activity is the
    contact's. ``why``: why, or why not.
    """

    source: str
    key: str
    since: float | None
    until: float | None
    chosen: bool
    why: str


def candidates(
    periods: Iterable[Mapping[str, Any]], decision: Decision | None, at: float, rules: Rules
) -> Iterator[Candidate]:
    """Yield each contact of the activity's number, in the order of ``periods``.

    ``periods``: the rows of the number (:data:`syncd.core.activity.attribution.periods.PERIODS`). ``decision``: what is
    stored; None if nothing is yet. ``at``: when the activity was, in Unix seconds.
    """
    rows = [*periods]
    somebody = at >= rules.horizon and any(_then(row, at) for row in rows)
    fails = [_fails(row, at, rules, somebody=somebody) for row in rows]
    # A contact may have had the number twice: then the period counts in which the activity was.
    fitting = {_contact(row) for row, why in zip(rows, fails, strict=True) if why is None}
    chosen = [*decision.contacts] if decision else []
    for row, why in zip(rows, fails, strict=True):
        contact = _contact(row)
        is_chosen = contact in chosen and (why is None or contact not in fitting)
        said = _why(decision, why) if is_chosen else why or _why_not(decision, at, rules)
        yield Candidate(*contact, row["since"], row["until"], is_chosen, said)
    known = {_contact(row) for row in rows}
    for source, key in chosen:
        if (source, key) not in known:
            yield Candidate(source, key, since=None, until=None, chosen=True, why=_why(decision, STAYS))


def _contact(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["source"], row["key"]


def _then(row: Mapping[str, Any], at: float) -> bool:
    since, until = row["since"], row["until"]
    return (since is None or since <= at) and (until is None or at < until)


def _fails(row: Mapping[str, Any], at: float, rules: Rules, *, somebody: bool) -> str | None:
    """Return why a contact does not count; None if it does. ``somebody``: a contact had the number then."""
    since, is_there = row["since"], row["there"]
    if at < rules.horizon:
        return None if is_there else "it has not the number now, and the history does not go back so far"
    if _then(row, at):
        return None
    if since is None or since <= at:
        return "it had lost the number before"
    if somebody or not is_there:
        other = "another contact had it then" if is_there else "lost it again"
        return f"it got the number later, and {other}"
    days = f"{rules.late / DAY:g} days"
    return f"it got the number more than {days} later (activity.attribute.late)" if since - at > rules.late else None


def _why(decision: Decision | None, fails: str | None) -> str:
    if decision is None or decision.outcome == "person":
        return BY_HAND
    return STAYS if fails else decision.reason


def _why_not(decision: Decision | None, at: float, rules: Rules) -> str:
    if decision is None:
        return NEXT
    if decision.outcome == "person":
        return BY_HAND
    if decision.outcome == "matched":
        return STAYS
    if decision.outcome == "unknown":
        return NEXT if at >= rules.now - rules.late else "the activity is older than activity.attribute.late"
    return decision.reason
