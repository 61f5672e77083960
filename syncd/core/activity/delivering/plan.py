"""What is to be done about one call, message or conversation at one sink."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from syncd.core.activity.settling import over_at
from syncd.core.settings.sinks import SinkRules

Do = Literal["create", "update", "associate", "unchanged", "rejected", "waiting", "look", "nothing", "forget", "rest"]
"""``create``, ``update``, ``associate``: what the sink is sent. ``unchanged``, ``rejected``: it is left as it was.
``waiting``: it is not due. ``look``: the sink is asked whether a record is there. ``nothing``: there is no delivery of
it. ``forget``: nor is one noted any more. ``rest``: it stays as it is, and is looked at no more."""

CHANGES = ("create", "update", "associate")

PASSED, SOUGHT = "approved", "approved after a look"
"""In place of a reason: a person approved it, so that no gate holds it again; and the sink is asked first whether it
has the record."""

UNDONE = "undone"
"""The gate that holds what a person has undone."""

APPROVED = (PASSED, SOUGHT)

LEAD = "lead"
"""The kind of a delivery that makes a contact of an unknown caller; its key is the number."""


def lead_name(number: str) -> str:
    """Return how the list of a gate names a number: the state file keeps lists, and a number can be forgotten."""
    return f"{LEAD}:{hashlib.blake2b(number.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Can:
    """What a sink can do, as far as it decides what it is sent: see :class:`syncd.sink.Wants`."""

    updates: bool = True
    idempotent: bool = True
    finds: bool = False
    associates: bool = False

    def rewrites(self, kind: str, rules: SinkRules) -> bool:
        """Return whether a record of this kind is written again when its activity changes."""
        return self.updates and (kind == "message" or (rules.calls is not None and rules.calls.early))


class Before(NamedTuple):
    """What is noted of a delivery: columns of the table. ``is_tried``: fields were sent with an unknown outcome."""

    status: str
    digest: int = 0
    remote_id: str | None = None
    parts: tuple[str, ...] = ()
    attempts: int = 0
    next_try: float = 0.0
    reason: str | None = None
    is_there: bool = False
    is_tried: bool = False


class SinkStanding(NamedTuple):
    """How an activity stands with a sink. ``is_seen``: nothing of it has changed since the last delivery."""

    sink: str
    before: Before | None
    is_seen: bool


class Candidate(NamedTuple):
    """One activity that may have to be delivered.

    ``due``: from when on, in Unix seconds; None: never, as it is now. ``is_kept``: it is here whole: neither left out
    nor removed, with its texts. ``is_wanted``: the sink is to have it. ``digest``: over its fields; None if it was not
    worded, since it has no record. ``contacts``: the sink's ids of its contacts.
    """

    kind: str
    due: float | None
    is_kept: bool = True
    is_wanted: bool = True
    digest: int | None = None
    contacts: tuple[str, ...] = ()
    before: Before | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The contacts that are not associated yet."""
        known = self.before.parts if self.before else ()
        return tuple(each for each in self.contacts if each not in known)


def due_of_call(
    rules: SinkRules,
    can: Can,
    *,
    status: str | None,
    ended: float | None,
    listed: float | None,
    heard: float | None,
    summary_known: bool,
) -> float | None:
    """Return from when on a call is delivered, in Unix seconds; None for an open call, or if the sink gets none.

    ``ended``: when it ended. ``listed``: when a list showed it last; ``heard``: the newest event of a leg.
    """
    if rules.calls is None or status == "open" or ended is None:
        return None
    over = over_at(ended, listed, heard, rules.after)
    # A sink that cannot update gets each call once, so it waits for what comes late.
    if summary_known or can.rewrites("call", rules):
        return over
    return max(over, ended + rules.patience)


def decide(each: Candidate, can: Can, rules: SinkRules, now: float) -> Do:
    """Return what is done about an activity at ``now``, in Unix seconds."""
    before = each.before
    if before is None:
        return _new(each, now) if each.is_kept and each.is_wanted else "nothing"
    # What may have been made of what is gone here stays as it is. Only of a sink that makes no doubles: another one is
    # asked whether the record is there.
    if before.status == "pending" and not before.is_there and not each.is_kept:
        return "rest" if can.idempotent else "nothing"
    # What a person had erased stays away; an undo whose answer was lost is for the next undo.
    if before.status == "erased" or (before.status == "undone" and before.is_there):
        return "nothing"
    if before.is_there:
        return _there(each, before, can, rewrites=can.rewrites(each.kind, rules))
    return _in_doubt(before, can, now) if before.status == "pending" else _absent(each, before, now)


def _absent(each: Candidate, before: Before, now: float) -> Do:
    if not each.is_kept or not each.is_wanted or each.due is None:
        return "forget" if before.status in {"waiting", "held", "undone"} else "nothing"
    if before.status == "rejected" and each.digest == before.digest:
        return "rejected"
    return _new(each, now)


def _new(each: Candidate, now: float) -> Do:
    if each.due is None:
        return "nothing"
    return "create" if each.due <= now else "waiting"


def _in_doubt(before: Before, can: Can, now: float) -> Do:
    """Return what is done about a create of unknown outcome; it is settled whatever the sink is to have now."""
    if can.idempotent:
        return "create"
    return "look" if before.next_try <= now else "nothing"


def _there(each: Candidate, before: Before, can: Can, *, rewrites: bool) -> Do:
    # What the sink has must not lose a text because it was removed here.
    if not each.is_kept:
        return "unchanged"
    lacks = bool(each.missing) and can.associates
    # A lost update may have arrived: it is sent again, also if the activity is as it was before.
    if before.status == "pending" and before.is_tried:
        return "update"
    if not each.is_wanted:
        return "unchanged"
    if before.status == "rejected" and each.digest == before.digest:
        return "rejected"
    if rewrites and each.digest is not None and each.digest != before.digest:
        return "update"
    return "associate" if lacks else "unchanged"
