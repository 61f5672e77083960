"""The interface of connectors, and the table of connectors.

A connector is a class with an options model and two methods. It reads and decides nothing. It yields values as text,
exactly as they were read: mapping and checks come later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from syncd.core.mapping.text import visible
from syncd.core.refusal_text import quoted
from syncd.core.settings.durations import parse_duration
from syncd.core.settings.sizes import parse_size
from syncd.core.wording import nearest
from syncd.processes import daemon_start
from syncd.surroundings.plug_ins import PlugIns

__all__ = [
    "CONNECTORS",
    "ENTRY_POINTS",
    "EVERYTHING",
    "Connector",
    "Duration",
    "End",
    "LocalPath",
    "Malformed",
    "Needs",
    "Note",
    "Options",
    "Rows",
    "Size",
    "connector_class",
    "connector_names",
    "daemon_start",
    "nearest",
    "parse_duration",
    "quoted",
    "same_file",
    "visible",
    "yaml_reader",
]

# Paths, not classes: importing them all would load drivers that this configuration does not use.
CONNECTORS: Mapping[str, str] = {
    "csv": "connectors.csv_file.connector:CsvFile",
    "sql": "connectors.sql_query.connector:SqlQuery",
    "hubspot": "connectors.hubspot.connector:HubSpot",
    "rest": "connectors.rest_api.connector:RestApi",
}
"""The built-in connectors: name to ``module:class``, imported on use. Other packages add theirs by entry point."""

ENTRY_POINTS = "syncd.connectors"


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError("no home folder is known for the '~' it begins with") from None
    return Path(folder) / path if folder else path


LocalPath = Annotated[Path, AfterValidator(_from_folder)]
"""A path option; a relative path starts from the folder of its configuration file."""


def _duration(value: Any) -> Any:
    # True is an int in Python: left as it is, pydantic refuses it.
    return parse_duration(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": ["string", "number"], "minimum": 0, "examples": ["30s", "15m", "1h30m", "2d"]}),
]
"""A duration option, in seconds; written ``30s``, ``15m`` or as a number."""


def _size(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str | int | float) else value


Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": ["string", "number"], "minimum": 1, "examples": ["64MB", "512KB", 64_000_000]}),
]
"""An option for a size in bytes; written ``64MB``, ``512KB`` or as a number."""


def yaml_reader(info: ValidationInfo) -> Callable[[Path], Any]:
    """Return a reader of the YAML files that a connector brings along; it gives dicts, lists and scalars.

    ``info``: from the validation of the connector's options.
    """
    # A connector may not import the configuration, which is the only module that knows YAML.
    reader: Callable[[Path], Any] = (info.context or {})["read_yaml"]
    return reader


class Options(BaseModel):
    """The base of every connector's options: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Needs:
    """The columns of a source that the configuration uses.

    ``key``: the columns of the key, in order. ``columns``: every column that the key, ``where``, the mapping or the
    phones' region names; a connector that can choose (properties of a CRM) asks only for these. Empty: all columns.
    """

    key: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()


EVERYTHING = Needs()
"""The needs of a configuration that is unknown: every column is read."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that could not be read: its line (or number, 1-based) in ``Rows.origin``, and the reason.

    ``key``: the columns of its key with their values, if they could be read; its contact is then left as it is.
    """

    line: int
    reason: str
    key: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of rows.

    ``frame``: every column a String, without nulls if the source has no null; the same columns in every page of a
    read. ``origin``: the name of the file or table for people (``tenants.csv``). ``lines``: UInt32, one for each row
    of the frame, the 1-based line (or number) in ``origin`` where the row begins. ``malformed``: rows of this page
    that are not in the frame.
    """

    frame: pl.DataFrame
    origin: str
    lines: pl.Series
    malformed: Sequence[Malformed] = ()


@dataclass(frozen=True, slots=True)
class End:
    """The end of a read.

    ``proof``: ``complete`` (it is proved that every row of the source was yielded) · ``unchanged`` (nothing was
    yielded: it is proved that the source has not changed since the cursor) · ``partial`` (every change since the cursor
    was yielded) · ``unproved`` (rows may be missing; ``why`` says how that is known). ``cursor``: the value for the
    next read; it is saved only when the run has recorded everything.

    ``deleted``: keys that the source reports as gone (the parts of a composite key joined by U+001F). ``merged``: old
    key to surviving key, which takes over the contact. ``present``: beside a partial read, the key's columns (String)
    of every row that the source holds now; any other key is gone.

    ``slips``: why a row may have slipped between two pages of the list (or of ``present``) while it was read, although
    every page came; empty: the list cannot slip (a snapshot, a keyset). A key that is missing from a list that can slip
    is not gone until another reading, or :meth:`Connector.look_up`, says so too. A row that nothing has read before may
    slip as well: a read that was given a cursor then returns one that reaches back to it, or None.

    ``warnings``: sentences for the report of the run, without any row's content. ``parts``: the names of the parts that
    the source consists of, if they should be there every time. ``remedy``: what may help if rows without a readable key
    hold the deletes.
    """

    # Only a proof makes a missing row a deletion: a read that ended early must never delete contacts.

    proof: Literal["complete", "unchanged", "partial", "unproved"]
    why: str = ""
    cursor: str | None = None
    deleted: frozenset[str] = frozenset()
    merged: Mapping[str, str] = field(default_factory=dict)
    present: pl.DataFrame | None = None
    slips: str = ""
    warnings: Sequence[str] = ()
    parts: Sequence[str] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about a source, without any row's content; ``good``: nobody needs to act on it."""

    text: str
    good: bool = False


class Connector(ABC):
    """Reads one source. It is built with its name, options and needs, and opens nothing before a method is called.

    Every method may raise :class:`~syncd.errors.SourceUnavailable` (try later) or
    :class:`~syncd.errors.SourceInvalid` (a person must look), naming the place and the remedy and no row's content.
    """

    OPTIONS: ClassVar[type[Options]]

    def __init__(self, name: str, options: Options, needs: Needs = EVERYTHING) -> None:
        self.name = name
        self.options = options
        self.needs = needs

    @abstractmethod
    def check(self) -> list[str]:
        """Prove that the source can be read, cheaply, and return its columns' names."""

    # The end is the generator's return value: a caller that stops early gets none, and so has no proof.
    @abstractmethod
    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        """Yield the source's rows in pages of bounded size and return how the read ended.

        ``cursor`` comes from an earlier ``End``; None reads everything. A generator that is closed early must release
        what it opened. A source without rows yields at least one page of height 0, with its columns, unless it ends
        ``unchanged``.
        """

    def can_look_up(self) -> bool:
        """Return whether :meth:`look_up` can answer; this asks nothing of the source."""
        return False

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        """Yield the rows that have any of these keys now, as :meth:`read` would, and return the keys that are gone.

        A key that is neither in a row nor returned is unknown. Keys are written as in ``present``, or as the mapping
        writes them (trimmed, in NFC): so return a key as gone only if no other way to write it is possible. The parts
        of a composite key are joined by U+001F. It is called after a read has ended, from the same thread, only if
        :meth:`can_look_up`.
        """
        raise NotImplementedError(f"{type(self).__name__} looks up no keys: {len(keys)}")

    def cancel(self) -> None:  # noqa: B027  (most connectors never wait for long)
        """End a read under way soon, with any error. Called from another thread, also if no read is under way."""

    def notes(self) -> list[Note]:
        """Return further notes on the source for ``syncd check``; this may read every row."""
        return []

    def reads(self, file: Path) -> bool:
        """Return whether a read would take ``file`` if it existed; raise nothing.

        By default: whether an option names it. A command must not write its output over a file of a source.
        """
        return any(same_file(path, file) for path in _paths_in(self.options))


def same_file(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, also through links, and also if the file does not exist yet."""
    # Links that go in circles raise.
    with suppress(OSError, RuntimeError):
        return path.samefile(other) if path.exists() and other.exists() else path.resolve() == other.resolve()
    return False


def _paths_in(options: BaseModel) -> Iterator[Path]:
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, Path):
            yield value
        # Options may be grouped in models of their own.
        elif isinstance(value, BaseModel):
            yield from _paths_in(value)


def connector_class(name: str) -> type[Connector]:
    """Return the connector called ``name``.

    Raises:
        ConfigError: no connector has that name; the message lists the names.

    """
    return _plug_ins().find(name)


def connector_names() -> list[str]:
    """Return the names that ``connector:`` may hold, sorted."""
    return _plug_ins().names()


def _plug_ins() -> PlugIns[Connector]:
    return PlugIns("connector", ENTRY_POINTS, CONNECTORS)
