"""The tables of the state file. A change here needs a migration in ``migrations/versions``."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel


class Contact(SQLModel, table=True):
    """The ledger: what we last sent for a key of a source, and what became of it.

    ``status``: ``accepted`` · ``pending`` (a call was begun, its outcome is unknown) · ``rejected`` (the target refused
    the contact that ``digest`` names). ``fields``: the fields as last accepted, a JSON object. ``returned``: the
    fields as the target answered them, if they differ. ``remote_id``: the target's id, where known. ``origin``:
    ``created`` or ``adopted``. ``raw``: the digest of the source's row that the accepted contact was made of, where
    such a row needs no second look. ``missing_since``: when its absence from a proved read was first seen.
    Times are Unix seconds.
    """

    __tablename__: ClassVar[str] = "contact"
    __table_args__ = (
        Index("contact_remote_id", "remote_id"),
        Index("contact_open", "source", "key", sqlite_where=text("status <> 'accepted'")),
        {"sqlite_with_rowid": False},
    )

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: int
    status: str
    remote_id: int | None = None
    origin: str
    match: str
    fields: str
    returned: str | None = None
    reason: str | None = None
    raw: int | None = None
    missing_since: float | None = None
    created_at: float
    updated_at: float


class Outranked(SQLModel, table=True):
    """A contact that is not sent since another contact has the match value that it wants."""

    __tablename__: ClassVar[str] = "outranked"

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    wants: str


class Merged(SQLModel, table=True):
    """A key whose numbers the contact with the match value ``merged_into`` may hold at the target."""

    __tablename__: ClassVar[str] = "merged"

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    merged_into: str = Field(primary_key=True)


class Change(SQLModel, table=True):
    """The journal and the history: one row for each change that was begun.

    ``outcome``: ``pending`` (marked; what became of it is unknown) · ``moved`` (accepted, and the id ``old_id`` it had
    before may have to be deleted) · ``accepted`` · ``refused`` · ``superseded`` (a later call settled it). ``before``
    and ``after``: JSON objects of fields, or null. ``old_match``: the match value before, if it was another one.
    ``horizon``: the highest id known at the target when it was marked.
    """

    __tablename__: ClassVar[str] = "change"
    __table_args__ = (
        Index("change_key", "source", "key"),
        Index("change_open", "source", "key", sqlite_where=text("outcome IN ('pending', 'moved')")),
        Index("change_at", "at"),
        Index("change_old_id", "old_id", sqlite_where=text("old_id IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    run: str
    source: str
    key: str
    kind: str
    old_id: int | None = None
    new_id: int | None = None
    match: str
    old_match: str | None = None
    digest: int | None = None
    before: str | None = None
    after: str | None = None
    horizon: int = 0
    outcome: str
    reason: str | None = None
    at: float


class Deletion(SQLModel, table=True):
    """An id at the target that a call is deleting, or was a while ago; ``match``: what it was known by.

    ``ended``: the newest change when the call ended. A change up to that was marked while it was under way.
    """

    __tablename__: ClassVar[str] = "deletion"
    __table_args__ = (
        Index("deletion_remote_id", "remote_id"),
        Index("deletion_open", "source", sqlite_where=text("ended IS NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    remote_id: int
    source: str
    match: str
    begun: float
    ended: int | None = None


class Run(SQLModel, table=True):
    """One run of one source; ``report`` is its part of ``syncd run --json``, without the list of changes.

    ``kind``: ``run`` · ``undo`` (of the changes of the run that ``undoes`` names) · ``repair`` (of what differs there).
    ``requests``: those sent, while it is under way as far as noted; ``planned``: those that its plan takes.
    """

    __tablename__: ClassVar[str] = "run"
    __table_args__ = (Index("run_started", "source", "started"),)

    run: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    started: float
    ended: float | None = None
    outcome: str
    exit: int | None = None
    requests: int = 0
    planned: int | None = None
    config: str
    report: str | None = None
    kind: str = "run"
    undoes: str | None = None


class Undone(SQLModel, table=True):
    """What a source asked for when it was undone: the contact with ``digest``, or (null) that it be gone.

    As long as the source asks for just that, it is held back. ``run``: the one that undid it.
    """

    __tablename__: ClassVar[str] = "undone"

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: int | None = None
    run: str
    at: float


class Hold(SQLModel, table=True):
    """What a gate holds; ``digest`` names exactly that list. ``approved``: when a person allowed it, once."""

    __tablename__: ClassVar[str] = "hold"

    source: str = Field(primary_key=True)
    gate: str = Field(primary_key=True)
    kind: str
    digest: str
    count: int
    keys: str
    detail: str
    since: float
    approved: float | None = None


class Cursor(SQLModel, table=True):
    """Where the next read of a source begins. It holds only for the ``context`` it was saved in (mapping, schema)."""

    __tablename__: ClassVar[str] = "cursor"

    source: str = Field(primary_key=True)
    value: str
    context: str
    standing: str
    saved: float


class Request(SQLModel, table=True):
    """A place taken in the key's request windows, or (``pause``) a moment until which the key must wait.

    ``late``: how many seconds after ``at`` its request was answered.
    """

    __tablename__: ClassVar[str] = "request"
    __table_args__ = (Index("request_at", "pause", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    at: float
    pause: int = 0
    late: float | None = None


class Lease(SQLModel, table=True):
    """Which process runs a source, until when."""

    __tablename__: ClassVar[str] = "lease"

    source: str = Field(primary_key=True)
    owner: str
    since: float
    expires: float


class Fact(SQLModel, table=True):
    """What was learned of the target: its address, its match fields, how it treats unmentioned fields."""

    __tablename__: ClassVar[str] = "fact"

    name: str = Field(primary_key=True)
    value: str


class AlarmRow(SQLModel, table=True):
    """An alarm that stands, and since when."""

    __tablename__: ClassVar[str] = "alarm"

    source: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    text: str
    since: float


class NoticeRow(SQLModel, table=True):
    """Something to tell. ``left``: to whom still, a JSON list; null: to all. ``tried``: when that was tried last."""

    __tablename__: ClassVar[str] = "notice"

    id: int | None = Field(default=None, primary_key=True)
    at: float
    event: str
    source: str
    kind: str
    text: str
    left: str | None = None
    tried: float | None = None
