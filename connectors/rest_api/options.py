"""The options of a REST source as a whole: fill in the preset, and check that the parts agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from connectors.http_parts.paths import JsonPath, names_of
from connectors.http_parts.presets import Presets
from connectors.http_parts.server_options import ServerOptions
from connectors.http_parts.template import READ_VARIABLES, names_in
from connectors.rest_api.forms import (
    ChangesForm,
    EnrichForm,
    FanoutForm,
    FieldsForm,
    GoneForm,
    LookupForm,
    PageForm,
    RecordsForm,
    RequestForm,
    ValuesForm,
)
from syncd.source import Duration, nearest


class RestOptions(ServerOptions):
    """The ``options`` of a REST source. Texts of requests are templates over ``vars``, ``secrets`` and the read."""

    PRESETS: ClassVar[Presets] = Presets(Path(__file__).parent / "presets")

    request: RequestForm = Field(default=RequestForm(), description="The request for a page of records.")
    records: RecordsForm = RecordsForm()
    page: PageForm = PageForm()
    columns: Mapping[str, JsonPath] = Field(
        default={}, description="Columns and where a record holds each; without any, all that the records hold."
    )
    changes: ChangesForm | None = Field(default=None, description="How only the changes are read.")
    deletes: GoneForm = GoneForm()
    full_every: Duration = Field(default=86400.0, description="How often all records are read again.")
    lookup: LookupForm | None = Field(default=None, description="How a record that a list lacks is asked for alone.")
    enrich: tuple[EnrichForm, ...] = ()
    fields: FieldsForm | None = None
    fanout: FanoutForm | None = None
    max_records: int | None = Field(default=None, ge=1, description="More records than this are an error.")

    def problems(self) -> Iterator[str]:
        yield from self.address_problems()
        if self.base_url is not None and self.request.path is None:
            yield "request.path is missing: what follows base_url"
        yield from self._variable_problems()
        yield from self._page_problems()
        yield from self.unused(form.names() for _, form in self._requests())
        if self.changes is None and (self.deletes.feed or self.deletes.sweep):
            yield "deletes.feed and deletes.sweep need changes: without it every read is of everything"
        if self.deletes.feed and self.changes and self.changes.by != "time":
            yield "deletes.feed needs changes.by: time, which says since when"
        if self.columns and self.records.id not in self.columns.values():
            yield f"columns has no column for the records' id, {self.records.id}: add one"

    def _variable_problems(self) -> Iterator[str]:
        # A lookup knows the id of a record, and not in which list of a fan-out the record was.
        fanned = {self.fanout.into} if self.fanout else set()
        known = {*READ_VARIABLES, *self.vars, *self.secrets, *fanned}
        for where, form in self._requests():
            here = {*(known - fanned), "id"} if where == "lookup.request" else known
            for name in sorted(form.names() - here):
                yield f"{where} uses {{{name}}}, which is none of its variables{nearest(name, here)}"
            if secret := names_in(form.path or "") & set(self.secrets):
                yield f"{where}.path uses the secret {{{min(secret)}}}: a path is shown in messages; use a header"
        yield from self.auth_problems()

    def _requests(self) -> Iterator[tuple[str, RequestForm]]:
        """Yield every request with its place."""
        yield "request", self.request
        optional = {
            "changes.request": self.changes and self.changes.request,
            "deletes.feed.request": self.deletes.feed and self.deletes.feed.request,
            "deletes.sweep.request": self.deletes.sweep and self.deletes.sweep.request,
            "lookup.request": self.lookup and self.lookup.request,
            "fields.discover.request": self.fields and self.fields.discover and self.fields.discover.request,
            **{f"fanout.lists[{at}].request": each.request for at, each in enumerate(self._fanout_lists())},
            **{f"enrich[{at}].request": step.request for at, step in enumerate(self.enrich)},
        }
        yield from ((where, form) for where, form in optional.items() if form)

    def _fanout_lists(self) -> tuple[ValuesForm, ...]:
        return self.fanout.lists if self.fanout else ()

    def lists(self) -> Iterator[tuple[str, PageForm, RequestForm]]:
        """Yield the place, the paging and the request of every list that comes in pages."""
        yield "page", self.page, self.request
        if self.deletes.feed:
            yield "deletes.feed.page", self.deletes.feed.page, self.deletes.feed.request
        for at, values in enumerate(self._fanout_lists()):
            yield f"fanout.lists[{at}].page", values.page, values.request

    def long_list(self) -> tuple[str, ...] | None:
        """Return the keys that lead to the records if those can be read one by one; None if they cannot."""
        place = names_of(self.records.path)
        # Whatever else looks into the answer must not need the list, and a lookup is for a whole page.
        token = None if self.page.source is None or self.page.source.lower().startswith("header:") else self.page.source
        others = [token, self.page.more, self.page.total, self.changes.source if self.changes else None]
        found = [names_of(path) for path in (*others, *(each.when for each in self.errors)) if path]
        if place is None or self.enrich or self.fields:
            return None
        return place if all(names and names[:1] != place[:1] for names in found) else None

    def _page_problems(self) -> Iterator[str]:
        for where, page, request in self.lists():
            if page.variable and page.variable not in request.names():
                yield f"{where} goes on by {page.by}, but no part of its request uses {{{page.variable}}}"
        if self.changes and (needed := {"time": "since", "token": "cursor"}.get(self.changes.by)):
            # The request of changes is laid over the main one, so a variable may be in either.
            used = self.request.names() | self.changes.request.names()
            if needed not in used:
                yield f"changes goes by {self.changes.by}, but no part of its request uses {{{needed}}}"

    def steps(self, columns: frozenset[str]) -> tuple[EnrichForm, ...]:
        """Return the steps of ``enrich`` that these columns need; all if no column is named."""
        paths = [*(self.columns.get(name, name) for name in columns), *([] if columns else self.columns.values())]
        needed: list[EnrichForm] = []
        # From the last to the first: a step is also needed if a later one looks up what it finds.
        for step in reversed(self.enrich):
            texts = [*paths, *(later.by for later in needed)]
            if not columns or any(re.search(rf"(^|\W){re.escape(step.into)}(\W|$)", text) for text in texts):
                needed.insert(0, step)
        return tuple(needed)

    @property
    def id_column(self) -> str:
        """The column that holds a record's id."""
        return next((name for name, path in self.columns.items() if path == self.records.id), self.records.id)
