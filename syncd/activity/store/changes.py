"""What has changed of calls and messages since a revision, as far as it decides whether a sink gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.packing import unpack
from syncd.activity.store.revisions import newest_revision
from syncd.core.activity.observations import Kind
from syncd.state.database import Part

PAGE = 1_000

_OF_CALL = (
    "call_id, coalesce(started, first_seen), left_out, text_dropped, status, ended, listed_at, summary,"
    # Only of a call that no list has shown it counts when its last leg was heard of.
    " iif(listed_at IS NULL AND ended IS NOT NULL, state, NULL)"
)
_OF_MESSAGE = (
    "channel || ':' || message_id, coalesce(sent, first_seen), left_out, text_dropped, NULL, NULL, NULL, 0, NULL,"
    " channel, own, remote, sent, first_seen"
)


_UNKNOWN = (
    "SELECT sum(attribution.outcome = 'unknown'), count(*) FROM {table} JOIN attribution"
    " ON attribution.kind = '{table}' AND attribution.id = {key} WHERE {moment} >= :first AND {moment} < :last"
    " AND attribution.outcome IN ('matched', 'shared', 'unknown', 'person')"
)
_OF_KINDS = [{"table": each.name, "key": each.key, "moment": each.moment} for each in KINDS.values()]


_BY_ID = {
    "call": "call_id = id",
    "message": "channel = substr(id, 1, instr(id, ':') - 1) AND message_id = substr(id, instr(id, ':') + 1)",
}


class Looked(NamedTuple):
    """An activity. ``at``: when it was. The other times are a call's.

    ``channel``, ``own``, ``remote``, ``sent``, ``first_seen``: a message's.
    ``is_kept``: it is here whole. ``contacts``: whose it is, source and key; ``outcome``: of its attribution.
    """

    key: str
    at: float
    is_kept: bool
    status: str | None
    ended: float | None
    listed: float | None
    heard: float | None
    summary_known: bool
    channel: str | None
    own: str | None
    remote: str | None
    sent: float | None
    first_seen: float
    contacts: tuple[tuple[str, str], ...]
    outcome: str | None


class Changes(Part):
    """The tables of calls, messages and attributions, as deliveries look at them."""

    def newest(self) -> int:
        """Return the revision of the newest change."""
        return newest_revision(self._database)

    def since(self, kind: Kind, revision: int) -> Iterator[list[Looked]]:
        """Yield what has changed after a revision, page by page; what changes meanwhile may come twice."""
        of = KINDS[kind]
        sql = (
            f"SELECT revision, rowid, {_columns(kind)} FROM {of.name}"
            f" WHERE (revision, rowid) > (:revision, :row) ORDER BY revision, rowid LIMIT {PAGE}"
        )
        at, row = revision, 1 << 62
        while page := self._database.rows(sql, revision=at, row=row):
            yield self._looked(kind, [each[2:] for each in page])
            at, row = page[-1][:2]
        yield from self._attributed(kind, revision)

    def within(self, kind: Kind, span: tuple[float, float]) -> Iterator[list[Looked]]:
        """Yield the activities of a span of Unix seconds, page by page."""
        of, row = KINDS[kind], 0
        sql = (
            f"SELECT rowid, {_columns(kind)} FROM {of.name} WHERE rowid > :row AND {of.moment} >= :first"
            f" AND {of.moment} < :last ORDER BY rowid LIMIT {PAGE}"
        )
        while page := self._database.rows(sql, row=row, first=span[0], last=span[1]):
            yield self._looked(kind, [each[1:] for each in page])
            row = page[-1][0]

    def these(self, kind: Kind, keys: Sequence[str]) -> list[Looked]:
        """Return activities by their keys; those that are not known are left out."""
        of = KINDS[kind]
        sql = f"SELECT {_columns(kind)} FROM {of.name} WHERE {of.these}"
        return self._looked(kind, self._database.rows(sql, keys=list(keys)))

    def messages_of(self, channel: str, own: str | None, remote: str | None, span: tuple[float, float]) -> list[Looked]:
        """Return the messages of a conversation that were sent within a span of Unix seconds."""
        sql = (
            f"SELECT {_OF_MESSAGE} FROM message WHERE channel = :channel AND own IS :own AND remote IS :remote"
            " AND sent >= :first AND sent < :last ORDER BY sent, message_id"
        )
        values = {"channel": channel, "own": own, "remote": remote, "first": span[0], "last": span[1]}
        return self._looked("message", self._database.rows(sql, **values))

    def pairs(self, channel: str, span: tuple[float, float]) -> list[tuple[str | None, str | None]]:
        """Return the numbers, ours and theirs, between which messages were sent within a span of Unix seconds."""
        sql = "SELECT DISTINCT own, remote FROM message WHERE channel = :channel AND sent >= :first AND sent < :last"
        return [(own, remote) for own, remote in self._database.rows(sql, channel=channel, first=span[0], last=span[1])]

    def unknown(self, first: float, last: float) -> tuple[int, int]:
        """Return how many activities of a span of Unix seconds have an unknown number, and how many a number at all."""
        found = [self._database.rows(_UNKNOWN.format(**each), first=first, last=last)[0] for each in _OF_KINDS]
        return sum(unknown or 0 for unknown, _ in found), sum(number for _, number in found)

    def _attributed(self, kind: Kind, revision: int) -> Iterator[list[Looked]]:
        # Those that have changed themselves were yielded before.
        sql = (
            f"SELECT id FROM attribution JOIN {kind} ON {_BY_ID[kind]} WHERE kind = :kind AND id > :last"
            f" AND attribution.revision > :revision AND {kind}.revision <= :revision ORDER BY id LIMIT {PAGE}"
        )
        last = ""
        while page := self._database.column(sql, kind=kind, revision=revision, last=last):
            yield self.these(kind, page)
            last = page[-1]

    def _looked(self, kind: Kind, rows: Sequence[Sequence[Any]]) -> list[Looked]:
        sql = (
            "SELECT id, contacts, outcome FROM attribution WHERE kind = :kind"
            " AND id IN (SELECT value FROM json_each(:keys))"
        )
        found = self._database.rows(sql, kind=kind, keys=[each[0] for each in rows])
        owners = {key: (contacts, outcome) for key, contacts, outcome in found}
        return [_looked(each, *owners.get(each[0], ("[]", None))) for each in rows]


def _columns(kind: Kind) -> str:
    return _OF_CALL if kind == "call" else _OF_MESSAGE


def _looked(row: Sequence[Any], contacts: str, outcome: str | None) -> Looked:
    key, at, left_out, dropped, status, ended, listed, summary, state, *of_message = row
    known = () if contacts == "[]" else tuple((source, each) for source, each in orjson.loads(contacts))
    channel, own, remote, sent, first_seen = of_message or (None, None, None, None, 0.0)
    return Looked(
        key=key,
        at=at,
        is_kept=left_out == 0 and dropped is None,
        status=status,
        ended=ended,
        listed=listed,
        heard=unpack(state).get("heard") if state else None,
        summary_known=bool(summary),
        channel=channel,
        own=own,
        remote=remote,
        sent=sent,
        first_seen=first_seen,
        contacts=known,
        outcome=outcome,
    )
