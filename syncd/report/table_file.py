"""Tables that a person asked for as a file: CSV, JSON lines or Parquet, by the suffix of the file's name.

They hold names and numbers, so only the file's owner may read them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from syncd.errors import ConfigError
from syncd.tables.spreadsheets import harmless
from syncd.tables.whole_file import owners_file

SUFFIXES = (".csv", ".jsonl", ".parquet")


def check_file(path: Path, named: str) -> None:
    """Refuse a file with another suffix, or at a place that cannot be written, before anything is done.

    ``named``: how the person named the file; the message begins with it.

    Raises:
        ConfigError: the file is refused.
    """
    if path.suffix not in SUFFIXES:
        *others, last = SUFFIXES
        raise ConfigError(f"{named}: the file's name must end in {', '.join(others)} or {last}")
    check_place(path, named)


def check_place(path: Path, named: str) -> None:
    """Refuse a place that cannot be written, before anything is done.

    Raises:
        ConfigError: the place is refused.
    """
    if trouble := _trouble(path, path.absolute().parent):
        raise ConfigError(f"{named}: {trouble}")


def _trouble(path: Path, folder: Path) -> str:
    # A run may take an hour. Its table is written at its end, so the place is looked at before it begins.
    try:
        if not folder.is_dir():
            return f"there is no folder {folder}"
        if path.is_dir():
            return "this is a folder: name a file in it"
        writable = os.access(path if path.resolve().exists() else folder, os.W_OK)
    except PermissionError:
        # From is_dir or exists, below a folder that this user may not enter.
        writable = False
    except (OSError, RuntimeError) as error:
        # A name that is too long; a link that leads to itself, which resolve() tells by a RuntimeError.
        return f"cannot be written ({getattr(error, 'strerror', None) or 'its links lead in a circle'})"
    return "" if writable else "may not be written by this user: name a file in another folder"


@contextmanager
def explained(named: str) -> Iterator[None]:
    """Name the file, as ``named``, in the error of the block that writes it.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{named}: cannot be written ({error.strerror or error})") from None


def write_table(frame: pl.DataFrame, path: Path, named: str) -> None:
    """Write the table in the form of the file's suffix.

    Raises:
        ConfigError: the file cannot be written.
    """
    # Another process may have filled the disk or removed the folder since check_file.
    with explained(named), owners_file(path) as file:
        if path.suffix == ".csv":
            harmless(frame).write_csv(file)
        elif path.suffix == ".jsonl":
            frame.write_ndjson(file)
        else:
            frame.write_parquet(file)
