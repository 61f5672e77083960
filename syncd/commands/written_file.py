"""What a command may write its table over: its own earlier file, and nothing that a person or syncd still needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import ConfigError
from syncd.report.table_file import check_file

if TYPE_CHECKING:
    from syncd.config import Settings

CHANGES = ("source", "kind", "key", "id")
"""What a file of changes begins with: its columns, or its lines' keys in JSON."""

LONGEST = 1 << 24
"""Bytes of a file's first line that are looked at."""


def check_written(file: Path, named: str, head: Sequence[str], other: str, settings: Settings) -> None:
    """Refuse a file that must not be written, before anything is done.

    Args:
        file: where a table is to be written.
        named: how the person named it, for the message.
        head: what an earlier table of this kind begins with; such a file is replaced.
        other: what a file is called that does not begin with it.
        settings: the configuration, whose own files are never written over.

    Raises:
        ConfigError: the name, the place or what stands there does not allow it.
    """
    check_file(file, named)
    for use in _uses(file, settings):
        raise ConfigError(f"{named}: {use}: name another file, in a folder that no source reads")
    if not _may_be_replaced(file, head):
        raise ConfigError(f"{named}: this file is there already, and {other}: name another one")


def _uses(file: Path, settings: Settings) -> Iterator[str]:
    """What the configuration needs ``file`` for."""
    from syncd.source import same_file

    if same_file(settings.path, file):
        yield "this is the configuration"
    if same_file(settings.state, file):
        yield "this is the state file"
    for source in settings.sources.values():
        if source.document and same_file(Path(source.document.name), file):
            yield f"this file configures the source {source.name}"
        if source.connect().reads(file):
            yield f"the source {source.name} reads this file"


def _may_be_replaced(file: Path, head: Sequence[str]) -> bool:
    """Whether nothing is lost by writing there: there is nothing, or an earlier table that begins with ``head``."""
    try:
        return not file.exists() or not file.stat().st_size or _begins_with(file, head)
    except (OSError, ValueError):
        return False


def _begins_with(file: Path, head: Sequence[str]) -> bool:
    import polars as pl

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
