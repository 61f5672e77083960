"""The one table from what the surroundings of a process do to it, to the error and the remedy that a person gets.

The surroundings are environment variables, folders, files, limits of the system, time zones, proxies and certificates.
None of them is a defect of syncd: :func:`trouble` makes the error where a module looks at them, and :func:`explained`
finds the error for an exception that nobody looked for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.errors import ConfigError, NoRoom, SyncdError


@dataclass(frozen=True, slots=True)
class Circumstance:
    """``error``: its class gives the exit code. ``what`` happened, unless the place knows it better. ``remedy``."""

    error: type[SyncdError]
    what: str
    remedy: str


CIRCUMSTANCES = {
    "certificates": Circumstance(
        ConfigError, "holds no certificate", "name a file of certificates in PEM form, or unset the variable"
    ),
    "certificate_folder": Circumstance(
        ConfigError,
        "holds no certificate under its hash",
        "name a folder that openssl rehash has prepared, or unset the variable",
    ),
    "proxy": Circumstance(
        ConfigError, "is no address of a proxy", "write http://USER:PASSWORD@HOST:PORT, or unset the variable"
    ),
    "no_proxy": Circumstance(
        ConfigError,
        "has an entry that is not understood",
        "write host names, domains, addresses and networks such as 10.0.0.0/8, with commas between them",
    ),
    "zone": Circumstance(
        ConfigError,
        "is not a time zone",
        "write a name such as America/New_York or a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3, without quotes, "
        "or unset the variable",
    ),
    "machine_zone": Circumstance(
        ConfigError,
        "is not understood",
        "set TZ to a name such as America/New_York, or name the timezone in the schedule",
    ),
    "temporary_folder": Circumstance(
        ConfigError, "cannot be used", "set TMPDIR to a folder that syncd's user may write to"
    ),
    "temporary_full": Circumstance(NoRoom, "no space is left", "make room, or set TMPDIR to another folder"),
    "temporary_limit": Circumstance(
        NoRoom,
        "a file may not grow as large as it must",
        "raise the limit of a file's size (ulimit -f, LimitFSIZE=); TMPDIR sets another folder",
    ),
    "full": Circumstance(NoRoom, "no space is left", "make room and try again"),
    "file_size": Circumstance(
        NoRoom, "a file may not grow as large as it must", "raise the limit of a file's size (ulimit -f, LimitFSIZE=)"
    ),
    "open_files": Circumstance(
        NoRoom, "too many files are open", "raise the limit of open files (ulimit -n, LimitNOFILE=) and try again"
    ),
    "processes": Circumstance(
        NoRoom,
        "no further process or thread can be started",
        "raise the limit of processes (ulimit -u, TasksMax=) and try again",
    ),
    "memory": Circumstance(NoRoom, "the memory is used up", "raise its limit (ulimit -v, MemoryMax=) and try again"),
    "unwell": Circumstance(NoRoom, "the file system reports an error", "look at the disk or its mount, and try again"),
    "forbidden": Circumstance(ConfigError, "syncd's user may not use it", "let syncd's user read and write there"),
    "read_only": Circumstance(ConfigError, "the file system is read-only", "name another place, or mount it writable"),
    "working_folder": Circumstance(
        ConfigError, "is not there any more", "change to a folder that is there, and run the command again"
    ),
    "not_text": Circumstance(
        ConfigError,
        "a name, an argument or a variable is not text in UTF-8",
        "write it in UTF-8, or rename the file or key",
    ),
    "home": Circumstance(ConfigError, "the user has no home folder", "set HOME, or write the path without ~"),
}
"""Every circumstance. ConfigError (exit 2): a person mends a setting. NoRoom (exit 4): a later try may do."""

_ERRNOS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "full"),
    errno.EFBIG: "file_size",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "open_files"),
    **dict.fromkeys((errno.ENOMEM, errno.ENOBUFS), "memory"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "forbidden"),
    errno.EROFS: "read_only",
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.ENOLCK), "unwell"),
}
"""The circumstance of each error number that says nothing of syncd."""

_IN_TEMPORARY = {"full": "temporary_full", "file_size": "temporary_limit", "open_files": "open_files"}
"""The circumstance of a temporary file, for the circumstance of any file."""

# Polars and SQLite keep only the text of an error of the system.
_TEXTS = {
    "No space left on device": "full",
    "Disk quota exceeded": "full",
    "File too large": "file_size",
    "Too many open files": "open_files",
    "can't start new thread": "processes",
    "failed to spawn": "processes",
    "Cannot allocate memory": "memory",
    "Could not determine home directory": "home",
}


def trouble(name: str, place: str, what: str = "") -> SyncdError:
    """Return the error of a circumstance. ``place`` names the variable, file or folder; ``what`` says it better."""
    found = CIRCUMSTANCES[name]
    return found.error(f"{place}: {what or found.what}: {found.remedy}")


def explained(error: BaseException) -> SyncdError | None:
    """Return the error to show for an exception that comes from the surroundings; None for every other exception."""
    if isinstance(error, FileNotFoundError) and _working_folder_is_gone():
        return trouble("working_folder", "the working folder")
    name = _circumstance(error)
    if name is None:
        return None
    named = error.filename if isinstance(error, OSError) else None
    return trouble(name, os.fsdecode(named) if isinstance(named, str | bytes) else "this machine")


@contextmanager
def temporary(folder: object) -> Iterator[None]:
    """Name the temporary folder in the error of a block that writes there.

    Raises:
        NoRoom: there is no room.
        ConfigError: the folder cannot be used.
    """
    try:
        yield
    except SyncdError:
        raise
    except Exception as error:
        found = _circumstance(error)
        if found is None:
            raise
        raise trouble(_IN_TEMPORARY.get(found, "temporary_folder"), f"the temporary folder {folder}") from None


def _circumstance(error: BaseException) -> str | None:
    # Python shows such bytes of arguments, variables and file names as half surrogates.
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "not_text"
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno is not None:
        # EAGAIN of a write to a pipe is the business of the standard streams.
        return "processes" if isinstance(error, BlockingIOError) and "fork" in str(error) else _ERRNOS.get(error.errno)
    # Only exceptions of libraries and of the interpreter: the text of an error may be a contact's.
    if type(error).__module__.partition(".")[0] in {"polars", "pyo3_runtime", "builtins"}:
        return next((name for text, name in _TEXTS.items() if text in str(error)), None)
    return None


def _working_folder_is_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 (pathlib's is this one)
    except OSError:
        return True
    return False
