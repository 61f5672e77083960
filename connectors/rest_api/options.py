"""The options of a REST source as a whole: fill in the preset, and check that the parts agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from connectors.http_parts.access import AnswerForm, AuthForm, HintForm, LimitEntry, Name, Secret
from connectors.http_parts.paths import JsonPath, names_of
from connectors.http_parts.presets import Presets, merged
from connectors.http_parts.template import READ_VARIABLES, as_text, fill, names_in
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
from syncd.rest import LOOPBACK
from syncd.source import Duration, Options, Size, nearest, yaml_reader

PRESETS = Presets(Path(__file__).parent / "presets")


class RestOptions(Options):
    """The ``options`` of a REST source. Texts of requests are templates over ``vars``, ``secrets`` and the read."""

    preset: str | None = Field(default=None, description="A vendor's options; the other options here replace them.")
    base_url: str | None = Field(default=None, description="Where paths begin; a template over vars.")
    plain_http: bool = Field(default=False, description="Allow http:, which sends the key without encryption.")
    vars: Mapping[Name, str] = Field(default={}, description="Values that templates may use.")
    secrets: Mapping[Name, Secret] = Field(default={}, description="Keys that templates may use, shown nowhere.")
    auth: AuthForm = AuthForm()
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
    limits: tuple[LimitEntry, ...] = Field(default=(), description="How many requests the server takes.")
    hints: tuple[HintForm, ...] = ()
    errors: tuple[AnswerForm, ...] = Field(default=(), description="The meaning of certain answers.")
    timeout: Annotated[Duration, Field(gt=0)] = Field(default=60.0, description="How long a silence may last.")
    deadline: Annotated[Duration, Field(gt=0)] = Field(default=300.0, description="How long one request may take.")
    max_answer: Size = Field(default=64_000_000, description="The longest answer, after unpacking.")
    patience: Duration = Field(default=120.0, description="How long a request may wait because of limits.")
    max_records: int | None = Field(default=None, ge=1, description="More records than this are an error.")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any, info: ValidationInfo) -> Any:
        """Return the given options on top of those of the preset."""
        name = given.get("preset") if isinstance(given, Mapping) else None
        # _is_there, which pydantic calls later, reports a name that is no preset.
        if name not in PRESETS.names():
            return given
        found = PRESETS.get(name, yaml_reader(info))
        whole = merged(found.options, given)
        missing = [f"{place} ({text})" for place, text in found.needs.items() if not _has(whole, *place.split("."))]
        if missing:
            raise ValueError(f"the preset {name} needs {'; '.join(missing)}")
        return whole

    @field_validator("preset")
    @classmethod
    def _is_there(cls, name: str | None) -> str | None:
        if name is not None and name not in (names := PRESETS.names()):
            raise ValueError(f"{name!r} is no preset{nearest(name, names)}; there are: {', '.join(names)}")
        return name

    @model_validator(mode="after")
    def _agrees(self) -> RestOptions:
        # Report every problem at once, so that a person need not correct one after the other.
        problems = list(dict.fromkeys(self._problems()))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        yield from self._address_problems()
        yield from self._variable_problems()
        yield from self._page_problems()
        yield from self._unused()
        if self.changes is None and (self.deletes.feed or self.deletes.sweep):
            yield "deletes.feed and deletes.sweep need changes: without it every read is of everything"
        if self.deletes.feed and self.changes and self.changes.by != "time":
            yield "deletes.feed needs changes.by: time, which says since when"
        if self.columns and self.records.id not in self.columns.values():
            yield f"columns has no column for the records' id, {self.records.id}: add one"

    def _address_problems(self) -> Iterator[str]:
        if self.base_url is None:
            yield "base_url is missing (or a preset)"
            return
        if self.request.path is None:
            yield "request.path is missing: what follows base_url"
        oauth = self.auth.oauth2
        api = oauth.api if oauth else None
        if bool(api) != self.base_url.startswith("{api}") or self.base_url.count("{api}") > 1:
            yield "base_url begins with {api} if auth.oauth2.api says where the API is, and only then"
            return
        unknown = names_in(self.base_url) - {*self.vars, *(["api"] if api else [])}
        if unknown:
            yield f"base_url uses {{{min(unknown)}}}, which vars does not have"
            return
        # The API's address is known only when a token is; any allowed host does to check the rest of the URL.
        yield from self._url_problems("base_url", self.address(f"https://{api.under[0]}" if api else ""))
        if oauth and not names_in(oauth.token_url) - set(self.vars):
            token_url = as_text(fill(oauth.token_url, self.vars))
            yield from self._url_problems("auth.oauth2.token_url", token_url, query=True)

    def _url_problems(self, where: str, address: str, *, query: bool = False) -> Iterator[str]:
        try:
            url = urlsplit(address)
            # A variable with "https://…" in it makes a path that begins with two slashes.
            bare = "@" not in url.netloc and not url.path.startswith("//")
            usable = url.scheme in {"http", "https"} and bool(url.hostname) and bare
        except ValueError:
            usable = False
        if not usable or (url.query and not query) or url.fragment:
            yield f"{where} is no address: write https://host/path, without user, query and fragment; a host without https://"
        elif url.scheme == "http" and url.hostname not in LOOPBACK and not self.plain_http:
            yield f"{where} is plain http, in which the key travels in clear: write https, or plain_http: true"

    def address(self, api: str = "") -> str:
        """Return the base URL with its variables filled in; ``api``: the API's address from the token's answer."""
        return as_text(fill(self.base_url or "", {**self.vars, "api": api})).rstrip("/")

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
        fixed = {*self.vars, *self.secrets}
        for where, template in self.auth.templates().items():
            for name in sorted(names_in(template) - fixed):
                yield f"{where} uses {{{name}}}, which neither vars nor secrets has{nearest(name, fixed)}"

    def _unused(self) -> Iterator[str]:
        # A name that is used nowhere is most likely misspelt.
        used = names_in([self.base_url or "", *self.auth.templates().values()])
        used = used.union(*(form.names() for _, form in self._requests()))
        for where, names in (("vars", self.vars), ("secrets", self.secrets)):
            for name in sorted(set(names) - used):
                yield f"{where}.{name} is used nowhere{nearest(name, {*self.vars, *self.secrets} & used)}"

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


def _has(options: Mapping[str, Any], part: str, key: str) -> bool:
    keys = options.get(part)
    return isinstance(keys, Mapping) and key in keys
