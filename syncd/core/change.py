"""One change of a contact, the call that makes it, and the words for what became of contacts, changes and calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

Fields = Mapping[str, str]
"""A contact's values by the name of the field."""

NO_FIELDS: Fields = MappingProxyType({})

Kind = Literal["create", "adopt", "update", "move", "delete"]
KINDS: tuple[Kind, ...] = ("create", "adopt", "update", "move", "delete")

Semantics = Literal["merge", "replace"]
"""What an update does to fields that it does not mention: it keeps their values, or empties them."""


# The state file holds these words as text, and SQL statements spell them out: a new word needs no migration, but a
# changed word does.
class Status(StrEnum):
    """What the ledger says of a contact: the target holds it, a call is unknown, or the target refused it."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


class ChangeOutcome(StrEnum):
    """What the journal says of a change.

    ``MOVED``: accepted, and the contact's former id may have to be deleted. ``SUPERSEDED``: a later call settled it.
    ``LEFT``: a move that was accepted, or a delete without a call: the contact stays at the target. ``HANDED_OVER``: a
    delete without a call, since another key has the contact. ``NOT_FOUND``: a delete without a call, since the target
    has no contact of the key.
    """

    PENDING = "pending"
    MOVED = "moved"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    LEFT = "left"
    HANDED_OVER = "handed over"
    NOT_FOUND = "not found"


class Left(StrEnum):
    """Why syncd no longer looks after a contact that may be at the target.

    ``ADOPTED``: it was there before syncd. ``FOREIGN``: a call of unknown outcome may have made it, and it holds what
    no such call has sent. ``UNCONFIGURED``: only a source that is not configured has a claim on it. ``GIVEN_UP``: a
    call of unknown outcome may still make it; no contact of the call was found. ``FORGOTTEN``: all numbers of its row
    were forgotten, and it has another one, which its row has not sent.
    """

    ADOPTED = "adopted"
    FOREIGN = "foreign"
    UNCONFIGURED = "unconfigured"
    GIVEN_UP = "given up"
    FORGOTTEN = "forgotten"


class CallOutcome(StrEnum):
    """What the answer to a call proves of one change.

    ``CASE_TWIN``: the target took the contact for another contact, whose match value differs only in case.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    CASE_TWIN = "case twin"
    UNKNOWN = "unknown"


# Tuples, since a push makes one of each for every contact, and a frozen dataclass takes three times as long to make.
class Change(NamedTuple):
    """One change of a plan.

    ``id``: the target's id, if it is known. ``match`` and ``old_match``: the match value that the contact gets and the
    match value that it has. ``digest``: of the contact; None for a delete. ``raw``: of the source's row, if such a row
    needs no second look once it is accepted. ``line`` and ``origin``: where the row stands in its source. ``before``:
    the values at the target, {} if none is known. ``after``: the values to send, without fields that are left alone;
    None for a delete. ``spares``: of a move: the contact that has the id now stays at the target; of a delete: another
    key gets the contact.
    """

    kind: Kind
    key: str
    id: int | None
    match: str
    digest: int | None
    raw: int | None
    old_match: str | None
    why: str | None
    line: int | None
    origin: int | None
    before: Fields
    after: Fields | None
    spares: bool | None = False

    def place(self, origins: Sequence[str]) -> str | None:
        """Return where the row stands, as ``tenants.csv:12``; None if no row makes the change, or if it is not known.

        ``origins``: the names of the origins.
        """
        return f"{origins[self.origin]}:{self.line}" if origins and self.line and self.origin is not None else None

    @property
    def fields(self) -> Fields:
        """The values to send; {} for a delete."""
        return self.after or {}


class CarriedOut(NamedTuple):
    """What a change turned out to be. ``before``: the values of the contact until then; None if they are not known."""

    kind: Kind
    before: Fields | None = None


class Call(NamedTuple):
    """One row of a request: the change and the fields that are sent for it.

    ``expected``: values at the target that the change does not mention and that it should keep.
    """

    change: Change
    payload: Fields
    expected: Fields = NO_FIELDS


def unmentioned(change: Change, names: Collection[str]) -> dict[str, str]:
    """Return the known values at the target of those fields (``names``) that the change does not mention."""
    rest = set(names).difference(change.fields)
    return {name: value for name, value in change.before.items() if value and name in rest}
