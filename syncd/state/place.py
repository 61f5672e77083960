"""Where the state file is: whether there is one, and how it may be opened; without SQLAlchemy, for small processes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from syncd.errors import StateError

MAGIC = b"SQLite format 3\0"
"""What a database begins with (sqlite.org/fileformat.html)."""


def is_there(path: Path) -> bool:
    """Whether there is a file.

    Raises:
        StateError: something else is in its place, or that cannot be told.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StateError(
            f"{path}: the state file cannot be looked at ({error.strerror}); let syncd's user into its folder"
        ) from None
    if stat.S_ISDIR(mode):
        raise StateError(f"{path}: this is a folder; set state: to a file in it, such as syncd.db")
    if not stat.S_ISREG(mode):
        raise StateError(f"{path}: this is a device, a pipe or a socket; set state: to a file, such as syncd.db")
    return True


def uri(path: Path, mode: str) -> str:
    """The URI by which SQLite opens the file: ``mode`` is ``ro`` or ``rw``.

    To read a file in WAL mode SQLite makes two files beside it. Where it may not, and nobody has left any there, the
    file is whole by itself and is read as one that nobody changes. (A run that another user begins meanwhile could
    change it all the same: then what is read now may be of both times.)
    """
    found = f"{path.absolute().as_uri()}?mode={mode}"
    return f"{found}&immutable=1" if mode == "ro" and _is_whole(path) and not _may_write_beside(path) else found


def _is_whole(path: Path) -> bool:
    return not path.with_name(f"{path.name}-wal").exists()


def _may_write_beside(path: Path) -> bool:
    return os.access(path.absolute().parent, os.W_OK)


def damage(path: Path) -> str:
    """What is said of a file that SQLite cannot use: it is damaged, or was never a database."""
    try:
        with path.open("rb") as file:
            is_database = file.read(len(MAGIC)) == MAGIC
    except OSError:
        is_database = True
    if not is_database:
        return f"{path}: this is no state file of syncd; set state: to another file (if it was one, put a backup there)"
    return (
        f"{path}: the state file is damaged; put a backup in its place, or move it away: the next run "
        "then reads the target's list, adopts what is there and deletes nothing"
    )


def unreadable(path: Path) -> str:
    """What is said of a file that SQLite may not open for reading."""
    if os.access(path, os.R_OK) and not _may_write_beside(path):
        return (
            f"{path}: the state file cannot be read while its folder cannot be written to: a run has not ended, or was "
            f"broken off, and what it wrote last stands in {path.name}-wal; let syncd's user write to the folder"
        )
    return f"{path}: the state file cannot be read; let syncd's user read it and its folder"


def unwritable(path: Path) -> str:
    """What is said of a file that SQLite may not write to."""
    return f"{path}: the state file cannot be written; let syncd's user write to it and to its folder"
