"""Tables that a person asked for as a file: CSV, JSON lines or Parquet, by the suffix of the file's name.

They hold names and numbers, so only the file's owner may read them. A spreadsheet would run some cells of a CSV file,
so :func:`harmless` makes these cells texts.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

from syncd.errors import ConfigError

SUFFIXES = (".csv", ".jsonl", ".parquet")

_RUN = r"^('*(?:[\t\r\n]|[\s\x00\x{feff}\x{200b}-\x{200f}]*[=+\-@＝＋－＠]))"
"""The beginning of a cell that a spreadsheet may run (OWASP: CSV Injection), also after blanks and after quotes."""


def check_file(path: Path, named: str) -> None:
    """Refuse a file with another suffix, or at a place that cannot be written, before anything is done.

    ``named``: how the person named the file; the message begins with it.

    Raises:
        ConfigError: the file is refused.
    """
    if path.suffix not in SUFFIXES:
        *others, last = SUFFIXES
        raise ConfigError(f"{named}: the file's name must end in {', '.join(others)} or {last}")
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
def owners_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that only its owner may read, also if it was there before with other rights.

    Raises:
        OSError: the file cannot be written, or belongs to another user.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:  # noqa: PTH123 (it is open already)
        # The rights first: nobody else may read what is written.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
            file.truncate()
        yield file


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file as :func:`owners_file` does that takes the place of an older one only when the block has written it.

    Raises:
        OSError: the file cannot be written.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        # A pipe, or another thing that nothing can take the place of.
        with owners_file(place) as file:
            yield file
        return
    handle, name = tempfile.mkstemp(prefix=".syncd-", dir=place.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (it is open already)
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a ``'`` in front of each text, headers included, that a spreadsheet would run.

    It can be reversed: whatever begins like such a text after some ``'`` has lost nothing but the first ``'``.
    """
    names = pl.Series(frame.columns, dtype=pl.String).str.replace(_RUN, "'$1").to_list()
    return frame.with_columns(pl.col(pl.String).str.replace(_RUN, "'$1")).rename(
        dict(zip(frame.columns, names, strict=True))
    )


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
