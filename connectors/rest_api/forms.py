"""The options of a REST source about requests and answers: what is asked, and where the records are.

Each part is checked by itself here; ``options`` checks that the parts agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from connectors.http_parts.access import Name, PathTemplate, Template
from connectors.http_parts.paths import JsonPath, finder
from connectors.http_parts.template import RequestTemplate, names_in, unguarded
from connectors.http_parts.times import TimeFormat
from connectors.rest_api.paging import (
    KeysetPages,
    NextUrlPages,
    NumberPages,
    OffsetPages,
    OnePage,
    Pager,
    TokenPages,
)
from connectors.rest_api.walk import MOST_PAGES
from syncd.source import Duration, Options


def _place(value: str) -> str:
    # Compile the expression now, so that a wrong one is reported with its place in the configuration.
    if not value.lower().startswith("header:"):
        finder(value)
    return value


Place = Annotated[str, AfterValidator(_place)]
"""A place in an answer: a JMESPath of its body, or ``header:NAME``."""


class RequestForm(Options):
    """A request. Its texts are templates; a part that is absent is as in the main ``request``."""

    method: Literal["GET", "POST"] | None = Field(default=None, description="GET by default.")
    path: PathTemplate | None = Field(default=None, description="What follows base_url.")
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
        """Return the variables that the request uses."""
        return names_in([self.path or "", self.query, self.headers, self.body or ""])

    def template(self) -> RequestTemplate:
        """Return the request of this form alone."""
        return RequestTemplate(self.path or "/", self.method or "GET", self.query, self.headers, self.body)

    def over(self, main: RequestTemplate) -> RequestTemplate:
        """Return the main request with the parts of this form in place of its own."""
        # Only parts that the configuration sets count: a default must not replace a part of the main request.
        parts = {name: getattr(self, name) for name in self.model_fields_set}
        return main.with_parts({name: value for name, value in parts.items() if value is not None})


class RecordsForm(Options):
    """Where an answer holds the records."""

    path: JsonPath = Field(default="@", description="The list of records (JMESPath); @ is the answer itself.")
    id: JsonPath = Field(default="id", description="A record's own id, in the record.")
    # Odoo does this, and "false" would become a contact's name.
    false_is_empty: bool = Field(default=False, description="The server writes false where there is no text.")


class PageForm(Options):
    """How a list goes on from page to page."""

    by: Literal["none", "token", "next_url", "offset", "number", "keyset"] = Field(
        default="none", description="How the next page is asked for."
    )
    source: Place | None = Field(
        default=None, alias="from", description="Where an answer holds token or next_url: a JMESPath, or header:NAME."
    )
    size: int | None = Field(default=None, ge=1, description="{size}: how many records a page is asked to have.")
    start: int | None = Field(default=None, ge=0, description="The first offset (0), number (1) or id.")
    more: JsonPath | None = Field(default=None, description="Says whether there is another page.")
    total: JsonPath | None = Field(default=None, description="The number of records; it must agree.")
    most: int | None = Field(default=None, ge=1, description="The most records that the server shows of this list.")
    max_pages: int = Field(default=MOST_PAGES, ge=1, description="The most pages that are asked for.")
    stable: bool = Field(
        default=False,
        description="No record can slip between two pages: the server goes on by a key, or by a snapshot.",
    )

    @model_validator(mode="after")
    def _complete(self) -> PageForm:
        if (self.by in {"token", "next_url"}) != (self.source is not None):
            need = "needs from" if self.source is None else "takes no from"
            raise ValueError(f"by: {self.by} {need}: where an answer holds the next token or address")
        return self

    def pager(self) -> Pager:
        """Return the way of paging."""
        if self.by == "token":
            return TokenPages(self.source or "")
        if self.by == "next_url":
            return NextUrlPages(self.source or "")
        if self.by == "offset":
            return OffsetPages(self.start or 0)
        if self.by == "number":
            # Not "or": a list may begin with page 0.
            return NumberPages(1 if self.start is None else self.start)
        return KeysetPages(self.start) if self.by == "keyset" else OnePage()

    @property
    def slips(self) -> str:
        """Why a record may slip from one page to another while the list is read; empty: it cannot."""
        # A token or a link may be a place in the order of an id, or just a number of a page: nothing shows which.
        if self.stable or self.by in {"none", "keyset"}:
            return ""
        return f"rows may slip between the pages of its list (page.by: {self.by})"

    @property
    def variable(self) -> str | None:
        """The variable that a request must use, or every page would be the first one."""
        return {"token": "token", "offset": "offset", "number": "page", "keyset": "last_id"}.get(self.by)


class ChangesForm(Options):
    """How only the changes are read."""

    by: Literal["time", "token", "url"] = Field(
        description="time: {since} and {until}; token: {cursor}, from the answer; url: a whole address from the answer."
    )
    request: RequestForm = Field(default=RequestForm(), description="How it differs from the main request.")
    form: TimeFormat = Field(
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
    # Dataverse, for one, has the id of a deleted record under another name.
    id: JsonPath | None = Field(default=None, description="A deleted record's id, if it is not at records.id.")
    into: JsonPath | None = Field(default=None, description="The id of the record that it was merged into, if it was.")


class FeedForm(Options):
    """A list of the ids that were deleted in a span of time."""

    request: RequestForm = Field(description="Uses {since} and {until}, in the form that changes says.")
    records: RecordsForm = RecordsForm()
    page: PageForm = PageForm()
    horizon: Duration | None = Field(default=None, description="How far back it goes; after longer, all is read.")


class SweepForm(Options):
    """A read of the keys of all records now and then, to find the records that are gone."""

    request: RequestForm = Field(default=RequestForm(), description="How it differs from the main request.")
    every: Duration = Field(default=86400.0, description="How often.")


class GoneForm(Options):
    """How an incremental read finds deleted records; a full read needs none of it."""

    inline: InlineForm | None = None
    feed: FeedForm | None = None
    sweep: SweepForm | None = None
    merged: JsonPath | None = Field(
        default=None, description="In a record: the ids that were merged into it (a list, or text separated by ;)."
    )

    @property
    def by_id(self) -> bool:
        """Whether deleted or merged records are named by id, so that the key must be the id."""
        # A sweep reads the columns of the key, whichever they are.
        return bool(self.inline or self.feed or self.merged)


class EnrichForm(Options):
    """Looks up more about each page's records, in batches, and puts it into them."""

    into: str = Field(min_length=1, description="The name in the record for what was found.")
    by: JsonPath = Field(description="In the record: the id, or list of ids, to look up.")
    request: RequestForm = Field(description="Uses {ids}.")
    records: RecordsForm = RecordsForm()
    chunk: int = Field(default=100, ge=1, description="Ids of one request.")
    missing: Literal["unknown", "empty"] = Field(
        default="unknown",
        description="An id without an answer: unknown (it must be proved that it is not there) or empty.",
    )

    @model_validator(mode="after")
    def _asks(self) -> EnrichForm:
        if "ids" not in self.request.names():
            raise ValueError("its request uses no {ids}, so it would look up nothing in particular")
        return self


class LookupForm(Options):
    """How single records are asked for, to know whether records that a list lacks are gone."""

    request: RequestForm = Field(description="Uses {id} for one record, or {ids} for several.")
    records: RecordsForm = RecordsForm()
    chunk: int = Field(default=50, ge=1, description="Ids of one request that uses {ids}.")
    gone: tuple[int, ...] = Field(default=(404, 410), description="The statuses that say that there is no such record.")

    @model_validator(mode="after")
    def _asks(self) -> LookupForm:
        if len({"id", "ids"} & self.request.names()) != 1:
            raise ValueError("its request must use {id}, for one record, or {ids}, for several")
        return self

    @property
    def by_path(self) -> bool:
        """Whether the id is a part of the path, so that the answer is about no other record."""
        return "id" in names_in(self.request.path or "")


class DiscoverForm(Options):
    """A request for the names of all columns."""

    request: RequestForm
    path: JsonPath = Field(description="The list of names in the answer (JMESPath).")


class FieldsForm(Options):
    """``{fields}``: the columns that the configuration uses, for a server that must be given their names."""

    always: tuple[str, ...] = Field(default=(), description="Columns that are asked for in any case.")
    discover: DiscoverForm | None = None
    # Zoho takes 50 names in a request, and other servers bound the length of a URL.
    most: int | None = Field(
        default=None,
        ge=1,
        description="The most names in one request; more are asked for in several, put together by id.",
    )
    chars: int | None = Field(default=None, ge=1, description="The most characters of the names in one request.")
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
    lists: tuple[ValuesForm, ...] = Field(default=(), description="Lists of more values.")

    @model_validator(mode="after")
    def _complete(self) -> FanoutForm:
        if not (self.lists or self.values):
            raise ValueError("has no value: write values, or lists, or both")
        return self
