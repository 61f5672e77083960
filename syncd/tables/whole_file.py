"""Files that hold names and numbers: only their owner may read them, unless their writer says who else may."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

OWNERS = 0o600


@contextmanager
def owners_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that only its owner may read, also if it was there before with other rights.

    Raises:
        OSError: the file cannot be written, or belongs to another user.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, OWNERS)
    with open(handle, "wb") as file:  # noqa: PTH123 (it is open already)
        # The rights first: nobody else may read what is written.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, OWNERS)
            file.truncate()
        yield file


@contextmanager
def whole_file(path: Path, *, prefix: str = ".syncd-", mode: int = OWNERS) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of an older one only when the block has written it, durably.

    ``prefix``: how its name begins until then. ``mode``: who may read it.

    Raises:
        OSError: the file cannot be written.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        # A pipe, or another thing that nothing can take the place of.
        with owners_file(place) as file:
            yield file
        return
    handle, name = tempfile.mkstemp(prefix=prefix, dir=place.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (it is open already)
            yield file
            file.flush()
            if mode != OWNERS:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_folder(place.parent)


def fsync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        OSError: the disk fails.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
