"""Tables that a person asked for as a file: CSV, JSON lines or Parquet, by the file's name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".jsonl", ".parquet")


def check_file(path: Path, named: str) -> None:
    """Refuse a file that cannot be written, or is of another kind, before anything is done.

    Raises:
        ConfigError: it is so; the message begins with ``named``, which is how the person named the file.
    """
    if path.suffix not in SUFFIXES:
        *others, last = SUFFIXES
        raise ConfigError(f"{named}: the file's name must end in {', '.join(others)} or {last}")
    trouble = _trouble(path, path.absolute().parent)
    if trouble:
        raise ConfigError(f"{named}: {trouble}")


def _trouble(path: Path, folder: Path) -> str:
    """Why ``path`` cannot be written, as far as that can be told beforehand."""
    try:
        if not folder.is_dir():
            return f"there is no folder {folder}"
        if path.is_dir():
            return "this is a folder: name a file in it"
        writable = os.access(path if path.exists() else folder, os.W_OK)
    except PermissionError:
        writable = False
    return "" if writable else "may not be written by this user: name a file in another folder"


@contextmanager
def explained(named: str) -> Iterator[None]:
    """Say which file it is that turns out not to be writable.

    Raises:
        ConfigError: it is so.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{named}: cannot be written ({error.strerror or error})") from None


def write_table(frame: pl.DataFrame, path: Path, named: str) -> None:
    """Write the table in the form that the file's name asks for.

    Raises:
        ConfigError: the file cannot be written.
    """
    with explained(named):
        if path.suffix == ".csv":
            frame.write_csv(path)
        elif path.suffix == ".jsonl":
            frame.write_ndjson(path)
        else:
            frame.write_parquet(path)
