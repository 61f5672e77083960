"""The file of what was forgotten: salted digests beside the state, which outlive a lost or a restored state.

Each line is a JSON object. The first has the salt; each of the others has a digest, when it was added, and of what it
is: ``number``. No line tells whom it means. The file is ``syncd.forgotten`` beside ``syncd.db``, with mode 0600.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from syncd.errors import StateError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What was forgotten. ``what``: ``number``. ``digest``: salted. ``at``: Unix seconds."""

    what: str
    digest: str
    at: float


class Forgotten:
    """What was forgotten beside one state file. Nothing is written before the first :meth:`add`.

    Raises:
        StateError: the file cannot be read, or is damaged: what was forgotten would come back.
    """

    def __init__(self, state: Path) -> None:
        self.path = state.with_suffix(".forgotten")
        self._salt, self._entries = "", dict[str, Entry]()
        self._read()
        # The same few numbers come again and again in a list of calls.
        self._digest = lru_cache(maxsize=65_536)(self._digest_of)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def has_number(self, digits: str) -> bool:
        """Return whether a number (digits as they are stored) was forgotten."""
        return bool(self._entries) and bool(digits) and self._digest("number", digits) in self._entries

    def entries(self) -> list[Entry]:
        """Return what was forgotten, the oldest first."""
        return sorted(self._entries.values(), key=lambda each: (each.at, each.digest))

    @property
    def stamp(self) -> str:
        """A digest over all entries; it tells whether something was added or allowed since."""
        return hashlib.sha256(" ".join(sorted(self._entries)).encode()).hexdigest()[:16]

    def add_number(self, digits: str, now: float) -> Entry:
        """Forget a number for ever, durably, and return its entry. ``now``: Unix seconds."""
        self._salt = self._salt or secrets.token_hex(32)
        entry = Entry("number", self._digest_of("number", digits), now)
        if entry.digest not in self._entries:
            self._entries[entry.digest] = entry
            self._write()
        return self._entries[entry.digest]

    def allow(self, digest: str) -> bool:
        """Let what has this digest come back; return whether there was such an entry."""
        if self._entries.pop(digest, None) is None:
            return False
        self._write()
        return True

    def _digest_of(self, what: str, text: str) -> str:
        # The salt is the key, so that tables of digests made elsewhere are of no use.
        return hashlib.blake2b(f"{what}\x1f{text}".encode(), key=self._salt.encode(), digest_size=16).hexdigest()

    def _read(self) -> None:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{self.path}: cannot be read ({type(error).__name__}): {_REMEDY}") from error
        try:
            head, *rest = [json.loads(line) for line in lines if line.strip()]
            if head["version"] != VERSION:
                raise StateError(f"{self.path}: is of a newer version of syncd: update syncd")
            self._salt = str(head["salt"])
            self._entries = {each.digest: each for each in map(_entry, rest)}
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{self.path}: is damaged: {_REMEDY}") from error

    def _write(self) -> None:
        begun = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(line)}\n" for line in self._lines())
                file.flush()
                os.fsync(file.fileno())
            begun.replace(self.path)
            _fsync(self.path.parent)
        except OSError as error:
            with suppress(OSError):
                begun.unlink(missing_ok=True)
            why = error.strerror or type(error).__name__
            raise StateError(
                f"{self.path}: cannot be written ({why}): nothing was forgotten; make it writable"
            ) from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        yield {"version": VERSION, "salt": self._salt}
        yield from (asdict(each) for each in self.entries())


_REMEDY = "restore it from a backup; without it, what was forgotten would come back"


def _entry(line: Any) -> Entry:
    return Entry(str(line["what"]), str(line["digest"]), float(line["at"]))


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
