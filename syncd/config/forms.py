"""The models of a configuration file: every key with its type, its default and its meaning.

A model checks one value at a time. Rules about two values are checked in :mod:`syncd.config.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from syncd.config import value_types as types
from syncd.config.activity import Activity
from syncd.config.form import Form
from syncd.config.sink_forms import SinkForm
from syncd.config.values import DEFAULT_LIMITS, MESSAGING_LIMITS, REPORTS_LIMITS
from syncd.core.settings.rules import OnEdit, SharedMatch, SharedNumbers
from syncd.core.settings.schedules import NIGHTLY


class Target(Form):
    """The company's Vocatech account."""

    api_key: types.ApiKey = Field(
        description="The API key; ${NAME}, ${file:PATH} or ${credential:NAME} keep it elsewhere."
    )
    base_url: types.Url = Field(default="https://api.vocatech.com/v1", description="Where the API is.")
    limits: types.Limits = Field(
        default=DEFAULT_LIMITS,
        description="The key's request windows; an empty list for a server without any; {windows, share} uses a part.",
    )
    reports: types.ReportsLimits = Field(
        default=REPORTS_LIMITS, description="The windows of GET /calls and GET /messages; `limits: []` lifts them too."
    )
    messaging: types.MessagingLimits = Field(
        default=MESSAGING_LIMITS, description="The windows of POST /messages; `limits: []` lifts them too."
    )
    in_flight: types.Few = Field(default=4, description="Batches under way at once.")
    timeout: types.Timeout = Field(default=60.0, description="How long a silence of the server may last.")
    deadline: types.Timeout = Field(
        default=300.0, description="How long one request may take in all, its answer and failed attempts included."
    )
    max_answer: types.Size = Field(default=64_000_000, description="The longest answer, after unpacking.")
    display: types.Text | None = Field(
        default=None,
        description="The field that a phone shows as the name; left out: the first text field that is no match field.",
    )

    @model_validator(mode="before")
    @classmethod
    def _lift_all(cls, values: Any) -> Any:
        # A server without limits has none of the three, such as a sandbox; a tier that is written all the same counts.
        if isinstance(values, Mapping) and values.get("limits") in ([], ()):
            return {"reports": (), "messaging": (), **values}
        return values


# Pydantic would report one error for each member of a union: with a tag it reports the errors of the member meant.
def _tag(value: Any) -> str:
    if isinstance(value, Mapping | BaseModel):
        return "<object>"
    return "<list>" if isinstance(value, list | tuple) else "<text>"


_BY_SHAPE = Discriminator(_tag, custom_error_type="wrong", custom_error_message="has not the right form")
_ORIGINS = ("first", "from", "value", "sql")

_Text = TypeVar("_Text")
_Keys = TypeVar("_Keys")
TextOrKeys = Annotated[Annotated[_Text, Tag("<text>")] | Annotated[_Keys, Tag("<object>")], _BY_SHAPE]
_Template = Annotated[types.TemplateText, Tag("<text>")]
_Columns = Annotated[types.Columns, Tag("<list>")]
Shorthand = Annotated[_Template | _Columns, _BY_SHAPE]


class RuleForm(Form):
    """How a field gets its value: one of first, from, value and sql, then the changes made to the value."""

    # An editor must also see that exactly one origin is needed; the validator below checks it on loading.
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [origin]} for origin in _ORIGINS]})

    first: types.Names | None = Field(default=None, description="The first of these columns that is not empty.")
    origin: Shorthand | None = Field(
        default=None, alias="from", description="A column, a template, or columns of numbers."
    )
    value: types.FreeText | None = Field(default=None, description="The same text for every contact.")
    sql: types.Text | None = Field(default=None, description="A SQL expression over the source's columns.")
    default: types.FreeText | None = Field(default=None, description="What an empty value becomes.")
    decode: Literal["html"] | None = Field(
        default=None, description="Write the characters that HTML entities stand for: &amp; becomes &."
    )
    translate: dict[str, types.FreeText] = Field(default={}, alias="map", description="Values and what they become.")
    trim: bool = Field(default=True, description="Remove outer white space, make inner runs one space.")
    case: Literal["upper", "lower", "title"] | None = None
    max_length: types.Positive | None = Field(default=None, description="In characters.")
    # "clear" by default: a contact must lose the value that its row has lost.
    empty: Literal["clear", "keep", "reject"] = Field(
        default="clear",
        description="What an empty value does: clear the field, keep the target's value, reject the row.",
    )

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        given = [origin is not None for origin in (self.first, self.origin, self.value, self.sql)]
        if sum(given) != 1:
            raise types.wrong(f"must have one of {', '.join(_ORIGINS)}, and has {sum(given) or 'none'}")
        return self


RuleValue = Annotated[_Template | _Columns | Annotated[RuleForm, Tag("<object>")], _BY_SHAPE]


class RegionForm(Form):
    """A region for each row: the column that holds the region's code, and the region of rows without a code."""

    column: types.Text
    default: types.RegionCode = "US"


class PhonesForm(Form):
    """How phone numbers are read."""

    region: TextOrKeys[types.RegionCode, RegionForm] = Field(
        default="US", description="The country whose numbers are written in national form: a code, or {column: NAME}."
    )
    invalid: Literal["keep", "drop", "reject"] = Field(
        default="keep", description="An impossible number: keep its digits, drop it, or reject its row."
    )
    shared: SharedNumbers = Field(
        default="warn",
        description="A number that several contacts have: warn, allow, or let one have it (first, newest, company), "
        "or none until a person decides (hold).",
    )


class DeletesAtMost(Form):
    """How many deletes pass without an approval."""

    count: types.Count = Field(default=500, description="More contacts than this are held.")
    share: types.Share = Field(default=0.2, description="More than this part of the known contacts is held.")
    free: types.Count = Field(default=5, description="So many are never held by these two.")


class DeletesForm(Form):
    """The limits of deletes."""

    at_most: DeletesAtMost = DeletesAtMost()
    grace: types.Duration = Field(default=0.0, description="How long a contact must be missing first.")
    # Adopted contacts may be a person's own work, so they are kept unless the configuration says otherwise.
    adopted: bool = Field(default=False, description="Contacts that were at the target before may be deleted too.")


class KeysAtMost(Form):
    """How many rows under new keys are taken over without an approval."""

    share: types.Share = Field(default=0.05, description="More than this part of the known contacts is held.")
    free: types.Count = Field(default=5, description="So many are never held.")


class KeysForm(Form):
    """The limits of keys that change: rows under new keys that have all that vanishing contacts have."""

    at_most: KeysAtMost = KeysAtMost()


class UpdatesAtMost(Form):
    """How many updates pass without an approval."""

    share: types.Share = Field(default=0.5, description="More than this part of the known contacts is held.")


class UpdatesForm(Form):
    """The limits of updates."""

    at_most: UpdatesAtMost = UpdatesAtMost()


class CronForm(Form):
    """Times by cron's five fields, in a time zone."""

    cron: types.CronText
    timezone: types.TimeZone | None = Field(default=None, description="An IANA name; the machine's own if left out.")


class ReconcileForm(Form):
    """When the daemon reconciles, and what a repair does."""

    schedule: TextOrKeys[types.RarerTiming, CronForm] = Field(
        default=NIGHTLY, description="When the daemon does it, if it runs the source: 1d, cron, or never."
    )
    repair: bool = Field(default=False, description="Whether the daemon's reconcile repairs, or only reports.")

    on_edit: OnEdit = Field(
        default="report",
        description="A contact that was changed at the target: report it, overwrite it, keep it as it is there.",
    )


# A canary of a composite key is a list: one part for each column.
Canary = Annotated[Annotated[types.Text, Tag("<text>")] | _Columns, _BY_SHAPE]


class SourceForm(Form):
    """One source: the origin of its rows, and the contacts that they become."""

    connector: types.Text = Field(description="What reads it.")
    options: dict[str, Any] = Field(default={}, description="The connector's own options.")
    key: types.Names = Field(description="The column, or columns, with a row's own immutable id.")
    schedule: TextOrKeys[types.Timing, CronForm] | None = Field(
        default=None, description="When the daemon runs it: 15m, or cron; left out: only by hand."
    )
    where: types.Text | None = Field(
        default=None, description="A SQL expression; rows that it is not true for are excluded."
    )
    require: types.Names | None = Field(default=None, description="Fields that a contact must have, or it is excluded.")
    mapping: dict[str, RuleValue] = Field(min_length=1, description="The target's fields and how each gets its value.")
    phones: PhonesForm = PhonesForm()
    mode: Literal["mirror", "upsert", "update_only", "create_only"] = Field(
        default="mirror", description="What may be done at the target; only a mirror deletes."
    )
    shared_match: SharedMatch = Field(
        default="first", description="What becomes of contacts with the same match fields."
    )
    deletes: DeletesForm = DeletesForm()
    updates: UpdatesForm = UpdatesForm()
    keys: KeysForm = KeysForm()
    reconcile: ReconcileForm = ReconcileForm()
    canaries: tuple[Canary, ...] = Field(default=(), description="Keys that every complete read must hold.")
    timeout: types.Timeout = Field(default=1800.0, description="How long one run may take.")
    max_age: types.Timeout | None = Field(default=None, description="How long ago the last good run may be.")


_BROKEN = Literal["stale", "failing", "key"]
_OF_ACTIVITY = Literal["pull", "store", "receiver", "endpoint", "signatures", "company", "clock", "disk"]
AlarmKind = Literal[_BROKEN, _OF_ACTIVITY, "held", "rejected", "invalid"]


# The names `from` and `map` are words of Python, so the fields have aliases.
class SmsForm(Form):
    """Text messages by Vocatech itself, with the key of ``target``."""

    origin: types.PhoneNumber = Field(alias="from", description="One of the company's own Vocatech numbers.")
    to: types.PhoneNumbers = Field(description="Who gets them.")


class NotifyAtMost(Form):
    """The numbers up to which there is no alarm."""

    rejected: types.Count = Field(default=10, description="Contacts of a source that the target refused.")
    invalid: types.Count = Field(default=100, description="Rows of a source that cannot be used.")


class Notify(Form):
    """Who is notified of which alarms: once when an alarm begins and once when it ends."""

    to: types.NotifyUrls = Field(default=(), description="Addresses of Apprise: mail, Slack, Teams, webhooks, ...")
    sms: SmsForm | None = Field(default=None, description="Text messages by Vocatech itself.")
    about: tuple[AlarmKind, ...] = Field(default=get_args(AlarmKind), description="The alarms that are sent.")
    at_most: NotifyAtMost = NotifyAtMost()
    failures: types.Positive = Field(default=1, description="So many runs in a row must fail before it is an alarm.")
    digest: types.TimeOfDay | None = Field(default=None, description="When a summary is sent every day: HH:MM.")
    heartbeat: types.WebUrl | None = Field(default=None, description="An address that is called after each good run.")
    timeout: types.Timeout = Field(default=30.0, description="How long the sending may take.")

    @property
    def tells(self) -> bool:
        """Whether anybody is notified."""
        return bool(self.to or self.sms)


class NumbersAtMost(Form):
    """How far numbers of contacts may change without an approval."""

    same: types.Share = Field(
        default=0.3, description="More than this part of the created and updated contacts with one number is held."
    )
    lost: types.Share = Field(
        default=0.5, description="More than this part of the known numbers that vanish or change country is held."
    )
    contacts: types.Positive = Field(
        default=50, description="A number that newly comes to more contacts than this is held."
    )


class Numbers(Form):
    """The company's own phone numbers, and the limits of contacts' numbers."""

    own: tuple[types.FreeText, ...] = Field(
        default=(),
        description="The company's own numbers: no call is attributed to them, and no contact should have one.",
    )
    at_most: NumbersAtMost = NumbersAtMost()


class SettingsForm(Form):
    """The configuration of one company."""

    # The loader checks each source by itself; the field is here for the JSON Schema, and for `sources` that is no map.
    target: Target
    state: types.PathHere = Field(default=Path("syncd.db"), validate_default=True, description="The state file.")
    include: types.Names | None = Field(
        default=None, description="Files, or patterns of files, that each hold one source."
    )
    sources: dict[str, SourceForm] = Field(default={}, description="The sources that stand here, by name.")
    workers: types.Few = Field(default=2, description="Runs that the daemon has under way at once.")
    notify: Notify = Notify()
    listen: types.Listen | None = Field(
        default=None, description="Where the daemon serves /metrics, /healthz and /readyz."
    )
    numbers: Numbers = Numbers()
    activity: Activity | None = Field(default=None, description="Calls and messages; left out: none are fetched.")
    sinks: dict[str, SinkForm] = Field(default={}, description="Where calls and messages are delivered, by name.")
