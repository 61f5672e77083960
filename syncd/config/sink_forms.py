"""The models of ``sinks:``: where calls and messages are delivered, which of them, and how they are worded."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from syncd.config import value_types as types
from syncd.config.form import Form

DAY = 86_400.0


class CallsForm(Form):
    """How calls are delivered."""

    write: Literal["early", "once"] = Field(
        default="early", description="As soon as a call has ended, and updated; or once, when it is settled."
    )
    title: types.Text = Field(default="{direction} call {remote_name}", description="A template of columns.")
    summary: bool = Field(default=True, description="Whether the summary is delivered.")
    transcript: Literal["body", "api", "none"] = Field(default="body", description="Where the transcription goes.")
    recording: types.Text = Field(default="none", description="The address of a recording, with {path} in it; or none.")


class MessagesForm(Form):
    """How messages are delivered."""

    group: Literal["none", "hour", "day"] = Field(
        default="none", description="The messages of a conversation in an hour or a day are one record."
    )


class SettleForm(Form):
    """When a call is settled."""

    after: types.Timeout = Field(default=120.0, description="How long after its last leg a call counts as ended.")
    patience: types.Timeout = Field(default=2_700.0, description="How long its summary is waited for.")


class SinkAtMost(Form):
    """What is delivered without an approval."""

    creates: types.Count = Field(default=2_000, description="So many new records of one run.")
    older: types.Timeout = Field(default=30 * DAY, description="Nothing older than this.")
    share: types.Share = Field(
        default=0.1, description="So many updates after the wording was changed, of what was delivered."
    )


class LeadsForm(Form):
    """When an unknown number becomes a contact of the sink."""

    calls: types.Positive = Field(default=2, description="After so many calls.")
    talk: types.Timeout = Field(default=30.0, description="Or after so much talk.")
    count: types.Positive = Field(default=50, description="So many a day pass without an approval.")


def _never(value: Any) -> Any:
    """Return None for the word never."""
    return None if value == "never" else value


_OrNever = BeforeValidator(_never)
_Leads = Annotated[LeadsForm | None, _OrNever]
_Calls = Annotated[CallsForm | None, _OrNever]
_Messages = Annotated[MessagesForm | None, _OrNever]
_Pairs = dict[str, types.FreeText]


class SinkForm(Form):
    """One sink: what it is, and what it gets."""

    sink: types.Text = Field(description="What it is: files, sql, http, hubspot, rest.")
    options: dict[str, Any] = Field(default={}, description="The sink's own options.")
    contacts: types.Text | None = Field(
        default=None, description="The source whose keys are the sink's ids of contacts; left out: none is associated."
    )
    calls: _Calls = Field(default=CallsForm(), description="How calls are delivered; never: none is.")
    messages: _Messages = Field(default=MessagesForm(), description="How messages are delivered; never: none is.")
    settle: SettleForm = SettleForm()
    owners: _Pairs = Field(default={}, description="Extension to the e-mail address, or the id, of the sink's user.")
    outcomes: _Pairs = Field(default={}, description="The status of a call to the sink's own outcome.")
    where: types.Text | None = Field(
        default=None, description="A SQL expression; calls and messages that it is not true for are not delivered."
    )
    at_most: SinkAtMost = SinkAtMost()
    leads: _Leads = Field(default=None, description="When an unknown number becomes a contact; left out: never.")


class Attribute(Form):
    """How calls and messages find their contacts."""

    shared: Literal["first", "all", "none", "hold"] = Field(
        default="first", description="Whose an activity is whose number several contacts have."
    )
    late: types.Duration = Field(
        default=90 * DAY, description="How far back a contact that was made later gets its calls."
    )
