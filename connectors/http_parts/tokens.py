"""The file that keeps OAuth tokens between runs.

Several sources and processes share one file: each grant has its own entry, and an exchange holds the file's lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from syncd.errors import SourceInvalid, SourceUnavailable

MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one grant.

    ``access``, ``refresh``: the tokens. ``expires``: until when the access token is used (Unix seconds).
    ``exchanging``: the refresh token was about to be exchanged; in a stored entry it means that the answer may have
    been lost. ``api``: the API's address, if the token's answer names it.
    """

    access: str = ""
    expires: float = 0.0
    refresh: str = ""
    exchanging: bool = False
    api: str = ""

    def __repr__(self) -> str:
        return "Tokens(***)"


# Why a file of its own: a server may exchange the refresh token at every use and refuse the old one from then on, so
# the new one must outlive a failed run, a dry run and a check. The source's cursor is saved only by a run that
# recorded everything, and a dry run opens the state read-only.
class TokenFile:
    """Stores the tokens of grants by the grants' names.

    ``option`` is the option that names the file in a configuration. Every method may raise
    :class:`~syncd.errors.SourceInvalid`, which names the file and the remedy.
    """

    def __init__(self, path: Path, *, option: str = "auth.oauth2.tokens") -> None:
        self._path = path
        self._option = option

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file against other processes and threads, so that tokens that are read stay the newest."""
        try:
            # Lock a file beside it: the token file itself is replaced at every write, and a lock would stay on the old.
            handle = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def read(self, grant: str) -> Tokens:
        """Return the tokens of ``grant``; empty ones if there are none yet."""
        entry = self._entries().get(grant)
        if not isinstance(entry, dict):
            return Tokens()
        try:
            return Tokens(**entry)
        except TypeError:
            raise self._damaged() from None

    def write(self, grant: str, tokens: Tokens) -> None:
        """Store the tokens of ``grant``; they are on disk when this returns."""
        content = json.dumps({**self._entries(), grant: asdict(tokens)}, indent=1).encode()
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            # Readable by the owner only, from the first byte on.
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            _sync(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise self._unwritable(error) from None

    def _entries(self) -> Mapping[str, Any]:
        try:
            with self._path.open("rb") as file:
                entries = json.loads(file.read(MAX_BYTES))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SourceUnavailable(f"{self._path}: the file of tokens cannot be read: {error.strerror}") from None
        except ValueError:
            raise self._damaged() from None
        if not isinstance(entries, dict):
            raise self._damaged()
        return entries

    def _damaged(self) -> SourceInvalid:
        return SourceInvalid(
            f"{self._path}: this is no file of tokens: remove it, and get a new refresh token if the old one is refused"
        )

    def _unwritable(self, error: OSError) -> SourceInvalid:
        return SourceInvalid(
            f"{self._path}: tokens cannot be kept here ({error.strerror}); "
            f"let {self._option} name a file in a folder that syncd may write to"
        )


def _sync(folder: Path) -> None:
    # Without this, a power cut could bring the old file back, with a refresh token that the server refuses by now.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
