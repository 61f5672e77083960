"""The types of a configuration's values: how each is read, how it is refused, and its place in the JSON Schema."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from syncd.budget import Window
from syncd.config import schedule, values
from syncd.config.values import Secret
from syncd.core.settings.durations import parse_duration
from syncd.core.settings.schedules import Cron, Every, Never
from syncd.core.settings.sizes import parse_size

WRONG = "wrong"
"""The type of the errors raised here: the message continues after the value as the file writes it."""

HIDDEN = "hidden"
"""The type of an error about a secret, or about a value that may hold one: the message does not show the value."""


def wrong(sentence: str, *, hidden: bool = False) -> PydanticCustomError:
    """Return an error with this ``sentence``, which must hold nothing of the value."""
    # The sentence is passed as context: pydantic would read braces inside a message as places to fill.
    return PydanticCustomError(HIDDEN if hidden else WRONG, "{sentence}", {"sentence": sentence})


# Not compared by value: typing puts the metadata of a union's members in a set, and a schema cannot be hashed.
@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Metadata of a type that is written as text or a number: ``parse`` reads it and raises ValueError with a sentence.

    ``schema``: the JSON Schema of the written form. ``done``: types of values that were read already. ``hidden``: no
    message shows the value.
    """

    parse: Callable[[Any], Any]
    schema: dict[str, Any]
    done: tuple[type, ...] = ()
    hidden: bool = False

    def read(self, value: Any) -> Any:
        if isinstance(value, self.done):
            return value
        # YAML's true is an int in Python, and would pass for 1.
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise wrong("is no text or number, which is expected here", hidden=self.hidden)
        try:
            return self.parse(value)
        except ValueError as error:
            raise wrong(str(error), hidden=self.hidden) from None

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        # A dump of a model must not reveal its secrets: str() masks them.
        mask = core_schema.plain_serializer_function_ser_schema(str) if source is Secret else None
        return core_schema.no_info_plain_validator_function(self.read, serialization=mask)

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.schema)


def _as_text(value: Any) -> Any:
    # A whole number is as safe as text; true and 1.10 are not: the file may write them in another way.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool | float):
        raise wrong('is not text here: put it in quotes ("…")')
    if value == "":
        raise wrong("is empty: write a text, or leave the key out")
    return value


def _as_free_text(value: Any) -> Any:
    return value if value == "" else _as_text(value)


def _limits_or(default: tuple[Window, ...]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return values.parse_limits(value, default)
        except ValueError as error:
            raise wrong(str(error)) from None

    return read


def in_folder(value: str | Path, info: ValidationInfo) -> Path:
    """Return a path, absolute: it starts at the folder of its file, which is the context of the validation."""
    folder = (info.context or {}).get("folder", Path())
    return Path(folder, os.path.expanduser(value))  # noqa: PTH111 - pathlib's raises for ~nobody


def _as_path(value: Any, info: ValidationInfo) -> Any:
    value = _as_text(value)
    return in_folder(value, info) if isinstance(value, str | Path) else value


def _no_bool(value: Any) -> Any:
    """Refuse true, which Python takes for 1."""
    if isinstance(value, bool):
        raise wrong("is not a number, which is expected here")
    return value


def one_or_more(value: Any) -> Any:
    """Return a single value as a tuple of one."""
    return value if isinstance(value, list | tuple) else (value,)


def _template(value: str) -> str:
    rest = re.sub(r"\{[^{}]+\}", "", value.replace("{{", "").replace("}}", ""))
    # A single brace in a bare column's name is allowed: columns are named by others.
    if is_template(value) and ("{" in rest or "}" in rest):
        raise wrong("has a brace without its partner, or nothing in it: write {column}, and {{ or }} for a brace")
    return value


def is_template(text: str) -> bool:
    """Return whether a rule's text holds ``{…}``; otherwise it is the name of a column."""
    return re.search(r"\{.*\}", text, re.DOTALL) is not None


_FREE_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "integer"]}
_TEXT_SCHEMA: dict[str, Any] = {**_FREE_TEXT_SCHEMA, "minLength": 1}
_LIST_SCHEMA: dict[str, Any] = {"type": "array", "items": _TEXT_SCHEMA, "minItems": 1}
_ONE_OR_MORE_SCHEMA: dict[str, Any] = {"anyOf": [_TEXT_SCHEMA, _LIST_SCHEMA]}

FreeText = Annotated[str, BeforeValidator(_as_free_text), WithJsonSchema(_FREE_TEXT_SCHEMA)]
Text = Annotated[str, BeforeValidator(_as_text), WithJsonSchema(_TEXT_SCHEMA)]
TemplateText = Annotated[Text, AfterValidator(_template), WithJsonSchema(_TEXT_SCHEMA)]
Columns = Annotated[tuple[Text, ...], Field(min_length=1), WithJsonSchema(_LIST_SCHEMA)]
Names = Annotated[Columns, BeforeValidator(one_or_more), WithJsonSchema(_ONE_OR_MORE_SCHEMA)]

# The bounds stand before the check for true: only then do they belong to the number in the JSON Schema.
Count = Annotated[int, Field(ge=0), BeforeValidator(_no_bool)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_no_bool)]
Few = Annotated[int, Field(ge=1, le=64), BeforeValidator(_no_bool)]


def plain_text(*examples: str) -> dict[str, Any]:
    """Return the JSON Schema of a text."""
    return {"type": "string", "examples": list(examples)} if examples else {"type": "string"}


def text_or_number(*examples: str | float, **bounds: float) -> dict[str, Any]:
    """Return the JSON Schema of a text or a number."""
    return {"type": ["string", "number"], "examples": list(examples), **bounds}


def one_or_more_of(schema: dict[str, Any]) -> WithJsonSchema:
    """Return the metadata for the JSON Schema of one value, or a list of them."""
    return WithJsonSchema({"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]})


_DURATIONS = ("30s", "15m", "1h30m", "2d")
Duration = Annotated[float, Written(parse_duration, text_or_number(*_DURATIONS, minimum=0))]
Timeout = Annotated[float, Written(values.parse_timeout, text_or_number(*_DURATIONS, exclusiveMinimum=0))]
Size = Annotated[int, Written(parse_size, text_or_number("64MB", "512KB", 64_000_000, minimum=1))]
Share = Annotated[float, Written(values.parse_share, text_or_number("20%", 0.2, minimum=0, maximum=1))]
Part = Annotated[float, Written(values.parse_part, text_or_number("50%", 0.5, exclusiveMinimum=0, maximum=1))]
PathHere = Annotated[Path, BeforeValidator(_as_path), WithJsonSchema(_TEXT_SCHEMA)]

_WINDOWS_SCHEMA: dict[str, Any] = {
    "type": ["array", "string"],
    "items": {"type": "string"},
    "examples": [["60/1m", "1000/1h", "20000/1d"]],
}
_SHARED_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"windows": _WINDOWS_SCHEMA, "share": text_or_number("80%")},
    "required": ["share"],
    "additionalProperties": False,
}
_LIMITS_SCHEMA: dict[str, Any] = {"anyOf": [_WINDOWS_SCHEMA, _SHARED_SCHEMA]}
Limits = Annotated[
    tuple[Window, ...], BeforeValidator(_limits_or(values.DEFAULT_LIMITS)), WithJsonSchema(_LIMITS_SCHEMA)
]
ReportsLimits = Annotated[
    tuple[Window, ...], BeforeValidator(_limits_or(values.REPORTS_LIMITS)), WithJsonSchema(_LIMITS_SCHEMA)
]
MessagingLimits = Annotated[
    tuple[Window, ...], BeforeValidator(_limits_or(values.MESSAGING_LIMITS)), WithJsonSchema(_LIMITS_SCHEMA)
]

_KEY_SCHEMA: dict[str, Any] = {
    "type": ["string", "integer"],
    "examples": ["${VOCATECH_API_KEY}", "${credential:vocatech}"],
}
ApiKey = Annotated[Secret, Written(values.parse_api_key, _KEY_SCHEMA, (Secret,), hidden=True)]
# An address may hold a user's password or a token, so a message does not show a wrong one either.
Url = Annotated[str, Written(values.parse_base_url, plain_text(), hidden=True)]
WebUrl = Annotated[Secret, Written(values.parse_web_url, plain_text(), (Secret,), hidden=True)]
NotifyUrl = Annotated[Secret, Written(values.parse_notify_url, plain_text(), (Secret,), hidden=True)]
_URLS_SCHEMA: dict[str, Any] = {"anyOf": [plain_text(), {"type": "array", "items": plain_text()}]}
NotifyUrls = Annotated[tuple[NotifyUrl, ...], BeforeValidator(one_or_more), WithJsonSchema(_URLS_SCHEMA)]
PhoneNumber = Annotated[Secret, Written(values.parse_phone, _FREE_TEXT_SCHEMA, (Secret,), hidden=True)]
PhoneNumbers = Annotated[
    tuple[PhoneNumber, ...], Field(min_length=1), BeforeValidator(one_or_more), WithJsonSchema(_ONE_OR_MORE_SCHEMA)
]
RegionCode = Annotated[str, Written(values.parse_region, plain_text("US"))]
Listen = Annotated[str, Written(values.parse_listen, plain_text("127.0.0.1:9187"))]

_CRON = "*/15 7-19 * * mon-fri"
TimeOfDay = Annotated[str, Written(values.parse_time_of_day, plain_text("07:30"))]
TimeZone = Annotated[str, Written(schedule.parse_timezone, plain_text("America/New_York"))]
CronText = Annotated[Cron, Written(schedule.parse_cron, plain_text(_CRON), (Cron,))]
Timing = Annotated[Every | Cron, Written(schedule.parse_schedule, text_or_number("15m", _CRON), (Every, Cron))]
RarerTiming = Annotated[
    Every | Cron | Never, Written(schedule.parse_reconcile, text_or_number("1d", "0 3 * * *", "never"), (Every, Cron))
]
