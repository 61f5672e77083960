"""Decides whether a command may write its table to a file: never over a file that a person or syncd still needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from syncd.config import Settings
from syncd.errors import ConfigError
from syncd.plan.file import is_plan
from syncd.report.table_file import check_file, check_place

CHANGES = ("source", "kind", "key", "id")
"""The first columns of a file of changes; in JSON, keys of each line."""

CALLERS = ("number", "kind", "old", "new")
"""The same of the file of callers beside it."""

# A file may be one line of many gigabytes.
LONGEST = 1 << 24
"""Characters of a file's first line that are read."""


def check_written(file: Path, named: str, head: Sequence[str], other: str, settings: Settings) -> None:
    """Refuse a file that must not be written, before anything is done.

    Args:
        file: the place of the new table.
        named: how the person named the file, for the message.
        head: the first columns of an earlier table of this kind; a file with these columns is replaced.
        other: how the message calls a file with other columns.
        settings: the configuration, whose own files are never written over.

    Raises:
        ConfigError: the file's name or place is not usable, or another file stands there.
    """
    check_file(file, named)
    _require_free(file, named, settings)
    if not _may_be_replaced(file, head):
        raise ConfigError(f"{named}: this file is there already, and {other}: name another one")


def check_plan(file: Path, named: str, settings: Settings) -> None:
    """Refuse a file for a plan that must not be written; an earlier plan is replaced.

    Raises:
        ConfigError: the file's place is not usable, or another file stands there.
    """
    check_place(file, named)
    _require_free(file, named, settings)
    if not _is_empty(file) and not is_plan(file):
        raise ConfigError(f"{named}: this file is there already, and no plan: name another one")


def _require_free(file: Path, named: str, settings: Settings) -> None:
    for use in _uses(file, settings):
        raise ConfigError(f"{named}: {use}: name another file, in a folder that no source reads")


def _is_empty(file: Path) -> bool:
    try:
        return not file.exists() or not file.stat().st_size
    except OSError:
        return False


def _uses(file: Path, settings: Settings) -> Iterator[str]:
    """Yield each use that the configuration has for ``file``."""
    from syncd.source import same_file

    # Not by their names: a link, or another spelling of the path, leads to the same file.
    if same_file(settings.path, file):
        yield "this is the configuration"
    if same_file(settings.state, file):
        yield "this is the state file"
    for use, place in _of_activity(settings):
        if same_file(place, file):
            yield use
    for source in settings.sources.values():
        if source.document and same_file(Path(source.document.name), file):
            yield f"this file configures the source {source.name}"
        if source.connect().reads(file):
            yield f"the source {source.name} reads this file"


def _of_activity(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the files of ``activity:``, each with what it is."""
    if (activity := settings.activity) is None:
        return
    yield "this is the activity store", activity.store
    if activity.receive and activity.receive.secret_file:
        yield "this file holds the secret of the webhooks", activity.receive.secret_file


def _may_be_replaced(file: Path, head: Sequence[str]) -> bool:
    """Tell whether nothing is lost: there is no file, an empty one, or an earlier table that begins with ``head``."""
    try:
        return _is_empty(file) or _begins_with(file, head)
    except (OSError, ValueError):
        # A file that cannot be read as such a table is somebody else's.
        return False


def _begins_with(file: Path, head: Sequence[str]) -> bool:
    if file.suffix == ".parquet":
        try:
            return tuple(pl.read_parquet_schema(file))[: len(head)] == tuple(head)
        except pl.exceptions.PolarsError:
            return False
    with file.open(encoding="utf-8", errors="replace") as text:
        line = text.readline(LONGEST)
    if file.suffix == ".csv":
        return line.rstrip("\r\n").split(",")[: len(head)] == list(head)
    found = json.loads(line)
    return isinstance(found, dict) and set(head) <= set(found)
