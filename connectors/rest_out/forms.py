"""The options of a REST sink about requests, records and answers; ``options`` checks that the parts agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from connectors.http_parts.access import Name, PathTemplate, Template
from connectors.http_parts.paths import JsonPath
from connectors.http_parts.template import RequestTemplate, names_in
from connectors.http_parts.times import TimeFormat
from syncd.sink import Options

Moment = Literal["start_time", "answer_time", "end_time", "sent_at"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone: write a name such as America/New_York") from None
    return name


class WriteForm(Options):
    """A request. Its texts are templates."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: PathTemplate = Field(description="What follows base_url.")
    query: Mapping[str, Template] = Field(default={}, description="The parameters of the URL.")
    headers: Mapping[str, Template] = Field(default={}, description="Headers beside those of auth.")
    body: Template | None = Field(default=None, description="What is sent as JSON; {record} is the record.")

    def names(self) -> frozenset[str]:
        """Return the variables that the request uses."""
        return names_in([self.path, self.query, self.headers, self.body or ""])

    def template(self) -> RequestTemplate:
        return RequestTemplate(self.path, self.method, self.query, self.headers, self.body)


def _value(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class ValueForm(Options):
    """A value that templates use beside those of the row: a time, a choice, a number or a text."""

    time: Moment | None = Field(default=None, description="A time of the row.")
    form: TimeFormat = Field(default="iso", description="How the time is written.")
    zone: Annotated[str, AfterValidator(_zone)] = Field(default="UTC", description="The time zone of the time.")
    shift: float = Field(default=0.0, description="Seconds that are added to the time.")
    of: Template | None = Field(default=None, description="What choices choose by.")
    choices: Mapping[str, Template] = Field(default={}, description="What the value of `of` becomes.")
    otherwise: Template | None = Field(default=None, description="What any other value of `of` becomes.")
    number: Template | None = Field(default=None, description="A whole number that is sent as one, such as an id.")
    text: Template | None = Field(default=None, description="A text.")
    most: int | None = Field(default=None, ge=1, description="The most characters of a text; what is more is cut.")

    @model_validator(mode="after")
    def _one_kind(self) -> ValueForm:
        given = [name for name in ("time", "of", "number", "text") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("is one of time, of, number and text")
        return self

    def names(self) -> frozenset[str]:
        """Return the variables that the value uses."""
        texts = [self.of, self.otherwise, self.number, self.text, *self.choices.values()]
        return names_in([each for each in texts if each is not None])


ValueEntry = Annotated[
    ValueForm, BeforeValidator(_value), WithJsonSchema({"type": ["string", "object"], "examples": ["{title}"]})
]


class CompleteForm(Options):
    """What is asked before a record is made or looked for. It is added to a new record; find may use it as well."""

    request: WriteForm
    values: Mapping[str, JsonPath] = Field(
        min_length=1, description="Fields of the record, and where the answer has them."
    )


class FindForm(Options):
    """How a record is looked for whose making was not answered."""

    request: WriteForm
    path: JsonPath = Field(default="@", description="The records in the answer (JMESPath).")
    id: JsonPath = Field(default="id", description="A record's own id, in the record.")
    same: Mapping[JsonPath, Template] = Field(
        min_length=1, description="What a record must hold to be the one: places in it, and their values."
    )
    more: JsonPath | None = Field(default=None, description="True if there are more records than the answer has.")


class ReadForm(Options):
    """How a record is read before it is changed: a field that a person changed is left."""

    request: WriteForm
    path: JsonPath = Field(default="@", description="The record in the answer (JMESPath).")


class KindForm(Options):
    """How calls, or messages, become records."""

    values: Mapping[Name, ValueEntry] = Field(default={}, description="More values for templates.")
    record: Mapping[str, Template] = Field(min_length=1, description="The fields; absent values are left out.")
    needs: tuple[Name, ...] = Field(default=(), description="Values without which there is no record.")
    once: tuple[str, ...] = Field(default=(), description="Fields that only a new record is sent.")
    complete: CompleteForm | None = None
    create: WriteForm | None = Field(default=None, description="Makes a record.")
    upsert: WriteForm | None = Field(default=None, description="Makes or writes the record with this {identity}.")
    id: JsonPath = Field(default="id", description="The record's id in the answer.")
    new: JsonPath | None = Field(default=None, description="Upsert: false in the answer if the record was there.")
    update: WriteForm | None = Field(default=None, description="Changes the record {id}; {record} is what has changed.")
    read: ReadForm | None = None
    find: FindForm | None = None
    associate: WriteForm | None = Field(default=None, description="Associates the record {id} with one {contact}.")

    @model_validator(mode="after")
    def _one_way(self) -> KindForm:
        if (self.create is None) == (self.upsert is None):
            raise ValueError("has either create or upsert")
        if self.upsert and "identity" not in self.upsert.names():
            raise ValueError("upsert uses no {identity}, so nothing says which record it is")
        if unknown := sorted(set(self.once) - set(self.record)):
            raise ValueError(f"once names {unknown[0]}, which is no field of record")
        if self.read and self.update is None:
            raise ValueError("read is of no use without update")
        return self

    def requests(self) -> dict[str, WriteForm]:
        """Return every request by its place."""
        found = {
            "create": self.create,
            "upsert": self.upsert,
            "update": self.update,
            "associate": self.associate,
            "complete.request": self.complete and self.complete.request,
            "read.request": self.read and self.read.request,
            "find.request": self.find and self.find.request,
        }
        return {where: form for where, form in found.items() if form}

    def names(self) -> frozenset[str]:
        """Return the variables that requests and conditions use."""
        asked = frozenset[str]().union(*(form.names() for form in self.requests().values()))
        return asked | (names_in(self.find.same) if self.find else frozenset())

    def carried(self) -> frozenset[str]:
        """Return the variables that requests need beside the record, of an activity as it was when it was worded."""
        asked = [form.names() for where, form in self.requests().items() if where != "associate"]
        looked = names_in(self.find.same) if self.find else frozenset[str]()
        return looked.union(*asked, self.needs) - {"identity", "id", "record"}


class EraseForm(Options):
    """How the record {id} is removed, of calls and of messages."""

    request: WriteForm
    gone: tuple[int, ...] = Field(default=(404, 410), description="The statuses that say that there is no such record.")


class CheckForm(Options):
    """A request that writes nothing, which says whether the key is accepted."""

    request: WriteForm
    expect: Template | None = Field(default=None, description="True of the answer (JMESPath with vars).")
    otherwise: str = Field(default="the answer is not as it should be", description="What to say if it is not true.")


class SearchForm(Options):
    """How a contact with {number} is looked for."""

    request: WriteForm
    path: JsonPath = Field(default="@", description="The contacts in the answer (JMESPath).")
    id: JsonPath = "id"


class ContactForm(Options):
    """How a contact is made of an unknown caller. Its requests use {number}, {number_e164} and {name}."""

    search: SearchForm
    create: WriteForm
    id: JsonPath = Field(default="id", description="The contact's id in the answer to create.")
