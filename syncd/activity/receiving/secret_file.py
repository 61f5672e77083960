"""The file with the webhook's secrets, one a line: the receiver reads it, and ``syncd webhook`` writes it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from syncd.errors import ConfigError


class Secrets:
    """The secrets that are accepted now: those given, then those of a file, which may appear or change later.

    ``unreadable``: whether the file is there and cannot be read. What was read of it before counts on.
    """

    def __init__(self, given: Sequence[str], file: str) -> None:
        self._given = [secret.encode() for secret in given]
        self._file = file
        self._seen: tuple[int, ...] | None = None
        self._found: list[bytes] = []
        self.unreadable = False

    def now(self) -> list[bytes]:
        """Return them, without doubles; a file that cannot be read holds none."""
        if self._file:
            self._look()
        return list(dict.fromkeys([*self._given, *self._found]))

    def _look(self) -> None:
        # A look at the file for each delivery costs a microsecond, and a new secret counts at once.
        try:
            status = os.stat(self._file)  # noqa: PTH116 (as fast as can be)
            seen = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
            if seen != self._seen:
                self._found = read(Path(self._file))
                self._seen, self.unreadable = seen, False
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self._found, self.unreadable = None, [], False
        except OSError:
            self._seen, self.unreadable = None, True


def read(file: Path) -> list[bytes]:
    """Return the secrets in ``file``, without empty lines, blanks around them, and the mark that editors put first.

    Raises:
        OSError: it cannot be read.
    """
    content = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    return [line for line in (each.strip() for each in content.splitlines()) if line]


def write(file: Path, secrets: Sequence[bytes]) -> None:
    """Write the secrets into ``file``, durably and for its owner only. Whoever reads it sees the old or the new ones.

    Raises:
        ConfigError: the file cannot be written.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        _written(beside, b"".join(secret + b"\n" for secret in secrets))
        beside.replace(file)
        _fsync(file.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise ConfigError(unwritable(file, error)) from None


def prove_writable(file: Path) -> None:
    """Prove that :func:`write` will have a place, before a secret is asked for that is shown only once.

    Raises:
        ConfigError: the file cannot be written.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        _written(beside, b"\n" * 4096)
        beside.unlink()
    except OSError as error:
        raise ConfigError(unwritable(file, error)) from None


def unwritable(file: Path, error: OSError) -> str:
    """Return the message about a file that cannot be written."""
    return (
        f"receive.secret_file: {file}: cannot be written ({error.strerror}); let syncd's user write to its folder, or "
        "name another place"
    )


def _written(file: Path, content: bytes) -> None:
    # O_EXCL would fail on what a killed process of the same number left.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, 0o600)
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
