"""A folder of files: ``2026-03-10/rec_84729.mp3``. A file is there whole or not at all, and only for its owner."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from syncd.config.activity import Activity, Media
from syncd.errors import ConfigError, SyncdError
from syncd.surroundings.circumstances import explained

_BEGUN = ".fetching-"

RESERVE = 64_000_000
"""Bytes of the disk, or a fiftieth of it if that is less, that are left free: deliveries must still find room."""


def folders(activity: Activity) -> Iterator[tuple[str, Media]]:
    """Yield the kinds of files that are configured, with their folders."""
    if activity.recordings:
        yield "recording", activity.recordings
    if activity.attachments:
        yield "attachment", activity.attachments


class Folder:
    """The folder at ``root``, which is made if the folder around it is there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, and remove what a process left that was ended in the middle of a file.

        Raises:
            OSError: the folder cannot be made or written.

        """
        # Not the folders around it: they may be a disk that is not mounted now.
        self.root.mkdir(mode=0o700, exist_ok=True)
        for left in self.root.glob(f"{_BEGUN}*"):
            left.unlink(missing_ok=True)

    @contextmanager
    def begin(self) -> Iterator[Writing]:
        """Begin a file; it is removed when the block ends, unless it was kept.

        Raises:
            OSError: it cannot be written, or there is hardly any room.

        """
        disk = os.statvfs(self.root)
        if disk.f_bavail < min(RESERVE // disk.f_frsize, disk.f_blocks // 50):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.root))
        place = self.root / f"{_BEGUN}{secrets.token_hex(8)}"
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(handle, "wb")
        try:
            yield Writing(self.root, place, file)
        finally:
            # What cannot be written any more is not wanted either.
            with suppress(OSError):
                file.close()
            place.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file, and its day's folder if nothing else is in it.

        Raises:
            OSError: it is there and cannot be removed.

        """
        file = self.root / path
        file.unlink(missing_ok=True)
        with suppress(OSError):
            file.parent.rmdir()


class Writing:
    """A file that is being written: ``file``."""

    def __init__(self, root: Path, place: Path, file: IO[bytes]) -> None:
        self._root, self._place, self.file = root, place, file

    def keep(self, day: str, name: str) -> str:
        """Give the file its name, durably; return its path below the folder.

        Raises:
            OSError: there is no room, or the disk fails.

        """
        self.file.flush()
        os.fsync(self.file.fileno())
        folder = self._root / day
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _fsync(self._root)
        self._place.replace(folder / name)
        _fsync(folder)
        return f"{day}/{name}"


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unusable(error: OSError, kind: str, root: Path) -> SyncdError:
    """Return the error to show for one of the system about a folder of ``recording`` or ``attachment``."""
    place = f"activity.{kind}s.folder"
    if found := explained(OSError(error.errno, error.strerror, str(root))):
        return type(found)(f"{place}: {found}")
    remedy = "make the folder around it, or name another folder"
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        remedy = "something else is where a folder should be: move it away, or name another folder"
    elif error.errno == errno.ENOENT and root.parent.is_dir():
        remedy = "it was removed while files were fetched; the next run makes it again"
    return ConfigError(f"{place}: {root}: cannot be used ({error.strerror}); {remedy}")
