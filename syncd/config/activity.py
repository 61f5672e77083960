"""The models of ``activity:``: which calls and messages are fetched, how they are received, and how long they are kept.

A model checks one value at a time; :func:`contradictions` has the rules about two values.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from syncd.config import activity_values as values
from syncd.config import value_types as types
from syncd.config.form import Form
from syncd.config.sink_forms import Attribute
from syncd.config.values import Secret, is_open

if TYPE_CHECKING:
    from syncd.config.tree import KeyPath

EventName = Literal[
    "call.ended",
    "call.transcription",
    "message.sent",
    "message.received",
    "message.status_updated",
    "call.started",
    "call.answered",
]
"""The events that an endpoint may subscribe to (guide: Webhooks)."""

DAY = 86_400.0
# Started and answered calls say nothing that the ended call does not say.
_EVENTS = get_args(EventName)[:5]


def _ascending(times: tuple[float, ...]) -> tuple[float, ...]:
    if list(times) != sorted(set(times)):
        raise types.wrong("must grow from one to the next: write [1h, 1d, 3d, 7d]")
    return times


def _absolute(place: str, info: ValidationInfo) -> str:
    """Return a place to listen with the path of a socket absolute."""
    return str(types.in_folder(place, info)) if "/" in place else place


_KEEP_SCHEMA = {"type": ["string", "number"], "examples": ["90d", "forever"], "exclusiveMinimum": 0}
_SECRET_SCHEMA = {"type": "string", "examples": ["${credential:webhook}"]}
_Keep = Annotated[float | None, types.Written(values.parse_keep, _KEEP_SCHEMA)]
_KeepEvents = Annotated[float | None, types.Written(values.parse_keep_events, _KEEP_SCHEMA)]
_Room = Annotated[int, types.Written(values.parse_room, types.text_or_number("50GB", minimum=1))]
_Receiver = Annotated[
    str, types.Written(values.parse_receiver, types.plain_text("127.0.0.1:9188")), AfterValidator(_absolute)
]
_WebhookUrl = Annotated[
    str, types.Written(values.parse_webhook_url, types.plain_text("https://hooks.example.com/vocatech"), hidden=True)
]
_Secret = Annotated[Secret, types.Written(values.parse_webhook_secret, _SECRET_SCHEMA, (Secret,), hidden=True)]
_Secrets = Annotated[tuple[_Secret, ...], BeforeValidator(types.one_or_more), types.one_or_more_of(_SECRET_SCHEMA)]
_Rechecks = Annotated[
    tuple[types.Timeout, ...],
    Field(min_length=1),
    BeforeValidator(types.one_or_more),
    AfterValidator(_ascending),
    types.one_or_more_of(types.text_or_number("1h", "7d", exclusiveMinimum=0)),
]


class Pull(Form):
    """How the lists of calls and messages are read."""

    every: types.Timeout = Field(default=600.0, description="How often the newest calls and messages are asked for.")
    recheck: _Rechecks = Field(
        default=(3600.0, DAY, 3 * DAY, 7 * DAY), description="How long after its end a day is read again."
    )
    share: types.Part = Field(default=0.5, description="The part of each request window that pulls may use.")


class Tls(Form):
    """The receiver's own certificate, where no proxy stands before it."""

    cert: types.PathHere = Field(description="The certificate and its chain, a PEM file.")
    key: types.PathHere = Field(description="Its private key, a PEM file.")


class Receive(Form):
    """How webhooks are received."""

    listen: _Receiver = Field(
        default="127.0.0.1:9188", description="Where the receiver listens: HOST:PORT, or the path of a Unix socket."
    )
    tls: Tls | None = Field(default=None, description="A certificate; left out: a proxy on this machine has it.")
    url: _WebhookUrl | None = Field(default=None, description="The public address to which Vocatech delivers.")
    secret_file: types.PathHere | None = Field(
        default=None, description="The file of the endpoint's secret; `webhook create` writes it."
    )
    secret: _Secrets = Field(default=(), description="The endpoint's secret; a list while it is changed.")
    name: types.Text = Field(default="syncd", description="The endpoint's name at Vocatech.")
    events: tuple[EventName, ...] = Field(default=_EVENTS, min_length=1, description="The events that are subscribed.")
    extensions: tuple[types.Text, ...] = Field(default=(), description="Only these extensions; an empty list: all.")
    tolerance: types.Timeout = Field(default=300.0, description="How old a delivery's signature may be.")


class Media(Form):
    """A folder of files, and how many of them are kept."""

    folder: types.PathHere
    keep: _Keep
    at_most: _Room
    share: types.Part = Field(default=0.4, description="The part of each request window that the files may use.")


class Recordings(Media):
    """The recordings of calls."""

    folder: types.PathHere = Field(default=Path("recordings"), validate_default=True, description="Where they are.")
    keep: _Keep = Field(default=90 * DAY, description="How long a recording is kept, or forever.")
    at_most: _Room = Field(default=50_000_000_000, description="The most that all of them may take.")


class Attachments(Media):
    """The attachments of messages."""

    folder: types.PathHere = Field(default=Path("attachments"), validate_default=True, description="Where they are.")
    keep: _Keep = Field(default=365 * DAY, description="How long an attachment is kept, or forever.")
    at_most: _Room = Field(default=10_000_000_000, description="The most that all of them may take.")


class Keep(Form):
    """How long what was fetched is kept: durations, or forever."""

    events: _KeepEvents = Field(default=30 * DAY, description="Deliveries as they came.")
    text: _Keep = Field(default=365 * DAY, description="Summaries, transcriptions and the texts of messages.")
    activity: _Keep = Field(default=None, description="Calls and messages without their texts.")


class Activity(Form):
    """Calls and messages: where they are kept, and which."""

    store: types.PathHere = Field(default=Path("activity.db"), validate_default=True, description="Their database.")
    since: types.Timeout = Field(default=30 * DAY, description="How far back the first pull goes.")
    pull: Pull = Pull()
    receive: Receive | None = Field(default=None, description="Webhooks; left out: calls and messages are only pulled.")
    only: types.Text | None = Field(
        default=None, description="A SQL expression; calls and messages that it is not true for are not kept."
    )
    attribute: Attribute = Attribute()
    recordings: Recordings | None = Field(default=None, description="Left out: no recording is fetched.")
    attachments: Attachments | None = Field(default=None, description="Left out: no attachment is fetched.")
    keep: Keep = Keep()


def contradictions(activity: Activity, state: Path) -> Iterator[tuple[KeyPath, str]]:
    """Yield the problems that depend on two values; each path starts at ``activity``."""
    if activity.store == state:
        yield ("store",), "is the state file too: write another file, such as activity.db"
    receive = activity.receive
    if receive and not receive.secret and receive.secret_file is None:
        remedy = "add secret_file: webhook.secret, which `syncd webhook create` writes, or secret"
        yield ("receive",), f"has no secret, so no delivery could be told from a forged one: {remedy}"
    # A signature proves who sent a delivery, but what it holds would go through the network in clear.
    if receive and is_open(receive.listen) and receive.tls is None:
        remedy = "add tls: {cert: FILE, key: FILE}, or write 127.0.0.1:PORT and put a proxy on this machine before it"
        yield ("receive", "listen"), f"is open to other machines, and calls would come in clear: {remedy}"
