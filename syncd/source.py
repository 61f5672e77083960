"""What a connector must do, and the table of connectors.

A connector is a class with an options model and two methods. It reads; it decides nothing. Its values leave it as
text, as they were read: mapping, trimming and judging come later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from syncd.core.settings.durations import parse_duration
from syncd.core.wording import nearest
from syncd.errors import ConfigError

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
    "connector_class",
    "connector_names",
    "nearest",
    "parse_duration",
    "same_file",
    "yaml_reader",
]

CONNECTORS: Mapping[str, str] = {
    "csv": "connectors.csv_file.connector:CsvFile",
    "sql": "connectors.sql_query.connector:SqlQuery",
    "hubspot": "connectors.hubspot.connector:HubSpot",
    "rest": "connectors.rest_api.connector:RestApi",
}
"""The built-in connectors: name to ``module:class``, imported on use. Others come by entry point."""

ENTRY_POINTS = "syncd.connectors"


def _beside_its_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError("no home folder is known for the '~' it begins with") from None
    return Path(folder) / path if folder else path


LocalPath = Annotated[Path, AfterValidator(_beside_its_file)]
"""A path option; a relative one is relative to the configuration file it stands in."""


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": ["string", "number"], "minimum": 0, "examples": ["30s", "15m", "1h30m", "2d"]}),
]
"""A duration option, in seconds; written ``30s``, ``15m`` or as a number."""


def yaml_reader(info: ValidationInfo) -> Callable[[Path], Any]:
    """Return what reads a YAML file that a connector brings along, as plain values.

    ``info``: from the validation of the connector's options. The configuration knows YAML and hands its reader over.
    """
    reader: Callable[[Path], Any] = (info.context or {})["read_yaml"]
    return reader


class Options(BaseModel):
    """The base of every connector's options: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the configuration uses of a source's rows.

    ``key``: the columns of the key, in order. ``columns``: every column that the key, ``where``, the mapping or the
    phones' region names; a connector that can choose (properties of a CRM) asks for these alone. Empty: unknown, so
    everything.
    """

    key: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()


EVERYTHING = Needs()
"""Nothing is known of what is used, so all of it is read."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that could not be read: its line (or number, 1-based) in ``Rows.origin``, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of rows.

    ``frame``: every column a String, no null for a source that knows no null; the same columns in every page of a
    read. ``origin``: what a person looks into (``tenants.csv``). ``lines``: UInt32, one for each row of the frame, the
    1-based line (or number) in ``origin`` where that row begins. ``malformed``: rows of this page that are not in
    the frame.
    """

    frame: pl.DataFrame
    origin: str
    lines: pl.Series
    malformed: Sequence[Malformed] = ()


@dataclass(frozen=True, slots=True)
class End:
    """How a read ended.

    ``proof``: ``complete`` (every row of the source was yielded, and that is proved) · ``unchanged`` (nothing was
    yielded, since the source is proved to be what it was at the cursor) · ``partial`` (what changed since the cursor,
    with nothing missing) · ``unproved`` (rows may be missing; ``why`` says how that is known). ``cursor``: what to pass
    to the next read; it is saved only when the run has recorded everything.

    ``deleted``: keys that the source says are gone (the parts of a composite key joined by U+001F). ``merged``: old
    key to surviving key, which takes over the contact. ``present``: beside a partial read, the key's columns (String)
    of every row that the source holds now, with nothing missing: any other key is gone.
    """

    proof: Literal["complete", "unchanged", "partial", "unproved"]
    why: str = ""
    cursor: str | None = None
    deleted: frozenset[str] = frozenset()
    merged: Mapping[str, str] = field(default_factory=dict)
    present: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about a source, without any row's content; ``good``: there is nothing to be done about it."""

    text: str
    good: bool = False


class Connector(ABC):
    """Reads one source. Built with its name, options and needs; opens nothing before a method is called.

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

    @abstractmethod
    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        """Yield the source's rows in pages of bounded size and return how the read ended.

        ``cursor`` is what an earlier ``End`` held, or None for everything. A generator that is closed early must
        release what it opened. A source without a single row yields at least one page of height 0, with its columns,
        unless it ends ``unchanged``.
        """

    def cancel(self) -> None:  # noqa: B027  (most connectors never wait for long)
        """Have a read under way end soon, by any error: called from another thread, also when there is none."""

    def notes(self) -> list[Note]:
        """Say what ``syncd check`` should tell of the source besides; this may look at every row."""
        return []

    def reads(self, file: Path) -> bool:
        """Whether a read would take ``file``, were it there: no command writes its output over it.

        Here: whether an option names it. It raises nothing.
        """
        return any(same_file(path, file) for path in _paths_in(self.options))


def same_file(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, through links too; also where there is none yet."""
    with suppress(OSError, RuntimeError):  # of links that go in circles
        return path.samefile(other) if path.exists() and other.exists() else path.resolve() == other.resolve()
    return False


def _paths_in(options: BaseModel) -> Iterator[Path]:
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, Path):
            yield value
        elif isinstance(value, BaseModel):
            yield from _paths_in(value)


def connector_class(name: str) -> type[Connector]:
    """Return the connector called ``name``.

    Raises:
        ConfigError: none has that name; the message lists those there are.

    """
    dotted = CONNECTORS.get(name)
    if dotted:
        module, _, attribute = dotted.partition(":")
        found: type[Connector] = getattr(import_module(module), attribute)
        return found
    for point in entry_points(group=ENTRY_POINTS, name=name):
        plugged: type[Connector] = point.load()
        return plugged
    raise ConfigError(f"no connector is called {name!r}; there are: {', '.join(connector_names())}")


def connector_names() -> list[str]:
    """The names that ``connector:`` may hold, sorted."""
    return sorted({*CONNECTORS, *(point.name for point in entry_points(group=ENTRY_POINTS))})
