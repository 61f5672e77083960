"""The tables of the state file as they are now: each public class is the table of its name in small letters.

Times are Unix seconds. In a key or a match value of several parts, U+001F joins the parts. No program writes through
these classes: the tests compare them with the tables that ``migrations/versions`` make, so a change here needs a
migration there.
"""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

# An index with a condition holds the few open rows of many. SQLite uses it only for a query with the same condition.


class _Numbered(SQLModel):
    """A table whose rows have numbers."""

    id: int | None = Field(default=None, primary_key=True)


class _OfSource(SQLModel):
    """A table with one row, or several, for each source."""

    source: str = Field(primary_key=True)


class _OfKey(_OfSource):
    """A table about single keys of the sources."""

    key: str = Field(primary_key=True)


class Contact(_OfKey, table=True):
    """The ledger: what we last sent for a key of a source, and what became of it.

    ``source``, ``key``: which contact.
    ``digest``: of the contact as sent; 0: it is compared anew by the next run.
    ``status``: ``accepted`` · ``pending`` (a call was begun, its outcome is unknown) · ``rejected`` (the target refused
    the contact that ``digest`` names).
    ``remote_id``: the target's id, if it is known.
    ``origin``: ``created``, or ``adopted`` (the contact was at the target before syncd).
    ``match``: the match value.
    ``fields``: the fields as last accepted, a JSON object.
    ``returned``: the fields as the target answered them, if they differ; a JSON object.
    ``reason``: why the target refused the contact or its delete, or why the contact is pending.
    ``raw``: the digest of the source's row, if such a row need not be mapped again.
    ``missing_since``: when a proved read first lacked the contact.
    ``created_at``, ``updated_at``: when this row was first and last written.
    """

    # Without a rowid the rows lie in the order of the primary key, in which a source's contacts are read.
    __table_args__ = (
        Index("contact_remote_id", "remote_id"),
        Index("contact_open", "source", "key", sqlite_where=text("status <> 'accepted'")),
        {"sqlite_with_rowid": False},
    )

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


class Outranked(_OfKey, table=True):
    """A contact that is not sent because another contact has the match value ``wants``."""

    wants: str


class Merged(_OfKey, table=True):
    """A key whose numbers the contact with the match value ``merged_into`` may hold at the target."""

    # A key may have two rows: until a push has ended, both the contact that had its numbers and the contact that gets
    # them may hold them.
    merged_into: str = Field(primary_key=True)


class Change(_Numbered, table=True):
    """The journal and the history: one row for each change that was begun.

    ``id``: grows; the id of a row that was taken back is not used again.
    ``run``, ``source``, ``key``: which run changed which contact.
    ``kind``: ``create`` · ``adopt`` · ``update`` · ``move`` · ``delete``.
    ``old_id``, ``new_id``: the target's id before and after.
    ``match``, ``old_match``: the match value, and the match value before if it was another one.
    ``digest``: of the contact.
    ``before``, ``after``: the fields before and as sent; JSON objects, or null.
    ``horizon``: the highest id that was known at the target when the change was marked.
    ``outcome``: ``pending`` (marked, the outcome is unknown) · ``moved`` (accepted, and ``old_id`` may have to be
    deleted) · ``accepted`` · ``refused`` · ``superseded`` (a later call settled it) · ``left`` (accepted, and
    ``old_id`` stays; or a delete whose contact stays) · ``handed over``, ``not found`` (deletes without a call).
    ``reason``: why the target refused it.
    ``at``: when it was marked.
    ``place``: where the row stood in its source, such as ``tenants.csv:12``; null if no row made the change.
    """

    # No index by run: it would make each push slower by a fifth. A run's changes are found by ``at``.
    __table_args__ = (
        Index("change_key", "source", "key"),
        Index("change_open", "source", "key", sqlite_where=text("outcome IN ('pending', 'moved')")),
        Index("change_at", "at"),
        Index("change_old_id", "old_id", sqlite_where=text("old_id IS NOT NULL")),
    )

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
    place: str | None = None


class Leftover(_Numbered, table=True):
    """A contact that syncd no longer looks after and that may be at the target.

    ``source``, ``key``: whose contact it was; ``remote_id``: its id, null if it was not found.
    ``change``: the call of unknown outcome that may still make it; a later run looks once more. Else null.
    ``match``: the match value.
    ``why``: ``adopted`` · ``foreign`` (a lost call may have made it, and it holds other values) · ``unconfigured``
    (another source that is not configured has a claim) · ``given up`` (it was not found) · ``forgotten`` (all numbers
    of its row were forgotten, and it has another one).
    ``at``: when it was left; ``told``: 1 if a report has named it.
    """

    __table_args__ = (
        Index("leftover_remote_id", "remote_id", unique=True),
        Index("leftover_change", "change", unique=True),
    )

    source: str
    key: str
    remote_id: int | None = None
    change: int | None = None
    match: str
    why: str
    at: float
    told: int = 0


class Deletion(_Numbered, table=True):
    """An id at the target that a call is deleting, or was deleting a while ago.

    ``remote_id``, ``source``, ``match``: the contact; ``begun``: when the call began.
    ``ended``: the newest change when the call ended; null: the call is in flight.
    """

    # Clocks of two processes differ, and the ids of changes do not: a change up to ``ended`` was marked before the end.
    __table_args__ = (
        Index("deletion_remote_id", "remote_id"),
        Index("deletion_open", "source", sqlite_where=text("ended IS NULL")),
    )

    remote_id: int
    source: str
    match: str
    begun: float
    ended: int | None = None


class Run(SQLModel, table=True):
    """One run of one source.

    ``run``, ``source``: which run of which source; ``started``, ``ended``: its times.
    ``outcome``: ``running`` · ``done`` · ``failed`` · ``broken off``; ``exit``: its exit code.
    ``requests``: the number of requests sent so far; ``planned``: the number of requests that its plan takes.
    ``config``: the digest of the source's configuration, without secrets.
    ``report``: its part of ``syncd run --json``, without the list of changes.
    ``kind``: ``run`` · ``undo`` · ``repair``; ``undoes``: the run whose changes an undo takes back.
    """

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


class Undone(_OfKey, table=True):
    """What a source asked for when its change was undone; as long as it asks for exactly this, the change is held.

    ``digest``: of the contact that it asked for; null: it asked for a delete.
    ``run``, ``at``: the undo, and its time.
    """

    digest: int | None = None
    run: str
    at: float


class Hold(_OfSource, table=True):
    """A list of changes that a gate holds.

    ``source``, ``gate``: which gate of which source. The lists that a repair holds have a source name of their own.
    ``kind``: ``delete`` · ``update`` · ``all``.
    ``digest``: names exactly this list; ``count``, ``keys``: its contacts, as a number and as a JSON list.
    ``detail``: the numbers of the gate, in words.
    ``since``: when the gate first held exactly this list; ``approved``: when a person approved it, for one run.
    """

    gate: str = Field(primary_key=True)
    kind: str
    digest: str
    count: int
    keys: str
    detail: str
    since: float
    approved: float | None = None


class Cursor(_OfSource, table=True):
    """Where the next read of a source begins.

    ``value``: the connector's own cursor.
    ``context``: a digest of the mapping, the options, the schema and the version. The cursor holds only for it.
    ``standing``: what a run that finds nothing new reports again, a JSON object.
    ``saved``: when it was saved.
    """

    # A source has one cursor: in another context it is not used, and the next save replaces it.
    value: str
    context: str
    standing: str
    saved: float


class Request(_Numbered, table=True):
    """A place in the key's request windows, or the end of a pause that the target asked for.

    ``at``: when the place was taken, or (``pause`` is 1) until when the key must wait.
    ``late``: how many seconds after ``at`` the request was answered. ``tier``: whose windows it is a place in; a
    request that counts in two tiers has a row in each.
    """

    __table_args__ = (Index("request_at", "tier", "pause", "at"),)

    at: float
    pause: int = 0
    late: float | None = None
    tier: str = Field(default="default", sa_column_kwargs={"server_default": "default"})


class Lease(_OfSource, table=True):
    """The process that runs a source.

    ``owner``: its host, its process id and a random part.
    ``since``, ``expires``: when it took the source, and until when it has it unless it renews the lease.
    """

    # A process that was killed cannot give a source back, so a lease runs out.
    owner: str
    since: float
    expires: float


class Fact(SQLModel, table=True):
    """A value that runs learned; :mod:`syncd.state.facts` has the names."""

    name: str = Field(primary_key=True)
    value: str


class Alarm(_OfSource, table=True):
    """An alarm that stands: its source, its kind, its words, and when it began."""

    kind: str = Field(primary_key=True)
    text: str
    since: float


class Notice(_Numbered, table=True):
    """A message to send.

    ``at``: when it was made; ``event``: ``began`` · ``ended`` (an alarm of a ``source`` and ``kind``) · ``digest``.
    ``text``: the words of the alarm, the seconds that it lasted, or the digest.
    ``left``: the destinations that have not received it, a JSON list; null: all of them.
    ``tried``: when a process last took it to send it.
    """

    # ``left`` names a destination by the digest of its address, since an address may hold a password.
    at: float
    event: str
    source: str
    kind: str
    text: str
    left: str | None = None
    tried: float | None = None
