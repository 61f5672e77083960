"""Whether there is a database file, how SQLite opens it, and which message a person gets if that fails.

Small processes (:mod:`syncd.state.glance`) import it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import StateBusy, StateError

MAGIC = b"SQLite format 3\0"
"""The first bytes of every SQLite database (sqlite.org/fileformat.html)."""


@dataclass(frozen=True, slots=True)
class Words:
    """What messages call a file.

    ``noun``: what it is. ``setting``: the key of the configuration that names it. ``example``: a name for it.
    ``full``: what a full disk means. ``without``: what syncd does once it is moved away. ``back``: how a backup is put
    in its place.
    """

    noun: str
    setting: str
    example: str
    full: str
    without: str
    back: str = "put a backup in its place"


STATE = Words(
    noun="state file",
    setting="state:",
    example="syncd.db",
    full="nothing is sent that cannot be recorded; make room and run again",
    without="the next run then reads the target's list, adopts what is there and deletes nothing",
    back="put a backup in its place with syncd state restore FILE",
)

STORE = Words(
    noun="activity store",
    setting="activity.store:",
    example="activity.db",
    full="nothing is answered as received that cannot be stored; make room and run again",
    without="the next pull then reads the lists again, from activity.since on",
)


def is_there(path: Path, words: Words = STATE) -> bool:
    """Return whether there is a file at ``path``.

    Raises:
        StateError: something else than a file is there, or the folder cannot be entered.
    """
    # os.path.exists() says False in a folder that may not be entered: a run would begin without its state.
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StateError(
            f"{path}: the {words.noun} cannot be looked at ({error.strerror}); let syncd's user into its folder"
        ) from None
    if stat.S_ISDIR(mode):
        raise StateError(f"{path}: this is a folder; set {words.setting} to a file in it, such as {words.example}")
    if not stat.S_ISREG(mode):
        raise StateError(
            f"{path}: this is a device, a pipe or a socket; set {words.setting} to a file, such as {words.example}"
        )
    return True


def uri(path: Path, mode: str) -> str:
    """Return the URI with which SQLite opens the file; ``mode`` is ``ro`` or ``rw``."""
    found = f"{path.absolute().as_uri()}?mode={mode}"
    # To read a file in WAL mode, SQLite makes two files beside it. If it may not make them and no run has left them
    # there, the file is complete and is opened as a file that nobody changes. (If another user begins a run meanwhile,
    # this process may read old and new pages.)
    is_complete = not path.with_name(f"{path.name}-wal").exists()
    return f"{found}&immutable=1" if mode == "ro" and is_complete and not _may_write_beside(path) else found


def _may_write_beside(path: Path) -> bool:
    return os.access(path.absolute().parent, os.W_OK)


def problem(path: Path, error: BaseException | None, words: Words = STATE) -> StateError | None:
    """Return the error to raise for a file that is locked or damaged; None for every other error of SQLite."""
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateBusy(f"{path}: another process has locked the {words.noun}; try again when it is done")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateError(_damage(path, words))
    return None


def primary_code(error: BaseException | None) -> int:
    """Return SQLite's primary result code; 0 for an error that has none."""
    # The upper bits make an extended code of it: SQLITE_BUSY_SNAPSHOT is SQLITE_BUSY too.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _damage(path: Path, words: Words) -> str:
    try:
        with path.open("rb") as file:
            is_database = file.read(len(MAGIC)) == MAGIC
    except OSError:
        is_database = True
    if not is_database:
        return (
            f"{path}: this is no {words.noun} of syncd; set {words.setting} to another file "
            "(if it was one, put a backup there)"
        )
    return f"{path}: the {words.noun} is damaged; {words.back}, or move it away: {words.without}"


def unreadable(path: Path, words: Words = STATE) -> str:
    """Return the message about a file that SQLite may not open for reading."""
    # With a -wal file beside it the file is not complete, and SQLite needs to write the -shm file to read both.
    if os.access(path, os.R_OK) and not _may_write_beside(path):
        return (
            f"{path}: the {words.noun} cannot be read while its folder cannot be written to: a run has not ended, or "
            f"was broken off, and what it wrote last stands in {path.name}-wal; let syncd's user write to the folder"
        )
    return f"{path}: the {words.noun} cannot be read; let syncd's user read it and its folder"


def unwritable(path: Path, words: Words = STATE) -> str:
    """Return the message about a file that SQLite may not write to."""
    return f"{path}: the {words.noun} cannot be written; let syncd's user write to it and to its folder"
