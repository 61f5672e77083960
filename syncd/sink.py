"""The interface of sinks, and the table of sinks: where calls and messages are delivered.

A sink is a class with an options model. It words an activity as its own record (:meth:`Sink.render`), and writes
records (:meth:`Sink.deliver`). It decides nothing: what is delivered, when and again is decided by the plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from syncd.core.activity.columns import COLUMNS, PARTS, Kind, record_of
from syncd.core.activity.sent import compact
from syncd.core.activity.wording import (
    OF_RECORDINGS,
    address_of,
    cut,
    cut_html,
    html_of,
    parts_of,
    sender_of,
    text_of,
    title_of,
    unknown_names,
)
from syncd.core.settings.sinks import CallRules, LeadRules, MessageRules, SinkRules
from syncd.errors import SourceError, of_a_sink
from syncd.source import Duration, LocalPath, Note, Options, Size, nearest, quoted, yaml_reader
from syncd.surroundings.plug_ins import PlugIns
from syncd.tables.formats import NotTheTable, read_rows, write_rows
from syncd.tables.whole_file import whole_file

__all__ = [
    "COLUMNS",
    "ENTRY_POINTS",
    "OF_RECORDINGS",
    "PARTS",
    "SINKS",
    "CallRules",
    "Duration",
    "Item",
    "Kind",
    "LeadRules",
    "LocalPath",
    "MessageRules",
    "NotTheTable",
    "Note",
    "Options",
    "Outcome",
    "Row",
    "Sink",
    "SinkRules",
    "Size",
    "Wants",
    "address_of",
    "as_sink_errors",
    "compact",
    "cut",
    "cut_html",
    "html_of",
    "nearest",
    "parts_of",
    "quoted",
    "read_rows",
    "record_of",
    "sender_of",
    "sink_class",
    "sink_names",
    "text_of",
    "title_of",
    "unknown_names",
    "whole_file",
    "write_rows",
    "yaml_reader",
]

SINKS: Mapping[str, str] = {
    "files": "connectors.day_files.sink:DayFiles",
    "sql": "connectors.sql_tables.sink:SqlTables",
    "hubspot": "connectors.hubspot.sink:HubSpotSink",
    "http": "connectors.http_out.sink:HttpOut",
    "rest": "connectors.rest_out.sink:RestOut",
}
"""The built-in sinks: name to ``module:class``, imported on use. Other packages add theirs by entry point."""

ENTRY_POINTS = "syncd.sinks"

Row = Mapping[str, Any]
"""A call or a message, as ``syncd activity list --json`` shows it. A conversation is a message whose ``id`` names the
conversation and its time, whose ``body`` has a line for each message, and which has ``messages``, their ids."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a sink can do, and how it is given work.

    ``batch``: so many items at most come at once. ``updates``: a record can be written again; else each activity is
    delivered once, when it is settled. ``idempotent``: an item that is delivered twice makes one record. ``finds``:
    :meth:`Sink.find` can tell whether there is a record. ``erases``: :meth:`Sink.erase` removes records.
    ``makes_contacts``: :meth:`Sink.create_contact` makes contacts. ``associates``: contacts are associated beside the
    fields of a record; ``Item.contacts`` names them. ``days``: the items of a batch are all that one UTC day has of one
    kind, in order of time, also those that are as they were; ``batch`` does not count. ``compares``: fields that a
    person changed in a record are left; only such a sink is given ``Item.sent`` and ``Item.tried``.
    """

    batch: int = 100
    updates: bool = True
    idempotent: bool = True
    finds: bool = False
    erases: bool = False
    makes_contacts: bool = False
    associates: bool = False
    days: bool = False
    compares: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """An activity as it shall stand at the sink.

    ``identity``: ``call:ID`` or ``message:CHANNEL:ID``, for ever the same. ``change``: ``create`` · ``update`` ·
    ``associate`` (the record is there, contacts are missing) · ``unchanged`` (only for a sink with ``days``).
    ``fields``: as :meth:`Sink.render` made them. ``digest``: over the fields. ``remote_id``: the record's id at the
    sink, if it is known. ``contacts``: the sink's ids of the contacts that are still to be associated. ``sent``: the
    fields as they were accepted last, each as :func:`compact` makes it; ``tried``: as they were sent since with an
    unknown outcome. A field that holds something else at the sink now was changed by a person. ``day``: the UTC date.
    ``attempt``: 1, or more if an earlier outcome is unknown.
    """

    identity: str
    kind: Literal["call", "message"]
    change: Literal["create", "update", "associate", "unchanged"]
    fields: Mapping[str, Any]
    digest: int
    day: str
    remote_id: str | None = None
    contacts: tuple[str, ...] = ()
    sent: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1
    tried: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item.

    ``status``: ``accepted`` · ``rejected`` (for good, as it is; ``reason`` says why, without a person's data) ·
    ``unknown`` (it may have been written). ``remote_id``: the record's id. ``contacts``: those that are associated now.
    ``kept``: the fields that a person changed, and that were left. ``missing``: contacts that the sink does not have.
    ``was_there``: the record of a create was there before, as far as the sink tells: an undo leaves it.
    ``stored``: what the record holds of those fields where that is not what was sent (the sink's own form of a value, a
    text that was cut, None for what was left out); it is remembered in place of what was sent, so that the sink's own
    form is not taken for a person's change.
    """

    identity: str
    status: Literal["accepted", "rejected", "unknown"]
    remote_id: str | None = None
    contacts: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""
    was_there: bool = False
    stored: Mapping[str, Any] = field(default_factory=dict)


class Sink(ABC):
    """Writes to one place. It is built with its name, options and rules, and opens nothing before a method is called.

    Methods that ask the place may raise :class:`~syncd.errors.SinkUnavailable` (try later),
    :class:`~syncd.errors.SinkDenied` (its key is refused) or :class:`~syncd.errors.SinkInvalid` (a person must look),
    naming the place and the remedy and nothing of an activity. All are called from one thread, but for :meth:`cancel`.
    """

    OPTIONS: ClassVar[type[Options]]

    def __init__(self, name: str, options: Options, rules: SinkRules) -> None:
        self.name = name
        self.options = options
        self.rules = rules

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sent(self) -> int:
        """How many HTTP requests it has sent so far, every attempt included; 0 at a place that is reached otherwise."""
        return 0

    @abstractmethod
    def wants(self) -> Wants:
        """Return what the sink can do; this may ask the place once, and changes nothing there."""

    @abstractmethod
    def check(self) -> list[Note]:
        """Prove that the sink can be written to, without writing; return notes for ``syncd check``."""

    def prepare(self) -> list[Note]:
        """Make what deliveries need (tables, properties), if it is not there; return what was made."""
        return []

    @abstractmethod
    def render(self, row: Row) -> Mapping[str, Any]:
        """Return the fields of the activity's record, as they will be sent: JSON values. It asks nothing.

        Equal rows give equal fields: the digest over them says whether the record has to be written again.
        """

    @abstractmethod
    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        """Write these items and return an outcome of each. An item without an outcome counts as unknown.

        An error says that the outcome of every item is unknown.
        """

    def find(self, items: Sequence[Item]) -> Mapping[str, str | None]:
        """Return the remote ids of those items of unknown outcome that are there, None of those that are not.

        An item that is not in the answer is still unknown. Only if ``finds``.
        """
        raise NotImplementedError(f"{type(self).__name__} finds nothing: {len(items)}")

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        """Remove these records, and return the ids of those that are gone now. Only if ``erases``."""
        raise NotImplementedError(f"{type(self).__name__} erases nothing: {len(remote_ids)}")

    def create_contact(self, number: str, name: str | None) -> str:
        """Make a contact of an unknown caller, unless the place has one with the number; return its id.

        Only if ``makes_contacts``. ``number``: digits, as contacts are sent.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no contacts: {len(number)}, {len(name or '')}")

    def close(self) -> None:  # noqa: B027 (a sink may hold nothing open)
        """Let go of what is open; the next method may open it again."""

    def cancel(self) -> None:  # noqa: B027 (most sinks never wait for long)
        """End what is under way soon, with any error. Called from another thread."""


@contextmanager
def as_sink_errors() -> Iterator[None]:
    """Raise the errors of sources, which parts that sinks share raise, as the errors of sinks."""
    try:
        yield
    except SourceError as error:
        raise of_a_sink(error) from None


def sink_class(name: str) -> type[Sink]:
    """Return the sink called ``name``.

    Raises:
        ConfigError: no sink has that name; the message lists the names.

    """
    return _plug_ins().find(name)


def sink_names() -> list[str]:
    """Return the names that ``sink:`` may hold, sorted."""
    return _plug_ins().names()


def _plug_ins() -> PlugIns[Sink]:
    return PlugIns("sink", ENTRY_POINTS, SINKS)
