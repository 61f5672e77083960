"""Whose a contact at the target is: ours, a person's, or unknown. Pure: it gets what was seen and returns a verdict.

The target finds a contact by its match values, so a call of ours may come upon a contact that a person made. A person's
contact is never deleted, so the difference has to be kept. Two things prove that a contact is ours: its id, which no
contact had before the call, and its values, since a contact of ours holds nothing that no call of ours has sent.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self

from syncd.core.change import Call, Fields, Kind
from syncd.core.outcomes import Accepted
from syncd.core.remote import Remote, numbers
from syncd.core.schema import Schema

PATIENCE = 300.0
"""Seconds that a new contact may take to appear in the target's list. Until then, not finding it proves nothing."""

Holder = tuple[str, str]
"""The source and the key of a contact."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A contact at the target that the ledger has.

    ``holders``: the keys that have it, and the keys that moved away from it and whose former contact may still be
    there. ``values``: what it held before a call came upon it; None if that is not known.
    """

    holders: frozenset[Holder]
    values: Fields | None = None


class Owner(Enum):
    """Whose a contact at the target is. ``LEAVING``: ours, and the plan deletes its key."""

    OURS = "ours"
    LEAVING = "leaving"
    PERSON = "person"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """What an earlier change may have left at the target, where no contact of the ledger accounts for it.

    With ``id``: the id that a moved contact had, and in ``match`` its match value then. Without ``id``: a call of
    unknown outcome, marked at ``at`` (Unix seconds), which may have made a contact with the match value ``match`` and
    no other values than ``fields``. Ids up to ``highest_known_id`` existed before the call. ``change``: the number of
    the change in the journal. ``given_up``: when a run gave the call up (Unix seconds), None: it did not.
    """

    change: int
    key: str
    kind: str
    match: str
    id: int | None
    fields: Fields
    highest_known_id: int
    at: float
    given_up: float | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A contact that stands where a call of unknown outcome belongs. ``is_ours``: such a call made it."""

    id: int
    is_ours: bool


def calls_by_match(open_calls: Iterable[OpenCall]) -> dict[str, list[OpenCall]]:
    """Return the calls of unknown outcome by match value; former ids of moved contacts are left out."""
    found: dict[str, list[OpenCall]] = {}
    for each in open_calls:
        if each.id is None:
            found.setdefault(each.match, []).append(each)
    return found


def as_sent(there: Fields, sent: Fields, schema: Schema) -> bool:
    """Whether a contact with the values ``there`` can come from a call that sent the values ``sent``."""
    # A target may leave out, cut and reformat the values that it is sent; it adds none. The match fields are equal
    # by the target's own rules: that is how the contact was found.
    return all(
        _from(value, sent.get(name) or "", phone=name in schema.phones)
        for name, value in there.items()
        if value and name not in schema.match
    )


def _from(there: str, sent: str, *, phone: bool) -> bool:
    if phone:
        return numbers(there) <= numbers(sent)
    return bool(sent) and _plain(sent).startswith(_plain(there))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def explained(there: Fields, sent: Iterable[Fields], schema: Schema) -> bool:
    """Whether one of several calls, which sent the values ``sent``, can have made a contact with the values ``there``.

    If not, the contact is a person's. If so, it is unknown whose it is, until its id tells.
    """
    return any(as_sent(there, fields, schema) for fields in sent)


def whose(there: Remote | None, calls: Sequence[OpenCall], schema: Schema, *, was_ours: bool = False) -> Owner:
    """Decide whose the contact is that has the match value of calls of unknown outcome; UNKNOWN if there is none.

    ``was_ours``: the id was ours before. A target may bring a deleted contact back under its old id.
    """
    if there is None:
        return Owner.UNKNOWN
    # The first call may have made the contact and another call changed it: so id and values may come from two calls.
    new = any(there.id > each.highest_known_id for each in calls)
    made = new and explained(there.fields, (each.fields for each in calls), schema)
    return Owner.OURS if was_ours or made else Owner.PERSON


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a push knows of the target's contacts when it judges an answer.

    ``calls``: calls of unknown outcome by match value. ``persons``: ids of contacts that no call of ours can have made.
    ``highest_known_id``: ids up to it existed before the batch was sent. ``resent``: match values that this push may
    have sent more than once, and whose contacts it looked at in between.
    """

    schema: Schema
    calls: Mapping[str, Sequence[OpenCall]]
    highest_known_id: int
    persons: frozenset[int] = frozenset()
    resent: frozenset[str] = frozenset()

    def sent(self, match: str) -> list[Fields]:
        """Return the values that calls of unknown outcome sent with this match value."""
        return [call.fields for call in self.calls.get(match, ())]

    def seeing(self, persons: Collection[int], resent: Collection[str] = ()) -> Self:
        """Return the evidence after another look at the target."""
        return replace(self, persons=self.persons.union(persons), resent=self.resent.union(resent))

    def whose(self, call: Call, answer: Accepted, *, was_ours: bool) -> Owner:
        """Decide whose the answer's contact was before the call: OURS or PERSON. ``was_ours``: its id was ours."""
        if was_ours or answer.action == "created":
            return Owner.OURS
        change = call.change
        calls = self.calls.get(change.match, ())
        if change.kind == "adopt":
            # By now the contact holds the values of this call. The values that the plan saw tell who made it.
            return whose(Remote(change.id or 0, change.before), calls, self.schema)
        new = any(answer.id > each.highest_known_id for each in calls) or (
            change.match in self.resent and answer.id > self.highest_known_id
        )
        # A contact with an old id was there before every call of ours, so a person made it.
        if not new or answer.id in self.persons:
            return Owner.PERSON
        sent = {*call.payload, *(name for each in calls for name in each.fields)}
        foreign = any(value for name, value in answer.fields.items() if name not in sent)
        return Owner.PERSON if foreign else Owner.OURS


def turned_out(kind: Kind, owner: Owner, answer: Accepted, *, taken_over: bool) -> Kind:
    """Return what a planned change turned out to be: a create may come upon a contact, or an adopt upon none.

    ``owner``: whose the answer's contact was before the call. ``taken_over``: another key has or had the contact.
    """
    if answer.action == "created":
        return "create" if kind == "adopt" else kind
    # A target may take match values for equal that differ, and the list that a plan is made of may be old. Not every
    # plan lists the target: then a key that takes over the contact of another key is planned as a create.
    return "adopt" if kind == "create" and (owner is Owner.PERSON or taken_over) else kind


def whose_met(
    owner: Owner, holders: Mapping[Holder, str], mover: Holder, *, moving: Collection[str], deleted: Collection[str]
) -> Owner:
    """Decide whose the contact is that a moving contact comes upon, and so what happens to its unmapped values.

    Args:
        owner: what :func:`whose` decided.
        holders: who holds the contact in the ledger, and whether as ``created`` or ``adopted``.
        mover: who moves there.
        moving: the keys of the mover's source that move too.
        deleted: the keys of the mover's source that are deleted.

    Returns:
        PERSON also for an adopted contact whose key does not move: it was a person's. UNKNOWN if none of the others
        holds it, or if another source adopted it.
    """
    source = mover[0]
    others = {holder: origin for holder, origin in holders.items() if holder != mover}
    here = {key: origin for (name, key), origin in others.items() if name == source}
    if owner is Owner.PERSON or any(origin == "adopted" for key, origin in here.items() if key not in moving):
        return Owner.PERSON
    # Nothing is deleted that another key claims: the contact of the deleted key becomes the contact of the mover.
    if not here.keys().isdisjoint(deleted):
        return Owner.LEAVING
    sent_again = all(name == source or origin == "created" for (name, _), origin in others.items())
    return Owner.OURS if others and sent_again else Owner.UNKNOWN
