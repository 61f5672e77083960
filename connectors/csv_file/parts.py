"""The files that make up a CSV source: which they are, whether they are finished, and their bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path
from typing import IO

from connectors.csv_file.header import refuse_magic
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.source import same_file

SUFFIXES = frozenset({"", ".csv", ".tsv", ".tab", ".psv", ".txt"})
"""What the files of a directory of parts are called, before any ``.gz``; others are no part of it."""

UNFINISHED = frozenset({".tmp", ".part", ".partial", ".filepart", ".crdownload"})
"""What programs call a file that they still write."""

FIRST = 1 << 20
"""Bytes of a file's first block: the sooner there are rows, the sooner what is compared with them is looked up."""

GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Part:
    """One file. ``stamp``: inode, size and modification time (ns), which change when it is written."""

    path: Path
    stamp: tuple[int, int, int]

    @property
    def origin(self) -> str:
        return self.path.name

    @property
    def size(self) -> int:
        return self.stamp[1]


def find_parts(path: Path) -> list[Part]:
    """The files that ``path`` (a file, a directory, a glob) stands for, by name.

    Raises:
        SourceUnavailable: there are none, one is empty or being written, or cannot be opened.
        SourceInvalid: one is no ordinary file.

    """
    with unavailable(path):
        parts = [_part(found) for found in _paths(path)]
    if not parts:
        what = "matches no file" if has_magic(str(path)) else "holds no CSV file"
        raise SourceUnavailable(f"{path} {what}: check path, and that the export ran")
    return parts


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        return _inside(path)
    if path.exists() or not has_magic(str(path)):
        return [path]
    plain = next(place for place, name in enumerate(path.parts) if has_magic(name))
    found = Path(*path.parts[:plain]).glob("/".join(path.parts[plain:]))
    return sorted(file for file in found if not file.name.startswith(".") and not file.is_dir())


def _inside(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if not _is_hidden(file) and not file.is_dir())
    for file in files:
        if file.suffix.lower() in UNFINISHED:
            raise SourceUnavailable(f"{file} is still being written, by its name: wait, or remove it if it is stale")
    return [file for file in files if _is_table(file)]


def _is_hidden(file: Path) -> bool:
    return file.name[:1] in "._"


def _is_table(file: Path) -> bool:
    return Path(file.name.lower().removesuffix(".gz")).suffix in SUFFIXES


def is_read_from(path: Path, file: Path) -> bool:
    """Whether ``file``, were it there, would be one of the files that :func:`find_parts` takes ``path`` to mean."""
    try:
        places = {file.parent.resolve() / file.name, file.resolve()}
        if path.is_dir():
            folder = path.resolve()
            return any(each.parent == folder and not _is_hidden(each) and _is_table(each) for each in places)
        if path.exists() or not has_magic(str(path)):
            return same_file(path, file)
        return any(_fits(each.parts, path.resolve().parts) for each in places)
    except (OSError, RuntimeError):  # a folder that may not be entered, links that go in circles
        return False


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path are those of a glob's ``pattern``; ``**`` stands for any number of folders."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _part(path: Path) -> Part:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise SourceInvalid(f"{path} is not a file: set path to a file, a directory of files or a glob")
    if found.st_size == 0:
        raise SourceUnavailable(f"{path} is empty, without even a header: the export probably did not finish")
    return Part(path, (found.st_ino, found.st_size, found.st_mtime_ns))


def require_settled(parts: Sequence[Part], settle: float, now: float) -> None:
    """Refuse files that were modified within ``settle`` seconds of ``now`` (seconds since 1970).

    Raises:
        SourceUnavailable: naming the file.

    """
    for part in parts:
        age = now - part.stamp[2] / 1e9
        if abs(age) < settle:  # of a clock that is ahead, too
            ago = f"modified {max(age, 0):.0f} s ago; settle: {settle:g}s"
            raise SourceUnavailable(f"{part.path} may still be being written ({ago}): try again later")


@contextmanager
def unavailable(path: Path) -> Iterator[None]:
    """Turn what the operating system and gzip refuse of ``path`` into errors of the source."""
    try:
        yield
    except FileNotFoundError:
        raise SourceUnavailable(f"{path} does not exist: check path, and that the export ran") from None
    except PermissionError:
        raise SourceUnavailable(f"{path} may not be read by this user: allow it (chmod, chown)") from None
    except EOFError:
        raise SourceUnavailable(f"{path} is cut short: the export or its copy probably did not finish") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceInvalid(f"{path} is damaged: {error}; export it again") from None
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be read: {error.strerror or error}") from None


class _Digested(io.RawIOBase):
    """A file whose bytes go into a digest as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._file.read(len(buffer))
        self.digest.update(block)
        buffer[: len(block)] = block
        return len(block)

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


class PartBytes:
    """The content of a part, unpacked, in blocks of ``size`` bytes; ``digest`` is that of the bytes as stored.

    ``digest`` is None until the last block was taken.
    """

    def __init__(self, part: Part, size: int) -> None:
        self._part = part
        self._size = size
        self.digest: bytes | None = None

    def blocks(self) -> Generator[bytes, None, None]:
        """Yield the blocks; the file is open until the generator ends or is closed.

        Raises:
            SourceUnavailable: the file cannot be read, or is cut short.
            SourceInvalid: it is damaged, or plainly no table.

        """
        with unavailable(self._part.path), self._part.path.open("rb", buffering=0) as file:
            raw = _Digested(file)
            packed = file.read(2) == GZIP
            file.seek(0)
            content = gzip.GzipFile(fileobj=raw) if packed else raw
            if head := content.read(min(self._size, FIRST)):
                refuse_magic(head, self._part.origin)
                yield head
            while block := content.read(self._size):
                yield block
            self.digest = raw.digest.digest()


def stored_digest(part: Part) -> bytes:
    """The digest of the part's bytes as stored, without unpacking or parsing anything.

    Raises:
        SourceUnavailable: the file cannot be read.

    """
    with unavailable(part.path), part.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
