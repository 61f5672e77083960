"""Copies a database file as it is at one moment, beside processes that write to it, and proves the copy."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from syncd.errors import StateBusy, StateError
from syncd.processes import is_gone
from syncd.state.database import BEGUN
from syncd.state.look import PATIENCE
from syncd.state.place import STATE, Words, primary_code, problem, unreadable, uri
from syncd.tables.whole_file import fsync_folder

_LONG = 3600.0  # seconds after which no copy is still being written
_BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite makes of a file's name


@contextmanager
def copied(source: Path, beside: Path, words: Words = STATE) -> Iterator[Path]:
    """Lend a whole copy of ``source``, under a name of its own in the folder of ``beside``; it is removed at the end.

    Raises:
        StateError: ``source`` cannot be read, the copy cannot be written, or the copy is damaged.
        StateBusy: ``source`` is locked, or there is no room.
    """
    _remove_left(beside)
    copy = _temporary(beside)
    try:
        _copy(source, copy, words)
        yield copy
    finally:
        remove(copy)


def put_in_place(copy: Path, place: Path, *, replace: bool = False) -> None:
    """Give a copy its name, durably; without ``replace`` nothing that has the name is lost.

    Raises:
        StateError: there is something of this name, or it cannot be written.
    """
    try:
        if not replace:
            _claim(copy, place)
        copy.replace(place)
        fsync_folder(place.parent)
    except FileExistsError:
        raise StateError(f"{place}: there is a file of this name already; name another one") from None
    except OSError as error:
        raise unwritten(place, error) from None


def _claim(copy: Path, place: Path) -> None:
    """Take the name, if nobody has it."""
    try:
        os.link(copy, place)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no links. There two backups of one name at the same moment are not told apart.
        if place.exists():
            raise FileExistsError from None


def unwritten(place: Path, error: OSError) -> StateError:
    """Return the error to raise for a file that cannot be written."""
    kind = StateBusy if error.errno in _NO_ROOM else StateError
    return kind(f"{place}: cannot be written ({error.strerror or type(error).__name__})")


def remove(path: Path) -> None:
    """Remove a database file, and what SQLite made beside it."""
    for suffix in _BESIDE:
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _remove_left(beside: Path) -> None:
    """Remove what killed processes have left of such a copy: it holds names and numbers, and nobody knows of it."""
    left = re.compile(rf"\.{re.escape(beside.name)}{BEGUN}")
    with suppress(OSError):
        for path in list(beside.parent.iterdir()):
            found = left.fullmatch(path.name)
            # A process of another container has a number that is not known here, so its copy must be old too.
            if found and is_gone(int(found[1])) and path.stat().st_mtime < time.time() - _LONG:
                remove(path)


def _temporary(beside: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{beside.name}.{os.getpid()}-", suffix=".new", dir=beside.parent)
    except FileNotFoundError:
        raise StateError(f"{beside}: there is no folder {beside.parent}; make it, or name another file") from None
    except OSError as error:
        raise unwritten(beside, error) from None
    os.close(handle)
    return Path(name)


def _copy(source: Path, copy: Path, words: Words) -> None:
    try:
        opened = sqlite3.connect(uri(source, "ro"), uri=True, timeout=PATIENCE)
    except sqlite3.Error as error:
        raise problem(source, error, words) or StateError(unreadable(source, words)) from None
    with closing(opened), closing(sqlite3.connect(copy, isolation_level=None)) as target:
        try:
            # Read first: an error of a copy does not tell which of the two files it is about.
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise problem(source, error, words) or StateError(unreadable(source, words)) from None
        try:
            opened.backup(target)
            # One file: a copy in WAL mode would need two more beside it to be read.
            target.execute("PRAGMA journal_mode = DELETE").close()
            found = target.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise _failed(source, copy, error, words) from None
    if found != ("ok",):
        raise StateError(f"{source}: the {words.noun} is damaged, so a copy of it is none; see syncd state check")
    try:
        with copy.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritten(copy, error) from None


def _failed(source: Path, copy: Path, error: sqlite3.Error, words: Words) -> StateError:
    if primary_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return StateBusy(f"{copy.parent}: the copy cannot be written (no space left, or an I/O error): make room")
    return problem(source, error, words) or StateError(f"{source}: the {words.noun} cannot be copied")


_NO_ROOM = frozenset({28, 122, 27})  # ENOSPC, EDQUOT, EFBIG
