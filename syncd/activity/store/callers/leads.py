"""Unknown callers, and the contacts that were made of them: rows of ``delivery`` of the kind ``lead``, by number."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.revisions import next_revision
from syncd.core.activity.delivering.plan import LEAD, PASSED, Before
from syncd.state.database import Part

PAGE = 1_000

_THESE = "(SELECT value FROM json_each(:keys))"
_LEAD = f"sink = :sink AND kind = '{LEAD}'"
_ENDED = (
    "attribution AS a JOIN call AS t ON t.call_id = a.id WHERE a.kind = 'call' AND a.outcome = 'unknown'"
    " AND a.number = t.remote AND t.left_out = 0 AND t.ended IS NOT NULL AND t.status IS NOT 'open'"
)
"""The calls that count of unknown numbers."""


class Called(NamedTuple):
    """A call of an unknown number that has ended. ``talk``: its answered seconds; ``at``: when it began."""

    number: str
    call: str
    talk: float
    at: float


class LeadContacts(Part):
    """Numbers are digits. Times are Unix seconds."""

    def changed(self, revision: int) -> list[str]:
        """Return the unknown numbers of calls that have changed since a revision, each once."""
        sql = (
            "SELECT a.number FROM call AS t JOIN attribution AS a ON a.kind = 'call' AND a.id = t.call_id"
            " WHERE t.revision > :revision AND a.outcome = 'unknown' AND a.number IS NOT NULL"
            " UNION SELECT number FROM attribution"
            " WHERE revision > :revision AND kind = 'call' AND outcome = 'unknown' AND number IS NOT NULL ORDER BY 1"
        )
        return self._database.column(sql, revision=revision)

    def calls_of(self, numbers: Sequence[str]) -> Iterator[Called]:
        """Yield the calls of unknown numbers that have ended."""
        sql = (
            f"SELECT a.number, t.call_id, coalesce(t.talk, 0.0), coalesce(t.started, t.first_seen) FROM {_ENDED}"
            f" AND a.number IN {_THESE}"
        )
        yield from (Called._make(row) for row in self._database.rows(sql, keys=list(numbers)))

    def network_name(self, number: str) -> str | None:
        """Return the name that the newest call of an unknown number had, if any had one."""
        sql = (
            f"SELECT t.remote_name FROM {_ENDED} AND a.number = :number AND t.remote_name <> ''"
            " ORDER BY t.started DESC LIMIT 1"
        )
        found: str | None = self._database.scalar(sql, number=number)
        return found

    def of(self, sink: str, numbers: Sequence[str]) -> dict[str, Before]:
        """Return what is noted of the contacts of these numbers."""
        return self._noted(f"AND id IN {_THESE}", sink=sink, keys=list(numbers))

    def open(self, sink: str) -> dict[str, Before]:
        """Return what is noted of the contacts that are not made yet."""
        return self._noted("AND status <> 'accepted'", sink=sink)

    def made_since(self, sink: str, since: float) -> int:
        """Return how many contacts were made, or begun, since then without an approval."""
        sql = (
            f"SELECT count(*) FROM delivery WHERE {_LEAD} AND status IN ('pending', 'accepted') AND at >= :since"
            f" AND reason IS NOT '{PASSED}'"
        )
        return int(self._database.scalar(sql, sink=sink, since=since))

    def drop(self, sink: str, numbers: Sequence[str]) -> None:
        """Forget contacts that were not made."""
        sql = f"DELETE FROM delivery WHERE {_LEAD} AND status <> 'accepted' AND id IN {_THESE}"
        self._database.execute(sql, sink=sink, keys=list(numbers))

    def begin(self, sink: str, number: str, run: str, next_try: float) -> None:
        """Note that a contact is about to be made; ``next_try``: when it is asked for again if the answer is lost."""
        self._database.execute(
            "UPDATE delivery SET status = 'pending', attempts = attempts + 1, next_try = :next_try, run = :run,"
            f" at = :now WHERE {_LEAD} AND id = :number",
            sink=sink,
            number=number,
            run=run,
            next_try=next_try,
            now=self._database.clock(),
        )

    def failed(self, sink: str, number: str, next_try: float, *, in_doubt: bool) -> None:
        """Note that a contact was not made, or, ``in_doubt``, that it may have been."""
        self._database.execute(
            f"UPDATE delivery SET status = :status, next_try = :next_try WHERE {_LEAD} AND id = :number",
            sink=sink,
            number=number,
            status="pending" if in_doubt else "waiting",
            next_try=next_try,
        )

    def made(self, sink: str, number: str, remote_id: str, run: str) -> None:
        """Note the id of a contact; what is unknown of its number counts as changed, so that it is associated."""
        with self._database.write():
            self._database.execute(
                "UPDATE delivery SET status = 'accepted', remote_id = :remote_id, created = :run, attempts = 0,"
                f" next_try = 0, at = :now WHERE {_LEAD} AND id = :number",
                sink=sink,
                number=number,
                remote_id=remote_id,
                run=run,
                now=self._database.clock(),
            )
            revision = next_revision(self._database)
            for of in KINDS.values():
                sql = (
                    f"SELECT id FROM attribution WHERE kind = '{of.name}' AND outcome = 'unknown' AND number = :number"
                )
                if keys := self._database.column(sql, number=number):
                    bump = f"UPDATE {of.name} SET revision = :revision WHERE {of.these}"
                    self._database.execute(bump, revision=revision, keys=keys)

    def contacts(self, sink: str, kind: str, keys: Collection[str]) -> dict[str, str]:
        """Return the sink's id of the contact that was made of the number, of activities whose number is unknown."""
        sql = (
            "SELECT a.id, d.remote_id FROM attribution AS a JOIN delivery AS d"
            f" ON d.sink = :sink AND d.kind = '{LEAD}' AND d.id = a.number"
            f" WHERE a.kind = :kind AND a.outcome = 'unknown' AND d.status = 'accepted' AND a.id IN {_THESE}"
        )
        return dict(self._database.rows(sql, sink=sink, kind=kind, keys=list(keys)))

    def _noted(self, which: str, **values: object) -> dict[str, Before]:
        sql = f"SELECT id, status, attempts, next_try, reason FROM delivery WHERE {_LEAD} {which}"
        return {
            number: Before(status, attempts=attempts, next_try=next_try, reason=reason)
            for number, status, attempts, next_try, reason in self._database.rows(sql, **values)
        }
