"""One daemon for one state file: two would start each run twice, to find the other's under way."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from syncd.errors import SourceBusy, StateError


class Lock:
    """Held by a file beside the state, and given back by the machine however the process ends."""

    def __init__(self) -> None:
        self._file = -1
        self._path: Path | None = None

    def take(self, state: str) -> None:
        """Be the daemon of this state file, and no longer of another one.

        Raises:
            SourceBusy: another daemon is.
            StateError: no file can be made beside the state.
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
        self.release()
        self._file, self._path = file, path

    def release(self) -> None:
        """Let another daemon be it."""
        if self._path is not None:
            os.close(self._file)
            self._path = None
