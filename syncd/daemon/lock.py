"""A lock that lets one daemon at a time use a state file: two daemons would start each run twice."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from syncd.errors import SourceBusy, StateError


class Lock:
    """A lock on a file beside the state file."""

    # flock, not a file with a process id: the kernel releases it however the process ends.
    def __init__(self) -> None:
        self._file = -1
        self._path: Path | None = None

    def take(self, state: str) -> None:
        """Become the daemon of this state file; the lock on another one is released.

        Raises:
            SourceBusy: another daemon uses this state file.
            StateError: the file beside the state cannot be written.
        """
        path = Path(f"{state}.daemon")
        if path == self._path:
            return
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{path}: cannot be written ({error.strerror}); let syncd's user write there") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise SourceBusy(f"{state}: another syncd daemon works with this state file; end that one first") from None
        # Only now: if the new lock is refused, the daemon keeps its old state file.
        self.release()
        self._file, self._path = file, path

    def release(self) -> None:
        """Let another daemon take the lock."""
        if self._path is not None:
            os.close(self._file)
            self._path = None
