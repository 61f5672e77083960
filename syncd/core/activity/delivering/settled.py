"""What becomes of a delivery once the sink has answered, or has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from syncd.core.activity.delivering.plan import Before, Can
from syncd.core.activity.sent import compacted

LOOKS = (60.0, 300.0, 900.0)
"""Seconds after a call of unknown outcome at which a sink is asked whether the record is there: it may show it late."""

FIRST_PAUSE, LAST_PAUSE = 60.0, 1_800.0
"""Seconds until what a sink did not answer for is sent again: the first number, doubled each time, up to the second."""

DOUBT = "activity.doubt"
"""The gate that holds what was sent with an unknown outcome and was not found."""


def shown_by(lost: float) -> float:
    """Return when a sink shows all that it was sent up to ``lost``; both in Unix seconds."""
    return lost + LOOKS[-1]


class Said(Protocol):
    """What a sink says of one item: see :class:`syncd.sink.Outcome`."""

    @property
    def status(self) -> str: ...
    @property
    def remote_id(self) -> str | None: ...
    @property
    def contacts(self) -> Sequence[str]: ...
    @property
    def kept(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def reason(self) -> str: ...
    @property
    def was_there(self) -> bool: ...
    @property
    def stored(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an item of which the sink says nothing. ``status``: ``unknown``, as long as nothing is."""

    status: str = "unknown"
    remote_id: str | None = None
    contacts: Sequence[str] = ()
    kept: Sequence[str] = ()
    missing: Sequence[str] = ()
    reason: str = ""
    was_there: bool = False
    stored: Mapping[str, Any] = field(default_factory=dict)


class Sent(NamedTuple):
    """An item that was sent. ``fields``: compacted. ``accepted_fields``, ``accepted_digest``: as they were before."""

    change: str
    digest: int
    fields: Mapping[str, Any]
    contacts: Sequence[str]
    before: Before | None
    remote_id: str | None = None
    accepted_fields: Mapping[str, Any] | None = None
    accepted_digest: int = 0


class Settled(NamedTuple):
    """The columns of a delivery that an answer changes."""

    status: str
    digest: int
    fields: Mapping[str, Any]
    tried: Mapping[str, Any] | None
    remote_id: str | None
    parts: Sequence[str]
    attempts: int
    next_try: float
    reason: str | None
    created: str | None


def settle(sent: Sent, answer: Said, can: Can, now: float, *, run: str, created: str | None) -> Settled:
    """Return what is noted of a delivery after its call at ``now``. ``created``: which run had made its record."""
    if answer.status == "accepted":
        return _accepted(sent, answer, now, run=run, created=created)
    before = sent.before or Before("waiting")
    remote_id = answer.remote_id or sent.remote_id
    if answer.status == "rejected":
        return Settled(
            status="rejected",
            digest=sent.digest,
            fields=sent.accepted_fields or {},
            tried=None,
            remote_id=remote_id,
            parts=before.parts,
            attempts=0,
            next_try=0.0,
            reason=answer.reason or "refused",
            created=created,
        )
    made = created if created is not None else run if remote_id else None
    is_open = can.idempotent or made is not None
    held = not is_open and not can.finds
    return Settled(
        status="held" if held else "pending",
        digest=sent.accepted_digest,
        fields=sent.accepted_fields or {},
        tried=sent.fields if sent.change != "associate" else None,
        remote_id=remote_id,
        parts=before.parts,
        attempts=before.attempts + 1,
        next_try=now + (pause_after(before.attempts) if is_open else LOOKS[0]),
        reason=DOUBT if held else before.reason,
        created=made,
    )


def _accepted(sent: Sent, answer: Said, now: float, *, run: str, created: str | None) -> Settled:
    before = sent.before or Before("waiting")
    parts: Sequence[str] = ()
    if before.parts or answer.contacts:
        parts = list(dict.fromkeys([*before.parts, *answer.contacts]))
    # A partial association is completed by the next run; what the sink does not have is not waited for.
    lacks = [each for each in sent.contacts if each not in parts and each not in answer.missing]
    # The sink's own form of a value is what it holds: it must not pass for a person's change.
    fields: Mapping[str, Any] = {**sent.fields, **compacted(answer.stored)} if answer.stored else sent.fields
    digest = sent.digest
    if sent.change == "associate":
        fields, digest = sent.accepted_fields or {}, sent.accepted_digest
    elif answer.kept and sent.accepted_fields:
        # A field that a person changed stays theirs: what we sent last is what the next run compares with.
        left = {name: sent.accepted_fields[name] for name in answer.kept if name in sent.accepted_fields}
        fields = {**fields, **left}
    if created is None:
        created = "" if answer.was_there and before.attempts == 0 else run
    return Settled(
        status="pending" if lacks else "accepted",
        digest=digest,
        fields=fields,
        tried=None,
        remote_id=answer.remote_id or sent.remote_id,
        parts=parts,
        attempts=before.attempts + 1 if lacks else 0,
        next_try=now + pause_after(before.attempts) if lacks else 0.0,
        reason=None,
        created=created,
    )


def pause_after(attempts: int) -> float:
    """Return the seconds until something is sent again, after so many attempts before the last one."""
    return min(LAST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts, 10))


def next_look(attempts: int, at: float) -> float | None:
    """Return when the sink is asked next after ``attempts`` tries and looks; None: no more, a person decides.

    ``at``: when the call was made, in Unix seconds.
    """
    return at + LOOKS[attempts] if attempts < len(LOOKS) else None
