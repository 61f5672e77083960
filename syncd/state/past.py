"""What was done: runs and their changes, and which of them were undone while their source still asks for them."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from syncd.core.columns import DIGEST, KEY
from syncd.core.undo import Entry, Known
from syncd.state.entries import OF_RUN
from syncd.state.ledger import DONE, IN_ANY_CASE

_PAGE = 1_000

_LATER_DONE = DONE.replace("outcome", "later.outcome").replace("new_id", "later.new_id")

_ROW = "id, run, source, key, kind, old_id, new_id, match, before, after, outcome, reason, at"


class Past:
    """The part of the state that knows what was done. Times are Unix seconds."""

    clock: Callable[[], float]

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]: ...

    def runs(
        self, *, source: str | None = None, run: str | None = None, since: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield runs, the newest first; ``report`` is what ``SourceReport.to_json`` made."""
        query = text(
            "SELECT run, source, started, ended, outcome, exit, requests, kind, undoes, report FROM run"
            " WHERE source = coalesce(:source, source) AND run = coalesce(:run, run)"
            " AND started >= coalesce(:since, started) ORDER BY started DESC, source LIMIT :page OFFSET :done"
        )
        done = 0
        while True:
            with self.read() as connection:
                values = {"source": source, "run": run, "since": since, "page": _PAGE, "done": done}
                rows = connection.execute(query, values).mappings().all()
            yield from ({**row, "report": json.loads(row["report"] or "null")} for row in rows)
            if len(rows) < _PAGE:
                return
            done += len(rows)

    def changes(
        self, *, source: str | None = None, run: str | None = None, key: str | None = None, since: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield changes, the newest first; ``before`` and ``after`` are fields, or None."""
        wanted = {"source": source, "run": run, "key": key}
        values = {name: value for name, value in wanted.items() if value is not None}
        conditions = ["id < :below", "key <> ''", *(f"{name} = :{name}" for name in values)]
        conditions += ["at >= :since"] if since is not None else []
        query = text(f"SELECT {_ROW} FROM change WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT {_PAGE}")
        below = 1 << 62
        while True:
            with self.read() as connection:
                rows = connection.execute(query, {**values, "since": since, "below": below}).mappings().all()
            yield from ({**row, "before": _fields(row["before"]), "after": _fields(row["after"])} for row in rows)
            if len(rows) < _PAGE:
                return
            below = rows[-1]["id"]

    def phone_fields(self) -> frozenset[str]:
        """Return the names of the target's phone fields, as the last runs knew them."""
        with self.read() as connection:
            facts = connection.execute(text("SELECT value FROM fact WHERE name LIKE 'fields of %'")).scalars().all()
        return frozenset(name for fact in facts for name, is_phone, *_ in json.loads(fact) if is_phone)

    def entries(self, run: str, source: str) -> list[Entry]:
        """Return what the run did to the source's contacts, in the order in which it was begun."""
        query = text(
            f"SELECT key, kind, match, before, after, CASE WHEN {DONE} THEN 'accepted' ELSE outcome END,"
            f" new_id <> old_id FROM change WHERE {OF_RUN} ORDER BY id"
        )
        with self.read() as connection:
            rows = connection.execute(query, {"run": run, "source": source}).all()
        return [
            Entry(key, kind, match, _fields(before), _fields(after), outcome, bool(other))
            for key, kind, match, before, after, outcome, other in rows
        ]

    def outcomes(self, run: str, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@outcome`` (accepted, rejected, unknown) of what the run began for the source."""
        outcome = f"CASE WHEN {DONE} THEN 'accepted' WHEN outcome = 'refused' THEN 'rejected' ELSE 'unknown' END"
        query = text(f"SELECT key, {outcome} FROM change WHERE {OF_RUN} ORDER BY id")
        with self.read() as connection:
            rows = list(map(tuple, connection.execute(query, {"run": run, "source": source})))
        # What is sent twice (to restore fields that the first call took away) is what became of the last call.
        found = pl.DataFrame(rows, schema={KEY: pl.String, "@outcome": pl.String}, orient="row")
        return found.unique(KEY, keep="last", maintain_order=True)

    def contact(self, source: str, key: str) -> dict[str, Any] | None:
        """Return all that the ledger says of one key, or None."""
        query = text(
            "SELECT status, remote_id AS id, origin, match, fields, returned, reason, missing_since,"
            " created_at AS created, updated_at AS updated FROM contact WHERE source = :source AND key = :key"
        )
        with self.read() as connection:
            row = connection.execute(query, {"source": source, "key": key}).mappings().first()
        return None if row is None else {**row, "fields": _fields(row["fields"]), "returned": _fields(row["returned"])}

    def known_now(self, source: str, keys: Collection[str]) -> dict[str, Known]:
        """Return what the ledger says of these keys."""
        query = text(
            "SELECT key, status, remote_id, match, coalesce(returned, fields), origin = 'created', digest FROM contact"
            " WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
        )
        with self.read() as connection:
            rows = connection.execute(query, {"source": source, "keys": json.dumps(list(keys))}).all()
        return {
            key: Known(status, id_, match, _fields(fields) or {}, bool(created), digest)
            for key, status, id_, match, fields, created, digest in rows
        }

    def later_changes(self, run: str, source: str) -> list[tuple[str, str, str | None]]:
        """Return what happened since to the keys that the run changed: key, run and, if that undid one, which.

        What an undo of this very run began and did not bring to its end does not count: it may be tried again.
        """
        query = text(
            "SELECT later.key, later.run, CASE WHEN later.outcome = 'pending' THEN NULL ELSE by.undoes END"
            " FROM change AS later"
            f" JOIN (SELECT key, max(id) AS last FROM change WHERE {OF_RUN} GROUP BY key) AS mine"
            " ON later.source = :source AND later.key = mine.key AND later.id > mine.last"
            " LEFT JOIN run AS by ON by.run = later.run AND by.source = later.source"
            f" WHERE {_LATER_DONE} OR (later.outcome = 'pending' AND by.undoes IS NOT :run)"
            " ORDER BY later.id"
        )
        with self.read() as connection:
            return list(map(tuple, connection.execute(query, {"run": run, "source": source})))

    def begun_by_undo(self, run: str, source: str) -> frozenset[str]:
        """Return the keys that an undo of the run began, and whose outcome is not known."""
        query = text(
            "SELECT change.key FROM change JOIN run ON run.run = change.run AND run.source = change.source"
            " WHERE run.undoes = :run AND change.source = :source AND change.outcome = 'pending'"
        )
        with self.read() as connection:
            return frozenset(connection.execute(query, {"run": run, "source": source}).scalars())

    def begun_keys(self, run: str, source: str) -> set[str]:
        """Return the keys that the run changed, or may have."""
        query = text(f"SELECT key FROM change WHERE {OF_RUN} AND (outcome = 'pending' OR {DONE})")
        with self.read() as connection:
            return set(connection.execute(query, {"run": run, "source": source}).scalars())

    def known_ids(self, ids: Iterable[int]) -> set[int]:
        """Return which of these ids are of contacts in the ledger."""
        query = text("SELECT remote_id FROM contact WHERE remote_id IN (SELECT value FROM json_each(:ids))")
        with self.read() as connection:
            return set(connection.execute(query, {"ids": json.dumps(list(ids))}).scalars())

    def holders(self, matches: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """Return by match value, without case, the (source, key) of all that have it at the target, or may have."""
        query = text(
            f"SELECT match, source, key FROM contact WHERE {IN_ANY_CASE}"
            " AND (remote_id IS NOT NULL OR status = 'pending') ORDER BY source, key"
        )
        wanted = {match.casefold() for match in matches}
        found: dict[str, list[tuple[str, str]]] = {}
        with self.read() as connection:
            for match, source, key in connection.execute(query, {"values": json.dumps(list(wanted))}):
                if match.casefold() in wanted:
                    found.setdefault(match.casefold(), []).append((source, key))
        return found

    def taken_from(self, source: str, keys: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return by key the (source, key) that the ledger says has the very same contact at the target."""
        query = text(
            "SELECT contact.key, other.source, other.key FROM contact JOIN contact AS other"
            " ON other.remote_id = contact.remote_id AND (other.source, other.key) <> (contact.source, contact.key)"
            " WHERE contact.source = :source AND contact.key IN (SELECT value FROM json_each(:keys))"
        )
        with self.read() as connection:
            rows = connection.execute(query, {"source": source, "keys": json.dumps(list(keys))}).all()
        return {key: (other, its_key) for key, other, its_key in rows}

    def undone(self, source: str) -> pl.DataFrame:
        """Return ``@key``, ``@digest`` of what was undone: what the source asked for then, null for "be gone"."""
        query = text("SELECT key, digest FROM undone WHERE source = :source")
        with self.read() as connection:
            rows = list(map(tuple, connection.execute(query, {"source": source})))
        return pl.DataFrame(rows, schema={KEY: pl.String, DIGEST: pl.Int64}, orient="row")

    def hold_back(self, run: str, source: str, asked: Mapping[str, int | None]) -> set[str]:
        """Note, before it is undone, what the source asked for: it is not sent again until the source changes.

        Where the last change of a contact was an undo, what stands noted is what the source asks for, and is kept.
        Returns the keys of which something was noted.
        """
        standing = text(
            "SELECT key FROM undone WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
            " AND (SELECT kind FROM run WHERE run.source = undone.source AND run.run = (SELECT run FROM change"
            f" WHERE change.source = undone.source AND change.key = undone.key AND ({DONE} OR outcome = 'pending')"
            " ORDER BY id DESC LIMIT 1)) = 'undo'"
        )
        with self.write() as connection:
            kept = set(connection.execute(standing, {"source": source, "keys": json.dumps(list(asked))}).scalars())
            rows = [(source, key, digest, run, self.clock()) for key, digest in asked.items() if key not in kept]
            if rows:
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO undone (source, key, digest, run, at) VALUES (?, ?, ?, ?, ?)", rows
                )
        return asked.keys() - kept

    def let_go(self, source: str, keys: Collection[str]) -> None:
        """Forget that what these keys ask for was undone."""
        if keys:
            with self.write() as connection:
                connection.execute(
                    text("DELETE FROM undone WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"),
                    {"source": source, "keys": json.dumps(list(keys))},
                )


def _fields(value: str | None) -> dict[str, str] | None:
    return None if value is None else json.loads(value)
