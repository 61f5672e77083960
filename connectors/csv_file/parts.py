"""The files of a CSV source: find them, see whether they are finished, and read their bytes."""

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

from connectors.csv_file.header import refuse_other_formats
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.source import same_file

SUFFIXES = frozenset({"", ".csv", ".tsv", ".tab", ".psv", ".txt"})
"""The suffixes, before any ``.gz``, of the parts in a directory; other files are ignored."""

UNFINISHED = frozenset({".tmp", ".part", ".partial", ".filepart", ".crdownload"})
"""The suffixes that programs give to a file while they write it."""

FIRST_BLOCK = 1 << 20
"""Bytes of a file's first block. It is small, so that the first rows come soon and later steps can begin."""

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
    """Return the files that ``path`` (a file, a directory or a glob) means, sorted by name.

    Raises:
        SourceUnavailable: there is no file, or a file is empty, being written or not readable.
        SourceInvalid: ``path`` leads to something that is no ordinary file.

    """
    with file_errors(path):
        parts = [_part(found) for found in _paths(path)]
    if not parts:
        problem = "matches no file" if has_magic(str(path)) else "holds no CSV file"
        raise SourceUnavailable(f"{path} {problem}: check path, and that the export ran")
    return parts


def part_names(path: Path, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the parts' paths inside the folder of ``path``; () if ``path`` names one file, which is no part."""
    if not path.is_dir() and (path.exists() or not has_magic(str(path))):
        return ()
    folder = path if path.is_dir() else _plain_folder(path)
    return tuple(part.path.relative_to(folder).as_posix() for part in parts)


def _plain_folder(pattern: Path) -> Path:
    """Return the folder in which a glob begins."""
    return Path(*pattern.parts[: next(place for place, name in enumerate(pattern.parts) if has_magic(name))])


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        return _files_in(path)
    # Look for the file first: its name may contain the characters of a glob, such as ``a[1].csv``.
    if path.exists() or not has_magic(str(path)):
        return [path]
    folder = _plain_folder(path)
    found = folder.glob("/".join(path.parts[len(folder.parts) :]))
    return sorted(file for file in found if not file.name.startswith(".") and not file.is_dir())


def _files_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if not _is_hidden(file) and not file.is_dir())
    # An unfinished file is likely the next part. Without it the source would look complete, and rows would be deleted.
    for file in files:
        if file.suffix.lower() in UNFINISHED:
            raise SourceUnavailable(f"{file} is still being written, as its name says: wait, or remove it if it is old")
    return [file for file in files if _is_table(file)]


def _is_hidden(file: Path) -> bool:
    # Programs that export in parts put their own files beside them: ``_SUCCESS``, ``_metadata``.
    return file.name[:1] in "._"


def _is_table(file: Path) -> bool:
    return Path(file.name.lower().removesuffix(".gz")).suffix in SUFFIXES


def would_be_read(path: Path, file: Path) -> bool:
    """Whether :func:`find_parts` would return ``file`` for ``path`` if ``file`` existed."""
    try:
        # If ``file`` is a link, the link may be in the folder that is read, or the file that it leads to.
        places = {file.parent.resolve() / file.name, file.resolve()}
        if path.is_dir():
            folder = path.resolve()
            return any(each.parent == folder and not _is_hidden(each) and _is_table(each) for each in places)
        if path.exists() or not has_magic(str(path)):
            return same_file(path, file)
        return any(_matches(each.parts, path.resolve().parts) for each in places)
    # A folder that may not be entered, or links that lead in circles: nothing can be read from there.
    except (OSError, RuntimeError):
        return False


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob; ``**`` matches any number of folders."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _part(path: Path) -> Part:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SourceInvalid(f"{path} is not a file: set path to a file, a directory of files or a glob")
    if status.st_size == 0:
        raise SourceUnavailable(f"{path} is empty, without even a header: the export probably did not finish")
    return Part(path, (status.st_ino, status.st_size, status.st_mtime_ns))


def require_settled(parts: Sequence[Part], settle: float, now: float) -> None:
    """Refuse files that were modified within ``settle`` seconds of ``now`` (seconds since 1970).

    Raises:
        SourceUnavailable: naming the file.

    """
    for part in parts:
        age = now - part.stamp[2] / 1e9
        # The absolute value: a file from a machine whose clock is ahead seems to be from the future.
        if abs(age) < settle:
            ago = f"modified {max(age, 0):.0f} s ago; settle: {settle:g}s"
            raise SourceUnavailable(f"{part.path} may still be being written ({ago}): try again later")


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn the errors of the operating system and of gzip about ``path`` into errors of the source.

    Raises:
        SourceUnavailable: the file is missing, not readable or cut short.
        SourceInvalid: the file is damaged.

    """
    try:
        yield
    except FileNotFoundError:
        raise SourceUnavailable(f"{path} does not exist: check path, and that the export ran") from None
    except PermissionError:
        raise SourceUnavailable(f"{path} may not be read by this user: allow it (chmod, chown)") from None
    except EOFError:
        raise SourceUnavailable(f"{path} is cut short: the export or its copy probably did not finish") from None
    # BadGzipFile is an OSError too, so it must come before that.
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceInvalid(f"{path} is damaged: {error}; export it again") from None
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be read: {error.strerror or error}") from None


class _HashingReader(io.RawIOBase):
    """A file whose bytes are added to a digest as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


class PartBytes:
    """The content of a part, unpacked, in blocks of ``size`` bytes.

    ``digest``: of the bytes as stored; None until the last block was taken.
    """

    def __init__(self, part: Part, size: int) -> None:
        self._part = part
        self._size = size
        self.digest: bytes | None = None

    def blocks(self) -> Generator[bytes, None, None]:
        """Yield the blocks; the file is open until the generator ends or is closed.

        Raises:
            SourceUnavailable: the file cannot be read, or is cut short.
            SourceInvalid: the file is damaged, or is plainly no table.

        """
        with file_errors(self._part.path), self._part.path.open("rb", buffering=0) as file:
            raw = _HashingReader(file)
            # A gzipped file may have any name, so look at its content. These two bytes are read again and hashed then.
            packed = file.read(2) == GZIP
            file.seek(0)
            content = gzip.GzipFile(fileobj=raw) if packed else raw
            if head := content.read(min(self._size, FIRST_BLOCK)):
                refuse_other_formats(head, self._part.origin)
                yield head
            while block := content.read(self._size):
                yield block
            self.digest = raw.digest.digest()


def stored_digest(part: Part) -> bytes:
    """Return the digest of the part's bytes as stored, without unpacking or parsing them.

    Raises:
        SourceUnavailable: the file cannot be read.

    """
    with file_errors(part.path), part.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
