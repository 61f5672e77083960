"""The folder of temporary files. They hold contacts, so they stand where the person wants them, or nowhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from syncd.surroundings.circumstances import temporary, trouble


def temporary_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return ``$TMPDIR``, or without it the system's folder.

    Raises:
        ConfigError: the folder is not there, or is none, or cannot be written to.
    """
    if named := environ.get("TMPDIR"):
        # Python would pass over a folder that it cannot use, in silence.
        folder = Path(named).absolute()
        what = "" if folder.is_dir() else "this is no folder" if folder.exists() else "there is no such folder"
        if what or not os.access(folder, os.W_OK | os.X_OK):
            raise trouble("temporary_folder", f"$TMPDIR ({folder})", what or "syncd's user may not write there")
        return folder
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise trouble("temporary_folder", "none of the folders for temporary files (/tmp, /var/tmp)") from None


def nameless_file() -> IO[bytes]:
    """Return a new file that only this process can open: the system removes it, however the process ends.

    Raises:
        NoRoom, ConfigError: the folder for it has no room, or cannot be used.
    """
    folder = temporary_folder()
    with temporary(folder):
        # It may have a name for an instant, where the file system knows no file without one.
        return tempfile.TemporaryFile(prefix="syncd-", dir=folder)


@contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """Make a folder that is removed when the block ends, for files that hold nobody's data.

    Raises:
        NoRoom, ConfigError: the folder for it has no room, or cannot be used.
    """
    folder = temporary_folder()
    with temporary(folder):
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=folder)
    with made as name:
        yield Path(name)
