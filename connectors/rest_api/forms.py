"""The parts of a REST source's options that say what is asked and where it stands in the answers.

Each is checked by itself; what they mean together is in ``rest_options``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from connectors.http_parts.paths import JsonPath, finder
from connectors.rest_api.cursor import FORMATS
from connectors.rest_api.paging import (
    KeysetPages,
    NextUrlPages,
    NumberPages,
    OffsetPages,
    OnePage,
    Pager,
    TokenPages,
)
from connectors.rest_api.template import RequestTemplate, names_in, unguarded
from connectors.rest_api.walk import MOST_PAGES
from syncd.source import Duration, Options

Template = Annotated[Any, AfterValidator(lambda value: (names_in(value), value)[1])]
"""A value whose texts are templates, at any depth."""


def _place(value: str) -> str:
    if not value.lower().startswith("header:"):
        finder(value)
    return value


Place = Annotated[str, AfterValidator(_place)]
"""Where an answer holds something: a JMESPath of its body, or ``header:NAME``."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("is no name of a variable: use letters, digits and _")
    return value


Name = Annotated[str, AfterValidator(_name)]
"""What a variable of a template is called."""


def _moment_form(value: str) -> str:
    if value not in FORMATS and "%" not in value:
        raise ValueError(f"is no form of a moment: write one of {', '.join(FORMATS)}, or directives such as %Y-%m-%d")
    return value


class RequestForm(Options):
    """A request. Its texts are templates; what is not said here is as in the main ``request``."""

    method: Literal["GET", "POST"] | None = Field(default=None, description="GET if nothing is said.")
    path: Annotated[str, Field(pattern="^/"), AfterValidator(lambda value: (names_in(value), value)[1])] | None = Field(
        default=None, description="What follows base_url."
    )
    query: Mapping[str, Template] = Field(default={}, description="The parameters of the URL.")
    headers: Mapping[str, Template] = Field(default={}, description="Headers beside those of auth.")
    body: Template | None = Field(default=None, description="What is sent as JSON.")

    @model_validator(mode="after")
    def _guarded(self) -> RequestForm:
        if bare := sorted(unguarded(self.body)):
            raise ValueError(
                f"body uses {{{bare[0]}}}, which not every request has, below its first level: "
                f"write {{if: {bare[0]}, then: …}} around what goes with it"
            )
        return self

    def names(self) -> frozenset[str]:
        """The variables that it uses."""
        return names_in([self.path or "", self.query, self.headers, self.body or ""])

    def template(self) -> RequestTemplate:
        """The request of this form alone."""
        return RequestTemplate(self.path or "/", self.method or "GET", self.query, self.headers, self.body)

    def over(self, main: RequestTemplate) -> RequestTemplate:
        """The main request with what this form says in its place."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return main.with_parts({name: value for name, value in said.items() if value is not None})


class RecordsForm(Options):
    """Where the records stand in an answer."""

    path: JsonPath = Field(default="@", description="The list of records (JMESPath); @ is the answer itself.")
    id: JsonPath = Field(default="id", description="A record's own id, in the record.")
    false_is_empty: bool = Field(default=False, description="The server writes false where there is no text.")


class PageForm(Options):
    """How a list goes on."""

    by: Literal["none", "token", "next_url", "offset", "number", "keyset"] = Field(
        default="none", description="What the next page is asked for by."
    )
    source: Place | None = Field(
        default=None, alias="from", description="Where token or next_url stands: a JMESPath, or header:NAME."
    )
    size: int | None = Field(default=None, ge=1, description="{size}: how many records a page is asked to have.")
    start: int | None = Field(default=None, ge=0, description="The first offset (0), number (1) or id.")
    more: JsonPath | None = Field(default=None, description="Says whether there is another page.")
    total: JsonPath | None = Field(default=None, description="The number of records; it must agree.")
    most: int | None = Field(default=None, ge=1, description="So many records and no more are shown by such a list.")
    max_pages: int = Field(default=MOST_PAGES, ge=1, description="More pages are not asked for.")

    @model_validator(mode="after")
    def _complete(self) -> PageForm:
        if (self.by in {"token", "next_url"}) != (self.source is not None):
            need = "needs from" if self.source is None else "takes no from"
            raise ValueError(f"by: {self.by} {need}: where an answer holds the next token or address")
        return self

    def pager(self) -> Pager:
        """The way of paging that this says."""
        if self.by == "token":
            return TokenPages(self.source or "")
        if self.by == "next_url":
            return NextUrlPages(self.source or "")
        if self.by == "offset":
            return OffsetPages(self.start or 0)
        if self.by == "number":
            return NumberPages(1 if self.start is None else self.start)
        return KeysetPages(self.start) if self.by == "keyset" else OnePage()

    @property
    def variable(self) -> str | None:
        """The variable that a request must use for the pages to differ."""
        return {"token": "token", "offset": "offset", "number": "page", "keyset": "last_id"}.get(self.by)


class ChangesForm(Options):
    """How only what changed is read."""

    by: Literal["time", "token", "url"] = Field(
        description="time: {since} and {until}; token: {cursor}, from the answer; url: a whole address from the answer."
    )
    request: RequestForm = Field(default=RequestForm(), description="How it differs from the main request.")
    form: Annotated[str, AfterValidator(_moment_form)] = Field(
        default="iso", description="How {since} and {until} are written: iso, iso_ms, unix, unix_ms, http_date, %Y-…"
    )
    overlap: Duration = Field(default=300.0, description="How much of the time before is asked for again.")
    lag: Duration = Field(default=0.0, description="How recent a change the server may not show yet.")
    source: JsonPath | None = Field(
        default=None, alias="from", description="Where the last page holds the token or the address (JMESPath)."
    )

    @model_validator(mode="after")
    def _complete(self) -> ChangesForm:
        if (self.by == "time") != (self.source is None):
            need = "needs from" if self.source is None else "takes no from"
            raise ValueError(f"by: {self.by} {need}: where the last page holds what the next read goes on from")
        return self


class InlineForm(Options):
    """Records that say of themselves that they are deleted."""

    when: JsonPath = Field(description="True of a deleted record (JMESPath).")
    id: JsonPath | None = Field(default=None, description="Its id, if it stands elsewhere than in other records.")
    into: JsonPath | None = Field(default=None, description="The id of the record that it was merged into, if it was.")


class FeedForm(Options):
    """A list of the ids that were deleted since."""

    request: RequestForm = Field(description="Uses {since} and {until}, in the form that changes says.")
    records: RecordsForm = RecordsForm()
    page: PageForm = PageForm()
    horizon: Duration | None = Field(default=None, description="How far back it goes; after longer, all is read.")


class SweepForm(Options):
    """Now and then, the keys of all records, to see which are gone."""

    request: RequestForm = Field(default=RequestForm(), description="How it differs from the main request.")
    every: Duration = Field(default=86400.0, description="How often.")


class GoneForm(Options):
    """How an incremental read learns that a record is gone; a full read needs none of it."""

    inline: InlineForm | None = None
    feed: FeedForm | None = None
    sweep: SweepForm | None = None
    merged: JsonPath | None = Field(
        default=None, description="In a record: the ids (a list, or text parted by ;) that were merged into it."
    )

    @property
    def by_id(self) -> bool:
        """Whether any of it tells of ids, so that the key must be the id."""
        return bool(self.inline or self.feed or self.merged)


class EnrichForm(Options):
    """Looks up more about each page's records, in batches, and puts it into them."""

    into: str = Field(min_length=1, description="The name in the record under which what was found is put.")
    by: JsonPath = Field(description="In the record: the id, or list of ids, to look up.")
    request: RequestForm = Field(description="Uses {ids}.")
    records: RecordsForm = RecordsForm()
    chunk: int = Field(default=100, ge=1, description="Ids of one request.")

    @model_validator(mode="after")
    def _asks(self) -> EnrichForm:
        if "ids" not in self.request.names():
            raise ValueError("its request uses no {ids}, so it would look up nothing in particular")
        return self


class DiscoverForm(Options):
    """How the names of all columns are found out."""

    request: RequestForm
    path: JsonPath = Field(description="The list of names in the answer (JMESPath).")


class FieldsForm(Options):
    """``{fields}``: the columns that the configuration uses, for a server that wants them named."""

    always: tuple[str, ...] = Field(default=(), description="Columns that are asked for in any case.")
    discover: DiscoverForm | None = None
    most: int | None = Field(
        default=None,
        ge=1,
        description="Names of one request; more are asked for in several, put together by id.",
    )
    chars: int | None = Field(default=None, ge=1, description="Characters of the names of one request, as most.")
    heads: bool = Field(default=False, description="Ask for `a` where the column is `a.b`.")


class ValuesForm(Options):
    """A list of values."""

    request: RequestForm
    path: JsonPath = Field(description="The values in an answer (JMESPath).")
    page: PageForm = PageForm()


class FanoutForm(Options):
    """Read the same list once for each of several values."""

    into: Name = Field(description="The variable that holds the value.")
    values: tuple[str, ...] = Field(default=(), description="Values that are known.")
    lists: tuple[ValuesForm, ...] = Field(default=(), description="What tells of more of them.")

    @model_validator(mode="after")
    def _complete(self) -> FanoutForm:
        if not (self.lists or self.values):
            raise ValueError("has no value: write values, or lists, or both")
        return self
