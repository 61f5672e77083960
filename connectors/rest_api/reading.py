"""What one read of a REST source asks for and finds: its columns, its rows, and which records are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from connectors.http_parts.paths import find, truthy
from connectors.http_parts.records import columns_of, ids_of, table, text_of
from connectors.rest_api.cursor import Window, moment
from connectors.rest_api.enrich import enriched
from connectors.rest_api.forms import RecordsForm
from connectors.rest_api.options import RestOptions
from connectors.rest_api.paging import Page
from connectors.rest_api.parts import Parts, parted
from connectors.rest_api.session import Session
from connectors.rest_api.template import RequestTemplate
from connectors.rest_api.walk import Walk
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.source import Needs, Rows


@dataclass(frozen=True, slots=True)
class Columns:
    """``all`` that there are, and those that are ``read``."""

    all: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """One read. ``flaws``: why rows may be missing; ``tokens``: what the server gave to go on from, by branch.

    ``deleted`` and ``merged`` are what pages told of ids; ``seen`` the ids of rows that are there. ``repeats``: whether
    a record came twice, so that the first of them may not be its last word.
    """

    session: Session
    options: RestOptions
    needs: Needs
    flaws: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    repeats: bool = False
    count: int = 0
    _branches: list[str] | None = None

    @property
    def main(self) -> RequestTemplate:
        return self.options.request.template()

    def branches(self) -> list[str]:
        """The values of the fan-out, or one that is empty without any."""
        if self._branches is None:
            self._branches = self._listed() if self.options.fanout else [""]
        return self._branches

    def _listed(self) -> list[str]:
        form = self.options.fanout
        values = list(form.values) if form else []
        for each in form.lists if form else ():
            walk = self.session.walk(each.request.template(), each.page, RecordsForm(path=each.path, id="@"), {})
            values += [text for page in walk.pages() for value in page.records if (text := text_of(value))]
            if walk.flaws:
                raise SourceUnavailable(f"{self.session.name}: what to read of is not known: {walk.flaws[0]}")
        return list(dict.fromkeys(values))

    def columns(self) -> Columns:
        """The columns, from the configuration, the server's own list, or the records of the first page."""
        if self.options.columns:
            names = tuple(self.options.columns)
            self._sample(frozenset())
            return Columns(names, tuple(name for name in names if name in self.needs.columns) or names)
        fields = self.options.fields
        if fields and fields.discover:
            return self._discovered()
        found = columns_of(self._sample(self.needs.columns)) or sorted({*self.needs.columns, self.options.id_column})
        used = [name for name in found if name in self.needs.columns or not self.needs.columns]
        return Columns(tuple(found), tuple(used))

    def _discovered(self) -> Columns:
        form = self.options.fields
        assert form  # noqa: S101 (its caller saw it)
        assert form.discover  # noqa: S101
        answer = self.session.ask(form.discover.request.template(), {})
        names = [text for each in find(form.discover.path, answer.body) or [] if (text := text_of(each))]
        if not names:
            raise SourceInvalid(
                f"{self.session.name}: its list of columns has nothing at {form.discover.path!r}: "
                "correct fields.discover"
            )
        inner = sorted(name for name in self.needs.columns if "." in name and name.partition(".")[0] in names)
        known = list(dict.fromkeys([*names, *form.always, *inner]))
        read = [name for name in known if name in self.needs.columns or name in form.always]
        return Columns(tuple(known), tuple(read) if self.needs.columns else tuple(known))

    def _asked(self, columns: frozenset[str] | Sequence[str]) -> list[list[str]]:
        """What ``{fields}`` is for these columns, in as many requests as that takes."""
        form = self.options.fields
        if form is None:
            return [sorted(columns)]
        always, names = [
            list(dict.fromkeys(name.partition(".")[0] if form.heads else name for name in some))
            for some in (form.always, sorted(columns))
        ]
        parts = parted(always, names, most=form.most, chars=form.chars)
        if len(parts) > 1 and self.options.changes and self.options.changes.source:
            raise SourceInvalid(
                f"{self.session.name}: the columns are too many for one request (fields.most, fields.chars), and what "
                "changed can be asked for by a token only in one: use fewer"
            )
        return parts

    def _sample(self, columns: frozenset[str]) -> list[Any]:
        """The records of the first page of a full read; if they come in parts, those of each part."""
        live = [record for fields in self._asked(columns) for record in self._first(fields)]
        if live and not any(ids_of(live, self.options.records.id)):
            raise SourceInvalid(
                f"{self.session.name}: no record has anything at {self.options.records.id!r}: correct records.id"
            )
        return enriched(live, self.options.steps(self.needs.columns), self.session)

    def _first(self, fields: Sequence[str]) -> list[Any]:
        values: dict[str, Any] = {"fields": list(fields)} if fields else {}
        if self.options.page.size:
            values["size"] = self.options.page.size
        if self.options.fanout:
            if not self.branches():
                return []
            values[self.options.fanout.into] = self.branches()[0]
        step = self.options.page.pager().first()
        answer = self.session.ask(self.main, {**values, **step.values})
        records = self.session.records(answer, self.options.records, self.main)
        return [record for record in records if not self._is_deleted(record)]

    def rows(self, columns: Columns, branch: str) -> Iterator[Rows]:
        """Every record of a branch."""
        walk = self._walk(self.main, columns.read, branch, {})
        for page in walk.pages():
            live = [record for record in page.records if not self._is_deleted(record)]
            yield self._table(live, columns)
            self._keep_token(page, branch)
        self.flaws += walk.flaws
        self.repeats |= walk.repeats

    def changed(self, columns: Columns, branch: str, values: Mapping[str, Any], url: str | None) -> Iterator[Rows]:
        """Every record of a branch that changed, as its last word has it; and what is gone into ``deleted``."""
        changes = self.options.changes
        template = changes.request.over(self.main) if changes else self.main
        walk = self._walk(template, columns.read, branch, values, url)
        latest: dict[Any, Any] = {}
        for page in walk.pages():
            for index, record in enumerate(page.records):
                id_ = self._id_of(record)
                key: Any = id_ if id_ is not None else (len(latest), index)
                latest.pop(key, None)
                latest[key] = record
            self._keep_token(page, branch)
        self.flaws += walk.flaws
        gone = {id_ for id_, record in latest.items() if isinstance(id_, str) and self._is_deleted(record)}
        self._note_gone(latest, gone)
        live = [record for id_, record in latest.items() if id_ not in gone and not self._is_deleted(record)]
        self.seen |= {id_ for id_ in ids_of(live, self.options.records.id) if id_}
        size = max(walk.largest, 1)
        for start in range(0, max(len(live), 1), size):
            yield self._table(live[start : start + size], columns)

    def _note_gone(self, latest: Mapping[Any, Any], gone: set[str]) -> None:
        """Of the records that are gone, some were merged into others."""
        inline = self.options.deletes.inline
        for id_ in gone:
            into = text_of(find(inline.into, latest[id_])) if inline and inline.into else None
            if into:
                self.merged[id_] = into
            else:
                self.deleted.add(id_)

    def _walk(
        self,
        template: RequestTemplate,
        fields: Sequence[str],
        branch: str,
        values: Mapping[str, Any],
        url: str | None = None,
    ) -> Walk | Parts:
        fanout = {self.options.fanout.into: branch} if self.options.fanout else {}
        asked = [{"fields": part} for part in self._asked(fields)] if self.options.fields else [{}]
        walks = [
            self.session.walk(
                template, self.options.page, self.options.records, {**part, **fanout, **values}, begin=url
            )
            for part in asked
        ]
        if len(walks) > 1:
            return Parts(walks)
        walks[0].every = bool(values.get("cursor") or url)
        return walks[0]

    def feed(self, window: Window) -> None:
        """Read the ids that were deleted in the window."""
        form = self.options.deletes.feed
        if form is None:
            return
        walk = self.session.walk(form.request.template(), form.page, form.records, self.times(window))
        for page in walk.pages():
            self.deleted |= {id_ for id_ in page.ids if id_}
        self.flaws += [f"deleted records: {flaw}" for flaw in walk.flaws]

    def times(self, window: Window) -> dict[str, Any]:
        """``{since}`` and ``{until}`` of a window."""
        form = self.options.changes.form if self.options.changes else "iso"
        return {"since": moment(window.since, form), "until": moment(window.until, form)}

    def sweep(self, branches: Sequence[str]) -> pl.DataFrame | None:
        """The key of every record that is there now; None when the list was not whole."""
        form = self.options.deletes.sweep
        keys = self.needs.key or (self.options.id_column,)
        template = form.request.over(self.main) if form else self.main
        frames = []
        for branch in branches:
            walk = self._walk(template, sorted({*keys, self.options.id_column}), branch, {})
            for page in walk.pages():
                live = [record for record in page.records if not self._is_deleted(record)]
                frames.append(self._frame(live, keys))
            if walk.flaws:
                return None
        return pl.concat(frames)

    def _keep_token(self, page: Page, branch: str) -> None:
        changes = self.options.changes
        if changes and changes.source and (token := find(changes.source, page.body)):
            self.tokens[branch] = str(token)

    def _is_deleted(self, record: Any) -> bool:
        inline = self.options.deletes.inline
        return inline is not None and truthy(find(inline.when, record))

    def _id_of(self, record: Any) -> str | None:
        inline = self.options.deletes.inline
        path = inline.id if inline and inline.id and self._is_deleted(record) else self.options.records.id
        return text_of(find(path, record)) or None

    def _table(self, live: Sequence[Any], columns: Columns) -> Rows:
        self._note_merges(live)
        found = enriched(live, self.options.steps(self.needs.columns), self.session)
        frame = self._frame(found, columns.read)
        begin, self.count = self.count + 1, self.count + frame.height
        if self.options.max_records and self.count > self.options.max_records:
            raise SourceInvalid(
                f"{self.session.name}: there are more than {self.options.max_records:,} records: "
                "raise max_records if that is right"
            )
        lines = pl.Series(range(begin, begin + frame.height), dtype=pl.UInt32)
        return Rows(frame, self.session.name, lines)

    def _frame(self, records: Sequence[Any], columns: Sequence[str]) -> pl.DataFrame:
        frame = table(records, columns, self.options.columns)
        if not self.options.records.false_is_empty:
            return frame
        return frame.with_columns(pl.when(pl.all() != "false").then(pl.all()))

    def _note_merges(self, live: Sequence[Any]) -> None:
        path = self.options.deletes.merged
        for record in live if path else ():
            told, survivor = find(path or "", record), self._id_of(record)
            olds = told if isinstance(told, list) else str(told or "").split(";")
            for old in olds:
                if survivor and (text := text_of(old)) and text.strip() and text.strip() != survivor:
                    self.merged[text.strip()] = survivor

    def survivors(self) -> dict[str, str]:
        """Every merged id that is gone, with the one that is left in the end."""
        merged = {old: new for old, new in self.merged.items() if old not in self.seen}
        return {old: _end_of(new, merged) for old, new in merged.items()}


def _end_of(id_: str, merged: Mapping[str, str]) -> str:
    for _ in merged:
        id_ = merged.get(id_, id_)
    return id_
