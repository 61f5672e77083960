"""The types of a configuration's values: how each is read, how it is refused, and its place in the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from syncd.budget import Window
from syncd.config import schedule, values
from syncd.config.values import Secret
from syncd.core.settings.durations import parse_duration
from syncd.core.settings.schedules import Cron, Every, Never

WRONG = "wrong"
"""The type of the errors raised here; their message goes on from the value as the file writes it."""


HIDDEN = "hidden"
"""The type of such an error of a secret, or of what may hold one: its value is not shown even if the file holds it."""


def wrong(sentence: str, *, hidden: bool = False) -> PydanticCustomError:
    """An error whose ``sentence`` holds nothing of the value."""
    return PydanticCustomError(HIDDEN if hidden else WRONG, "{sentence}", {"sentence": sentence})


def _read(parse: Callable[[Any], Any], *done: type, hidden: bool = False) -> BeforeValidator:
    """Let ``parse`` read text and numbers; a value of the types ``done`` is read already."""

    def read(value: Any) -> Any:
        if done and isinstance(value, done):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise wrong("is no text or number, which is expected here", hidden=hidden)
        try:
            return parse(value)
        except ValueError as error:
            raise wrong(str(error), hidden=hidden) from None

    return BeforeValidator(read)


def _as_text(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool | float):
        raise wrong('is not text here: put it in quotes ("…")')
    if value == "":
        raise wrong("is empty: write a text, or leave the key out")
    return value


def _as_free_text(value: Any) -> Any:
    return value if value == "" else _as_text(value)


def _as_limits(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _shared_limits(value)
    items = value if isinstance(value, list | tuple | str) else [value]
    try:
        return values.parse_limits(items)
    except ValueError as error:
        raise wrong(str(error)) from None


def _shared_limits(value: Mapping[str, Any]) -> Any:
    """``{windows: …, share: 80%}``."""
    unknown = [key for key in value if key not in {"windows", "share"}]
    if unknown or "share" not in value:
        raise wrong("limits have the keys windows and share: write {windows: [60/1m, 1000/1h], share: 80%}")
    try:
        share = values.parse_share(value["share"])
    except ValueError as error:
        raise wrong(f"the share {error}") from None
    if share == 0:
        raise wrong("a share of nothing lets no request through: write one from 1% to 100%")
    windows = _as_limits(value["windows"]) if "windows" in value else DEFAULT_LIMITS
    return values.with_share(windows, share)


def _no_bool(value: Any) -> Any:
    """Refuse true, which Python takes for 1. It comes after the bounds, which belong to the number in the schema."""
    if isinstance(value, bool):
        raise wrong("is not a number, which is expected here")
    return value


def one_or_more(value: Any) -> Any:
    """A single value as a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


def _template(value: str) -> str:
    rest = re.sub(r"\{[^{}]+\}", "", value.replace("{{", "").replace("}}", ""))
    if is_template(value) and ("{" in rest or "}" in rest):
        raise wrong("has a brace without its partner, or nothing in it: write {column}, and {{ or }} for a brace")
    return value


def is_template(text: str) -> bool:
    """Whether a rule's text has ``{…}`` in it, and so is no bare column."""
    return re.search(r"\{.*\}", text, re.DOTALL) is not None


FREE_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "integer"]}
TEXT_SCHEMA: dict[str, Any] = {**FREE_TEXT_SCHEMA, "minLength": 1}
LIST_SCHEMA: dict[str, Any] = {"type": "array", "items": TEXT_SCHEMA, "minItems": 1}


def _json(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


FreeText = Annotated[str, BeforeValidator(_as_free_text), _json(**FREE_TEXT_SCHEMA)]
Text = Annotated[str, BeforeValidator(_as_text), _json(**TEXT_SCHEMA)]
TemplateText = Annotated[Text, AfterValidator(_template), _json(**TEXT_SCHEMA)]
Columns = Annotated[tuple[Text, ...], Field(min_length=1), _json(**LIST_SCHEMA)]
Names = Annotated[Columns, BeforeValidator(one_or_more), _json(anyOf=[TEXT_SCHEMA, LIST_SCHEMA])]

Count = Annotated[int, Field(ge=0), BeforeValidator(_no_bool)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_no_bool)]
Few = Annotated[int, Field(ge=1, le=64), BeforeValidator(_no_bool)]
_DURATION_EXAMPLES = ["30s", "15m", "1h30m", "2d"]
Duration = Annotated[
    float, _read(parse_duration), _json(type=["string", "number"], minimum=0, examples=_DURATION_EXAMPLES)
]
Timeout = Annotated[
    float,
    _read(values.parse_timeout),
    _json(type=["string", "number"], exclusiveMinimum=0, examples=_DURATION_EXAMPLES),
]
Share = Annotated[
    float,
    _read(values.parse_share),
    _json(type=["string", "number"], minimum=0, maximum=1, examples=["20%", 0.2]),
]
DEFAULT_LIMITS = (Window(60, 60.0), Window(1000, 3600.0), Window(20000, 86400.0))
"""The guide's default tier (Rate limits)."""

_WINDOWS_SCHEMA: dict[str, Any] = {
    "type": ["array", "string"],
    "items": {"type": "string"},
    "examples": [["60/1m", "1000/1h", "20000/1d"]],
}
_SHARED_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"windows": _WINDOWS_SCHEMA, "share": {"type": ["string", "number"], "examples": ["80%"]}},
    "required": ["share"],
    "additionalProperties": False,
}
Limits = Annotated[tuple[Window, ...], BeforeValidator(_as_limits), _json(anyOf=[_WINDOWS_SCHEMA, _SHARED_SCHEMA])]
Url = Annotated[str, _read(lambda text: values.parse_base_url(str(text)), hidden=True), _json(type="string")]
ApiKey = Annotated[
    Secret,
    _read(lambda text: values.parse_api_key(str(text)), Secret, hidden=True),
    PlainSerializer(str, return_type=str),
    _json(type=["string", "integer"], examples=["${VOCATECH_API_KEY}", "${credential:vocatech}"]),
]
_SECRET_TEXT = PlainSerializer(str, return_type=str)
NotifyUrl = Annotated[
    Secret,
    _read(lambda text: values.parse_notify_url(str(text)), Secret, hidden=True),
    _SECRET_TEXT,
    _json(type="string"),
]
NotifyUrls = Annotated[
    tuple[NotifyUrl, ...],
    BeforeValidator(one_or_more),
    _json(anyOf=[{"type": "string"}, {"type": "array", "items": {"type": "string"}}]),
]
WebUrl = Annotated[
    Secret, _read(lambda text: values.parse_web_url(str(text)), Secret, hidden=True), _SECRET_TEXT, _json(type="string")
]
PhoneNumber = Annotated[
    Secret,
    _read(lambda text: values.parse_phone(str(text)), Secret, hidden=True),
    _SECRET_TEXT,
    _json(type=["string", "integer"]),
]
PhoneNumbers = Annotated[
    tuple[PhoneNumber, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more),
    _json(anyOf=[TEXT_SCHEMA, LIST_SCHEMA]),
]
TimeOfDay = Annotated[
    str, _read(lambda text: values.parse_time_of_day(str(text))), _json(type="string", examples=["07:30"])
]
Listen = Annotated[
    str, _read(lambda text: values.parse_listen(str(text))), _json(type="string", examples=["127.0.0.1:9187"])
]
RegionCode = Annotated[str, _read(lambda text: values.parse_region(str(text))), _json(type="string", examples=["US"])]
TimeZone = Annotated[
    str,
    _read(lambda text: schedule.parse_timezone(str(text))),
    _json(type="string", examples=["America/New_York"]),
]
CronText = Annotated[
    Cron,
    _read(lambda text: schedule.parse_cron(str(text)), Cron),
    _json(type="string", examples=["*/15 7-19 * * mon-fri"]),
]
RarerTiming = Annotated[
    Every | Cron | Never,
    _read(schedule.parse_reconcile, Every, Cron),
    _json(type=["string", "number"], examples=["1d", "0 3 * * *", "never"]),
]
Timing = Annotated[
    Every | Cron,
    _read(schedule.parse_schedule, Every, Cron),
    _json(type=["string", "number"], examples=["15m", "*/15 7-19 * * mon-fri"]),
]
