"""One read of a REST source: its columns, its rows, and the records that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from connectors.flags import is_yes, shown
from connectors.http_parts.paths import find
from connectors.http_parts.records import Damage, ids_of, rows_of, table, text_of
from connectors.http_parts.template import RequestTemplate
from connectors.http_parts.times import moment
from connectors.rest_api.cursor import Window
from connectors.rest_api.enrich import enriched
from connectors.rest_api.forms import DiscoverForm, RecordsForm
from connectors.rest_api.options import RestOptions
from connectors.rest_api.paging import Page
from connectors.rest_api.parts import Parts, split_names
from connectors.rest_api.sample import narrow, sampled
from connectors.rest_api.session import Session
from connectors.rest_api.walk import Walk
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import Listed, parts_of
from syncd.source import Needs, Rows


@dataclass(frozen=True, slots=True)
class Columns:
    """``known``: the columns that the source has. ``read``: the columns that rows hold."""

    known: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """One read.

    ``flaws``: why rows may be missing. ``tokens``: where the next read goes on from, by branch. ``deleted`` and
    ``merged``: the ids that pages say are gone, and old id to surviving id. ``seen``: the ids of rows that exist.
    ``repeats``: a record came twice, so its first version may not be its last. ``slips``: why records may have slipped
    between the pages of the list of all records. ``witnesses``: ids of a few records that the list showed.
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
    slips: list[str] = field(default_factory=list)
    witnesses: list[str] = field(default_factory=list)
    count: int = 0
    _branches: list[str] | None = None

    @property
    def main(self) -> RequestTemplate:
        return self.options.request.template()

    def branches(self) -> list[str]:
        """Return the values of the fan-out; without a fan-out, one empty value."""
        if self._branches is None:
            self._branches = self._fanout_values() if self.options.fanout else [""]
        return self._branches

    def _fanout_values(self) -> list[str]:
        form = self.options.fanout
        values = list(form.values) if form else []
        for each in form.lists if form else ():
            walk = self.session.walk(each.request.template(), each.page, RecordsForm(path=each.path, id="@"), {})
            values += [text for page in walk.pages() for value in page.records if (text := text_of(value))]
            # With a value missing, the records of a whole branch would seem deleted.
            if walk.flaws:
                raise SourceUnavailable(f"{self.session.name}: the values of fanout are incomplete: {walk.flaws[0]}")
            self._note_slips(walk)
        return list(dict.fromkeys(values))

    def columns(self) -> Columns:
        """Return the columns, from the configuration, the server's own list, or the records of the first page."""
        if self.options.columns:
            names = tuple(self.options.columns)
            # The first page tells nothing of the columns here, but it shows a wrong path or id before anything is read.
            self._columns_of_sample(frozenset())
            return Columns(names, tuple(name for name in names if name in self.needs.columns) or names)
        fields = self.options.fields
        if fields and fields.discover:
            return self._discovered(fields.discover, fields.always)
        found = self._columns_of_sample(self.needs.columns) or sorted({*self.needs.columns, self.options.id_column})
        used = [name for name in found if name in self.needs.columns or not self.needs.columns]
        return Columns(tuple(found), tuple(used))

    def _discovered(self, form: DiscoverForm, always: Sequence[str]) -> Columns:
        answer = self.session.ask(form.request.template(), {})
        names = [text for each in find(form.path, answer.body) or [] if (text := text_of(each))]
        if not names:
            raise SourceInvalid(
                f"{self.session.name}: the answer about the columns has nothing at {form.path!r}: "
                "correct fields.discover"
            )
        # The server lists "owner" where the configuration uses "owner.name".
        inner = sorted(name for name in self.needs.columns if "." in name and name.partition(".")[0] in names)
        known = list(dict.fromkeys([*names, *always, *inner]))
        read = [name for name in known if name in self.needs.columns or name in always]
        return Columns(tuple(known), tuple(read) if self.needs.columns else tuple(known))

    def field_lists(self, columns: frozenset[str] | Sequence[str]) -> list[list[str]]:
        """Return ``{fields}`` for these columns: one list for each request that this takes."""
        form = self.options.fields
        if form is None:
            return [sorted(columns)]
        always, names = [
            list(dict.fromkeys(name.partition(".")[0] if form.heads else name for name in group))
            for group in (form.always, sorted(columns))
        ]
        parts = split_names(always, names, most=form.most, chars=form.chars)
        # Each request would get a token of its own, but a cursor holds one for a branch.
        if len(parts) > 1 and self.options.changes and self.options.changes.source:
            raise SourceInvalid(
                f"{self.session.name}: the columns do not fit into one request (fields.most, fields.chars), and "
                f"changes by {self.options.changes.by} need all of them in one: use fewer columns"
            )
        return parts

    def _columns_of_sample(self, columns: frozenset[str]) -> list[str]:
        """Return the columns of the first page of a full read; if its records come in parts, of each part."""
        parts = map(self._noted, self._sample(columns))
        whole = partial(enriched, steps=self.options.steps(self.needs.columns), session=self.session)
        flat = not self.options.columns
        return sampled(parts, self.options.records.id, whole, self.session.name, flat=flat)

    def _noted(self, records: Sequence[Any]) -> list[Any]:
        live = self.live(records)
        self._note_witness(live)
        return live

    def _sample(self, columns: frozenset[str]) -> Iterable[Sequence[Any]]:
        first, *others = [self._first_page(fields) for fields in self.field_lists(columns)]
        return [[record for page in (first, *others) for record in page]] if others else parts_of(first)

    def _first_page(self, fields: Sequence[str]) -> Sequence[Any] | Listed:
        values: dict[str, Any] = {"fields": list(fields)} if fields else {}
        if self.options.page.size:
            values["size"] = self.options.page.size
        if self.options.fanout:
            if not self.branches():
                return []
            values[self.options.fanout.into] = self.branches()[0]
        step = self.options.page.pager().first()
        answer = self.session.ask(self.main, {**values, **step.values}, whole=True)
        return self.session.records(answer, self.options.records, self.main)

    def rows(self, columns: Columns, branch: str) -> Iterator[Rows]:
        """Yield every record of a branch."""
        walk = self._walk(self.main, columns.read, branch, {})
        for page in walk.pages():
            for part in parts_of(page.records):
                yield self.rows_of(self._noted(part), columns)
            self._keep_token(page, branch)
        self.flaws += walk.flaws
        self.repeats |= walk.repeats
        self._note_slips(walk)

    def changed(self, columns: Columns, branch: str, values: Mapping[str, Any], url: str | None) -> Iterator[Rows]:
        """Yield the last version of every changed record of a branch, and note the records that are gone."""
        changes = self.options.changes
        template = changes.request.over(self.main) if changes else self.main
        walk = self._walk(template, columns.read, branch, values, url)
        # A stream of changes may hold a record several times, also deleted and made again: the last version counts.
        latest: dict[Any, Any] = {}
        for page in walk.pages():
            for index, record in enumerate(page.records):
                id_ = self.id_of(record)
                key: Any = id_ if id_ is not None else (len(latest), index)
                # Remove it first, so that the last version comes in the order of its own place.
                latest.pop(key, None)
                latest[key] = record
            self._keep_token(page, branch)
        self.flaws += walk.flaws
        gone = {id_ for id_, record in latest.items() if isinstance(id_, str) and self.is_deleted(record)}
        self._note_gone(latest, gone)
        live = self.live(list(latest.values()))
        self.seen |= {id_ for id_ in ids_of(live, self.options.records.id) if id_}
        size = max(walk.largest, 1)
        for start in range(0, max(len(live), 1), size):
            yield self.rows_of(live[start : start + size], columns)

    def _note_gone(self, latest: Mapping[Any, Any], gone: set[str]) -> None:
        """Note each record that is gone as merged into another one, or as deleted."""
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
        parts = [{"fields": names} for names in self.field_lists(fields)] if self.options.fields else [{}]
        walks = [
            self.session.walk(
                template,
                self.options.page,
                self.options.records,
                {**part, **fanout, **values},
                begin=url,
                whole=not (values or url),
            )
            for part in parts
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
        """Return ``{since}`` and ``{until}`` of a window."""
        form = self.options.changes.form if self.options.changes else "iso"
        return {"since": moment(window.since, form), "until": moment(window.until, form)}

    def sweep(self, branches: Sequence[str]) -> pl.DataFrame | None:
        """Return the key of every record that exists now; None if the list may be incomplete."""
        form = self.options.deletes.sweep
        keys = self.needs.key or (self.options.id_column,)
        template = form.request.over(self.main) if form else self.main
        frames = []
        for branch in branches:
            walk = self._walk(template, sorted({*keys, self.options.id_column}), branch, {})
            for page in walk.pages():
                frames += [self._frame(self._noted(part), keys) for part in parts_of(page.records)]
            # No flaw of the whole read: the changes are complete, and the next read sweeps again.
            if walk.flaws:
                return None
            self._note_slips(walk)
        return pl.concat(frames)

    def _note_slips(self, walk: Walk | Parts) -> None:
        self.slips += [walk.slips] * bool(walk.slips)

    def _note_witness(self, live: Sequence[Any]) -> None:
        """Keep the ids of the first record, and of the last one that came."""
        if ids := [id_ for record in (*live[:1], *live[-1:]) if (id_ := self.id_of(record))]:
            self.witnesses = [*(self.witnesses[:1] or ids[:1]), ids[-1]]

    def _keep_token(self, page: Page, branch: str) -> None:
        changes = self.options.changes
        if changes and changes.source and (token := find(changes.source, page.body)):
            self.tokens[branch] = str(token)

    def live(self, records: Sequence[Any]) -> list[Any]:
        """Return the records that do not say that they are deleted."""
        return [record for record in records if not self.is_deleted(record)]

    def is_deleted(self, record: Any) -> bool:
        """Return whether a record says that it is deleted."""
        inline = self.options.deletes.inline
        if inline is None:
            return False
        value = find(inline.when, record)
        found = is_yes(value)
        if found is None:
            raise SourceInvalid(
                f"{self.session.name}: deletes.inline.when: {inline.when} has the value {shown([str(value)])}, "
                f"which means neither yes nor no; nothing is deleted. "
                f"Compare it, such as when: \"{inline.when} == 'Yes'\""
            )
        return found

    def id_of(self, record: Any) -> str | None:
        """Return the id of a record, also of a deleted one; None for none."""
        inline = self.options.deletes.inline
        path = inline.id if inline and inline.id and self.is_deleted(record) else self.options.records.id
        return text_of(find(path, record)) or None

    def rows_of(self, live: Sequence[Any], columns: Columns) -> Rows:
        """Return live records as rows, with what is looked up about them."""
        self._note_merges(live)
        found = enriched(live, self.options.steps(self.needs.columns), self.session)
        damage: Damage = {}
        frame = self._frame(found, columns.read, damage)
        begin, self.count = self.count + 1, self.count + frame.height
        if self.options.max_records and self.count > self.options.max_records:
            raise SourceInvalid(
                f"{self.session.name}: there are more than {self.options.max_records:,} records: "
                "raise max_records if that is right"
            )
        lines = pl.Series(range(begin, begin + frame.height), dtype=pl.UInt32)
        return rows_of(frame, self.session.name, lines, damage, self.needs.key)

    def _frame(self, records: Sequence[Any], columns: Sequence[str], damage: Damage | None = None) -> pl.DataFrame:
        with narrow(self.session.name):
            frame = table(records, columns, self.options.columns, damage)
        if not self.options.records.false_is_empty:
            return frame
        return frame.with_columns(pl.when(pl.all() != "false").then(pl.all()))

    def _note_merges(self, live: Sequence[Any]) -> None:
        path = self.options.deletes.merged
        for record in live if path else ():
            value, survivor = find(path or "", record), self.id_of(record)
            olds = value if isinstance(value, list) else str(value or "").split(";")
            for old in olds:
                # Some servers list the surviving id among the merged ones.
                if survivor and (text := text_of(old)) and text.strip() and text.strip() != survivor:
                    self.merged[text.strip()] = survivor

    def survivors(self) -> dict[str, str]:
        """Return old id to the id that is left in the end, for every merged record that is gone."""
        merged = {old: new for old, new in self.merged.items() if old not in self.seen}
        return {old: _last_of(new, merged) for old, new in merged.items()}


def _last_of(id_: str, merged: Mapping[str, str]) -> str:
    # As many steps as there are merges, so that two records that name each other end too.
    for _ in merged:
        id_ = merged.get(id_, id_)
    return id_
