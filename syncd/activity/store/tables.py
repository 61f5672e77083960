"""The tables of the activity store as they are now: each public class is the table of its name in small letters.

Times are Unix seconds, durations seconds, days dates (``2026-03-10``). An activity's key is a call's id, or
``channel:id`` of a message. No program writes through these classes: the tests compare them with the tables that
``migrations/versions`` make, so a change here needs a migration there.
"""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# Several processes write: the receiver adds events by plain SQL, so a new column of ``event`` needs a default.


class Table(SQLModel, registry=registry()):
    """A table of this file, and not of the state file."""


class _Activity(Table):
    """What is stored of every call and message.

    ``row``: the digest of the list's row, null if no list has shown it. ``listed_rows``: how many rows the list has of
    it. ``listed_at``: the newest list that showed it. ``day``: the server's day. ``missing_since``: when a reading of
    that day first lacked it. ``first_seen``, ``first_by``: when and how it came first, by ``webhook`` or ``list``.
    ``changed``: when this row was last written. ``revision``: the store's count of changes when what is shown changed.
    ``digest``: of what is shown. ``left_out``: 1 if ``only`` keeps nothing of it, 2 if it was removed as old.
    ``text_dropped``: when its texts were removed; they do not come back. ``state``: all that was said of it.
    """

    row: int | None = None
    listed_rows: int = 0
    listed_at: float | None = None
    day: str | None = None
    missing_since: float | None = None
    first_seen: float
    first_by: str
    changed: float
    revision: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    digest: int = 0
    left_out: int = 0
    text_dropped: float | None = None
    state: bytes | None = None


class Event(Table, table=True):
    """A delivery as it was received.

    ``id``, ``type``, ``at``: its own. ``signed_at``: the time of its signature. ``received``: when it came.
    ``origin``: ``webhook`` · ``failures`` · ``replay``. ``raw``: its bytes, zlib; null once they were dropped.
    ``content``: the digest that two deliveries of one event share. ``subject``: the id of the call or the message.
    ``processed``: when it was merged. ``outcome``: ``new`` · ``known`` · ``stale`` · ``ignored`` · ``malformed``.
    """

    __table_args__ = (
        Index("event_content", "content"),
        Index("event_subject", "subject"),
        Index("event_received", "received"),
        Index("event_open", "received", sqlite_where=text("processed IS NULL")),
    )

    id: str = Field(primary_key=True)
    type: str
    at: float | None = None
    signed_at: float | None = None
    received: float
    origin: str
    raw: bytes | None = None
    content: str
    subject: str | None = None
    processed: float | None = None
    outcome: str


class Call(_Activity, table=True):
    """A call.

    ``direction``: ``incoming`` · ``outgoing`` · ``internal``. ``remote``, ``own``: digits. ``extension``: who spoke, or
    who was called. ``answered``: when. ``talk``: seconds in answered segments. ``status``: ``answered`` · ``missed`` ·
    ``open``; ``outcome``: in the list's words. ``settled_at``: from when on nothing more of it is waited for.
    ``summary``: 1 if it has, or had, a summary. ``segments``: its parts, JSON, each a list: its place ``n``,
    from 1, type, name, extension, begin, end, duration, whether it was answered, and the id of its recording.
    """

    __table_args__ = (
        Index("call_started", "started"),
        Index("call_day", "day"),
        Index("call_remote", "remote"),
        Index("call_open", "started", sqlite_where=text("status = 'open'")),
        Index("call_revision", "revision"),
    )

    call_id: str = Field(primary_key=True)
    direction: str | None = None
    remote: str | None = None
    remote_name: str | None = None
    own: str | None = None
    extension: str | None = None
    extension_name: str | None = None
    started: float | None = None
    answered: float | None = None
    ended: float | None = None
    duration: float | None = None
    talk: float | None = None
    status: str | None = None
    outcome: str | None = None
    settled_at: float | None = None
    summary: int = 0
    segments: str | None = None


class Message(_Activity, table=True):
    """A message. ``remote``, ``own``: digits. ``status_at``: since when it has its status. Its body is in ``text``."""

    __table_args__ = (
        Index("message_sent", "sent"),
        Index("message_day", "day"),
        Index("message_remote", "remote"),
        Index("message_id", "message_id"),
        Index("message_revision", "revision"),
    )

    channel: str = Field(primary_key=True)
    message_id: str = Field(primary_key=True)
    direction: str | None = None
    remote: str | None = None
    own: str | None = None
    status: str | None = None
    status_at: float | None = None
    sent: float | None = None


class Media(Table, table=True):
    """A recording or an attachment; addresses are not stored.

    ``kind``: ``recording`` · ``attachment``. ``owner``: ``call:ID`` or ``message:CHANNEL:ID``; ``n``: the segment, or
    the place among the attachments, from 1. ``state``: ``wanted`` · ``fetching`` · ``kept`` · ``gone`` · ``refused`` ·
    ``expired`` · ``erased``. ``path``, ``sha256``: of the file. ``attempts``, ``next_try``: of fetching it.
    ``fetched``: when it was. ``reason``: why it is not there. ``at``: when the call began or the message was sent.
    """

    __table_args__ = (
        Index("media_owner", "owner"),
        Index("media_state", "state", "kind", "at"),
    )

    media_id: str = Field(primary_key=True)
    kind: str
    owner: str
    n: int
    at: float | None = None
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None
    duration: float | None = None
    state: str
    path: str | None = None
    sha256: str | None = None
    attempts: int = 0
    next_try: float = 0.0
    fetched: float | None = None
    reason: str | None = None


class Text(Table, table=True):
    """The texts of an activity.

    ``kind``: ``call`` · ``message``; ``id``: its key. ``what``: ``summary`` · ``transcription`` · ``body``. ``words``:
    each text with its place in the call, and whether it is shown; JSON, zlib.
    """

    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    words: bytes


class Day(Table, table=True):
    """A day of a list, the unit of proof.

    ``total``: how many the server counts; ``pages``: how many it has. ``read_at``, ``proved_at``, ``changed_at``: when
    it was last read, proved, and found to differ. ``digest``: over ids and digests of rows. ``state``: ``open`` ·
    ``read`` · ``proved`` · ``changed``. ``by_webhook``: how many came first by an event.
    """

    kind: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    total: int | None = None
    pages: int | None = None
    read_at: float | None = None
    proved_at: float | None = None
    digest: str | None = None
    state: str
    changed_at: float | None = None
    by_webhook: int = 0


class Listed(Table, table=True):
    """That a window of a list had an activity, by its key."""

    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: str = Field(primary_key=True)
    window: str = Field(primary_key=True)
    id: str = Field(primary_key=True)


class Webhook(Table, table=True):
    """An endpoint of ours at the target.

    ``name``: unique; reserved before the call that makes it. ``id``: the target's, null until it is known. ``url``,
    ``filters`` (JSON): as registered. ``secret_ref``: where its secret is, never the secret. ``state``: ``reserved`` ·
    ``active`` · ``retired`` · ``gone``.
    """

    name: str = Field(primary_key=True)
    id: str | None = None
    url: str
    filters: str
    created: float
    secret_ref: str | None = None
    state: str


class Fact(Table, table=True):
    """A value that was learned."""

    name: str = Field(primary_key=True)
    value: str


class Attribution(Table, table=True):
    """Whose an activity is; one that was never looked at has no row.

    ``kind``, ``id``: the activity. ``outcome``: ``matched`` · ``shared`` · ``unknown`` · ``internal`` · ``withheld`` ·
    ``person``. ``number``: the digits that were looked for. ``contacts``: whose it is, JSON, a list of [source, key];
    ``candidates``: all that had the number. ``as_of``: ``call`` (who had the number then) · ``now`` (the history does
    not go back so far) · ``late`` (a contact that was made later). ``at``: when it was decided. ``reason``: in words.
    ``revision``: the store's count of changes then.
    """

    __table_args__ = (
        Index("attribution_open", "number", sqlite_where=text("outcome = 'unknown'")),
        Index("attribution_revision", "revision"),
        {"sqlite_with_rowid": False},
    )

    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    outcome: str
    number: str | None = None
    contacts: str = "[]"
    candidates: str = "[]"
    as_of: str | None = None
    at: float
    reason: str | None = None
    revision: int = 0


class Delivery(Table, table=True):
    """What a sink was last sent of an activity.

    ``sink``; ``kind``, ``id``: of a message that is part of a conversation, the conversation's. ``status``: ``pending``
    (a call was begun, its outcome is unknown) · ``accepted`` · ``rejected`` · ``held`` (a gate holds it) · ``waiting``
    (it is not due yet) · ``undone`` · ``erased``. ``digest``: over the fields as last accepted, or as rejected;
    ``fields``: as last accepted, JSON, long texts as a digest; ``tried``: as sent with an unknown outcome, in the same
    form. ``remote_id``: the record's id. ``parts``: the sink's ids of associated contacts, JSON. ``attempts``,
    ``next_try``: of an unknown outcome, or when a waiting one is due. ``reason``: why it was rejected, which gate holds
    it, or that it is ``approved``. ``run``: which wrote it last; ``created``: which made the record, null if there is
    none, "" if none that is known. ``day``: its UTC date. ``at``: when this was written.
    """

    __table_args__ = (
        Index("delivery_open", "sink", "status", sqlite_where=text("status <> 'accepted'")),
        Index("delivery_day", "sink", "kind", "day"),
        {"sqlite_with_rowid": False},
    )

    sink: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    status: str
    digest: int = 0
    fields: str = "{}"
    tried: str | None = None
    remote_id: str | None = None
    parts: str = "[]"
    attempts: int = 0
    next_try: float = 0.0
    reason: str | None = None
    run: str | None = None
    created: str | None = None
    day: str | None = None
    at: float


class OptOut(Table, table=True):
    """What a number wants last. ``out``: 1: no messages. ``at``: when; ``by``: ``message`` · ``person``."""

    __tablename__ = "opt_out"

    number: str = Field(primary_key=True)
    out: int
    at: float
    by: str


class Outgoing(Table, table=True):
    """A message that was to be sent.

    ``own``, ``remote``: digits. ``text``: a digest of it. ``at``: when it was begun. ``state``: ``pending`` (its
    outcome is unknown) · ``sent`` · ``refused`` · ``not seen`` (no list has it). ``looks``: how many lists lacked it.
    ``message``: the key of the stored message that it is. ``reason``: why it was refused.
    """

    __table_args__ = (
        Index("outgoing_open", "at", sqlite_where=text("state = 'pending'")),
        Index("outgoing_message", "message", sqlite_where=text("message IS NOT NULL")),
    )

    id: str = Field(primary_key=True)
    own: str
    remote: str
    text: str
    at: float
    state: str
    looks: int = 0
    message: str | None = None
    reason: str | None = None
