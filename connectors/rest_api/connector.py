"""The REST connector: read any JSON API that lists its records, by options alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, cast

from connectors.http_parts.server_clock import ServerClock
from connectors.http_parts.surroundings import Surroundings
from connectors.rest_api.cursor import Cursor, parse_cursor, window
from connectors.rest_api.lookup import Lookup
from connectors.rest_api.options import RestOptions
from connectors.rest_api.reading import Columns, Reading
from connectors.rest_api.session import FullNeeded, Session
from syncd.errors import SourceInvalid
from syncd.source import EVERYTHING, Connector, End, Needs, Note, Options, Rows

AHEAD = 0.9
"""The share of a feed's horizon after which all records are read: the feed's oldest entries may be gone by then."""


class RestApi(Connector):
    """Reads a list of records over HTTP: all of it, or what changed since the last read and what is gone since.

    A full read is complete if the last page was reached and no page contradicts another. It is repeated at least every
    ``full_every``, for everything that changes do not show. Tests replace ``around``.
    """

    OPTIONS = RestOptions

    def __init__(
        self, name: str, options: Options, needs: Needs = EVERYTHING, *, around: Surroundings | None = None
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(RestOptions, options)
        self._around = around or Surroundings()
        self._columns: Columns | None = None
        # Records that the last list has shown: a lookup that does not find them proves nothing.
        self._witnesses: list[str] = []
        # Known from the first answer on, so that the windows of time are the server's.
        self._server = ServerClock(self._around.clock)

    def check(self) -> list[str]:
        self._require_key()
        with self._session() as session:
            try:
                return list(self._known_columns(Reading(session, self._options, self.needs)).known)
            except FullNeeded:
                raise self._bad_full_rule() from None

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        self._require_key()
        before = parse_cursor(cursor)
        with self._session() as session:
            if before and not self._full_is_due(before, session):
                try:
                    return (yield from self._changes(session, before))
                except FullNeeded:
                    pass
        # A session of its own: its beginning is the watermark, and the read of changes may have taken a while.
        with self._session() as session:
            try:
                return (yield from self._everything(session, before))
            except FullNeeded:
                raise self._bad_full_rule() from None

    def can_look_up(self) -> bool:
        return self._options.lookup is not None and self.needs.key == (self._options.id_column,)

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        with self._session() as session:
            return (yield from self._lookup(session).rows(keys))

    def notes(self) -> list[Note]:
        slips, form = self._options.page.slips, self._options.lookup
        if form is None:
            text = "a missing row is deleted only if the list was the same twice; with lookup it is asked for alone"
            return [Note(f"{slips}: {text}")] if slips else []
        if not self.can_look_up():
            return [Note(f"lookup is not used, since the key is not {self._options.id_column!r}, the records' own id")]
        with self._session() as session:
            return [self._proved_lookup(session)]

    def cancel(self) -> None:
        self._around.stopping.set()

    def _proved_lookup(self, session: Session) -> Note:
        """Look up a record of the first page."""
        reading = Reading(session, self._options, self.needs)
        reading.columns()
        if not reading.witnesses:
            return Note("lookup could not be tried: the list has no record")
        self._witnesses = reading.witnesses
        self._lookup(session).prove()
        return Note("lookup finds a record of the list: missing rows are asked for one by one", good=True)

    def _lookup(self, session: Session) -> Lookup:
        form = self._options.lookup
        if form is None:
            raise NotImplementedError("the source has no lookup")
        reading = Reading(session, self._options, self.needs)
        return Lookup(reading, form, self._known_columns(reading), self._witnesses)

    def _everything(self, session: Session, before: Cursor | None) -> Generator[Rows, None, End]:
        reading = Reading(session, self._options, self.needs)
        columns = self._known_columns(reading)
        branches = reading.branches()
        for branch in branches:
            yield from reading.rows(columns, branch)
        if not branches:
            return _unproved(["the lists of fanout have no value, so nothing was read"])
        if reading.flaws:
            return _unproved(reading.flaws)
        self._witnesses = reading.witnesses
        changes, slips = self._options.changes, _slips(reading, branches)
        # Keep no cursor if a record came twice: only its first version was yielded, and the token is past its last.
        lost = bool(changes and changes.source and (reading.repeats or not reading.tokens))
        since = self._since(session, before, reading)
        if changes is None or lost or since is None:
            return End("complete", slips=slips)
        began = session.began
        cursor = Cursor(since, reading.tokens, full=began, swept=began, branches=tuple(branches))
        return End("complete", cursor=cursor.text(), slips=slips)

    def _since(self, session: Session, before: Cursor | None, reading: Reading) -> float | None:
        """Return the moment since which the next read asks for changes; None: it must read all once more."""
        changes, began = self._options.changes, session.began
        if before is None or before.since is None or not reading.slips:
            return began
        # A record that was made since the last read may have slipped, and nothing misses it. So the next read asks for
        # the changes since that read. A token cannot go back, but belongs to the list whose own links led to it.
        if changes and changes.source:
            return began if self._options.page.by in {"token", "next_url"} else None
        since = min(before.since, began)
        return None if self._is_beyond_feed(since, began) else since

    def _changes(self, session: Session, before: Cursor) -> Generator[Rows, None, End]:
        """Yield what changed since ``before``.

        Raises:
            FullNeeded: the server does not say what changed.

        """
        reading = Reading(session, self._options, self.needs)
        columns = self._known_columns(reading)
        branches = reading.branches()
        if sorted(branches) != sorted(before.branches):
            raise FullNeeded
        # Yield nothing before all is read: FullNeeded may come with the last page, and the full read starts anew.
        pages = [page for branch in branches for page in self._branch(reading, columns, branch, before)]
        present = None
        swept = before.swept
        form = self._options.deletes.sweep
        if form and session.began - before.swept >= form.every:
            present = reading.sweep(branches)
            self._witnesses = reading.witnesses
            swept = session.began if present is not None else swept
        yield from pages
        if reading.flaws:
            return _unproved(reading.flaws)
        cursor = Cursor(session.began, reading.tokens, before.full, swept, before.branches)
        merged = reading.survivors()
        gone = frozenset(reading.deleted - reading.seen - set(merged))
        slips = "" if present is None else _slips(reading, branches)
        return End("partial", cursor=cursor.text(), deleted=gone, merged=merged, present=present, slips=slips)

    def _branch(self, reading: Reading, columns: Columns, branch: str, before: Cursor) -> list[Rows]:
        changes = self._options.changes
        if changes is None:
            raise FullNeeded
        if changes.by == "time":
            span = window(before, reading.session.began, overlap=changes.overlap, lag=changes.lag)
            pages = list(reading.changed(columns, branch, reading.times(span), None))
            # The feed is one for the whole source, so it is read with the first branch only.
            if branch == before.branches[0]:
                reading.feed(span)
            return pages
        token = before.tokens.get(branch)
        if not token:
            raise FullNeeded
        values: dict[str, Any] = {"cursor": token} if changes.by == "token" else {}
        try:
            pages = list(reading.changed(columns, branch, values, token if changes.by == "url" else None))
        except SourceInvalid:
            # Servers refuse an expired token in many ways. If the refusal has another cause, the full read shows it.
            raise FullNeeded from None
        if branch not in reading.tokens and not reading.flaws:
            raise FullNeeded
        return pages

    def _full_is_due(self, before: Cursor, session: Session) -> bool:
        if self._options.changes is None or before.since is None:
            return True
        # A cursor that lies ahead of now comes from a clock that was set back: the changes since then are unknown.
        if session.began < before.since - self._options.changes.overlap:
            return True
        too_old = self._is_beyond_feed(before.since, session.began)
        return too_old or session.began - before.full >= self._options.full_every

    def _is_beyond_feed(self, since: float, now: float) -> bool:
        feed = self._options.deletes.feed
        return bool(feed and feed.horizon and now - since > feed.horizon * AHEAD)

    def _known_columns(self, reading: Reading) -> Columns:
        # A run checks and then reads: the columns are asked for once.
        if self._columns is None:
            self._columns = reading.columns()
        return self._columns

    def _require_key(self) -> None:
        """Raise SourceInvalid if deleted or merged records are named by id and the id is not the key."""
        column = self._options.id_column
        if self._options.changes and self._options.deletes.by_id and self.needs.key not in {(), (column,)}:
            raise SourceInvalid(
                f"{self.name}: key must be {column!r}, the records' own id, which names deleted and merged records; "
                "or leave out changes"
            )

    def _bad_full_rule(self) -> SourceInvalid:
        return SourceInvalid(
            f"{self.name}: a rule of errors with do: full also fits an answer to a full read: "
            "make its status or when narrower"
        )

    def _session(self) -> Session:
        return Session(self.name, self._options, self._around, self._server)


def _slips(reading: Reading, branches: Sequence[str]) -> str:
    """Return why records may have slipped while all of them were listed; empty: they cannot."""
    if len(branches) > 1:
        return "a row may move between the lists of fanout while they are read"
    return reading.slips[0] if reading.slips else ""


def _unproved(flaws: Sequence[str]) -> End:
    # Every page may add the same flaw.
    return End("unproved", why="; ".join(dict.fromkeys(flaws)))
