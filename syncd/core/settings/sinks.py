"""What the configuration says of a sink, as frozen values: which activities it gets, when, and how they are worded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DAY = 86_400.0

Transcript = Literal["body", "api", "none"]
Recording = str
Grouping = Literal["none", "hour", "day"]
Shared = Literal["first", "all", "none", "hold"]
"""Which contacts an activity gets whose number several have: the first, all, none, none until a person decides."""


@dataclass(frozen=True, slots=True)
class CallRules:
    """How calls are delivered.

    ``early``: a call is delivered once it has ended, and updated by what comes later; else it is delivered once, when
    nothing more of it is waited for. ``title``: a template with the names of columns in braces. ``summary``: whether
    the summary is part of the text. ``transcript``: where the transcription goes. ``recording``: the template of a
    recording's address with ``{path}`` in it; "" for none.
    """

    early: bool = True
    title: str = "{direction} call {remote_name}"
    summary: bool = True
    transcript: Transcript = "body"
    recording: Recording = ""


@dataclass(frozen=True, slots=True)
class MessageRules:
    """How messages are delivered. ``group``: the messages of a conversation in an hour or a day are one record."""

    group: Grouping = "none"


@dataclass(frozen=True, slots=True)
class LeadRules:
    """When an unknown number becomes a contact of the sink: after so many ``calls`` or ``talk`` seconds.

    ``count``: so many a day pass without an approval.
    """

    calls: int = 2
    talk: float = 30.0
    count: int = 50


@dataclass(frozen=True, slots=True)
class SinkLimits:
    """What passes without an approval.

    ``creates``: so many new records of one plan. ``older``: nothing older, in seconds. ``share``: so many updates after
    the wording has changed, as a part of what was delivered.
    """

    creates: int = 2_000
    older: float = 30 * DAY
    share: float = 0.1


@dataclass(frozen=True, slots=True)
class SinkRules:
    """What one sink gets.

    ``calls``, ``messages``: None if it gets none. ``contacts``: the source whose keys are the sink's ids of contacts;
    None: contacts are not associated. ``after``, ``patience``: seconds after which a call counts as ended, and for
    which its summary is waited for. ``owners``: extension to the e-mail address, or the id, of the sink's user.
    ``outcomes``: the status of a call to the sink's own outcome. ``where``: a SQL condition over the columns of
    ``--json``; what it is not true for is not delivered. ``leads``: None: no contact is ever made of a number.
    """

    calls: CallRules | None = field(default_factory=CallRules)
    messages: MessageRules | None = field(default_factory=MessageRules)
    contacts: str | None = None
    after: float = 120.0
    patience: float = 2_700.0
    owners: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    limits: SinkLimits = field(default_factory=SinkLimits)
    leads: LeadRules | None = None
