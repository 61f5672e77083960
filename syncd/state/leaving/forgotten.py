"""The file of what was forgotten: salted digests beside the state, which outlive a lost or a restored state.

Each line is a JSON object. The first has the salt; each of the others has a digest, when it was added, and of what it
is: :data:`KEY`, with its source, :data:`NUMBER` or :data:`EVERYWHERE`. No line tells whom it means. The file is
``syncd.forgotten`` beside ``syncd.db``, with mode 0600.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from syncd.core.forgetting.marks import Marks, What, digest_of, key_text, sieve_of
from syncd.errors import StateError

VERSION = 1

KEY, NUMBER, EVERYWHERE = "key", "number", "number everywhere"
"""What an entry is of: a key of a source; a number of calls and messages alone; a number of contacts as well."""

# An entry of a number has one digest, whichever of both it is: an earlier version knows it as a number of calls.
_MARKED: Mapping[str, What] = {KEY: "key", NUMBER: "number", EVERYWHERE: "number"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What was forgotten. ``what``: as :data:`KEY` says. ``digest``: salted. ``at``: Unix seconds.

    ``source``: of a key; "" of a number. ``sieve``: see :mod:`syncd.core.forgetting.marks`.
    """

    what: str
    digest: str
    at: float
    source: str = ""
    sieve: int | None = None

    def of(self, source: str) -> bool:
        """Return whether an entry of a key may be of this source."""
        # An earlier version leaves the source out when it writes the file.
        return self.source in ("", source)

    def to_json(self) -> dict[str, Any]:
        """Return the entry's line in the file."""
        found = {"what": self.what, "digest": self.digest, "at": self.at, "source": self.source, "sieve": self.sieve}
        # A line of a number that an earlier version wrote has the first three alone.
        return {name: value for name, value in found.items() if value not in ("", None)}


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
        """Return whether a number of calls and messages (digits as they are stored) was forgotten."""
        return bool(self._entries) and bool(digits) and self._digest("number", digits) in self._entries

    def entries(self) -> list[Entry]:
        """Return what was forgotten, the oldest first."""
        return sorted(self._entries.values(), key=lambda each: (each.at, each.digest))

    @property
    def stamp(self) -> str:
        """A digest over all entries; it tells whether something was added or allowed since."""
        return _stamp(self.entries())

    def of(self, source: str) -> Marks:
        """Return what was forgotten that a source has to know: its own keys, and the numbers of contacts."""
        mine = [each for each in self.entries() if each.what == EVERYWHERE or (each.what == KEY and each.of(source))]
        keys, numbers = ({each.digest: each.sieve for each in mine if each.what == what} for what in (KEY, EVERYWHERE))
        return Marks(source, self._salt, _stamp(mine) if mine else "", keys, numbers)

    def add_number(self, digits: str, now: float) -> Entry:
        """Forget a number of calls and messages, durably, and return its entry. ``now``: Unix seconds."""
        return self._add([(NUMBER, "", digits)], now)[0]

    def add_everywhere(self, numbers: Iterable[str], now: float) -> list[Entry]:
        """Forget numbers of contacts too, durably and together: the forms in which one number may be written."""
        return self._add([(EVERYWHERE, "", digits) for digits in numbers], now)

    def add_key(self, source: str, key: str, now: float) -> Entry:
        """Forget a key of a source, durably, and return its entry."""
        return self._add([(KEY, source, key_text(source, key))], now)[0]

    def allow(self, digest: str) -> bool:
        """Let what has this digest come back; return whether there was such an entry."""
        with self._changing():
            if self._entries.pop(digest, None) is None:
                return False
            self._write()
        return True

    def _add(self, wanted: Iterable[tuple[str, str, str]], now: float) -> list[Entry]:
        """Add what is not there yet: what it is, its source and its text."""
        with self._changing():
            self._salt = self._salt or secrets.token_hex(32)
            found = [self._made(*each, now) for each in wanted]
            known = {each.digest: self._entries.get(each.digest) for each in found}
            # A number of calls becomes one of contacts too; never the other way round.
            new = [each for each in found if (was := known[each.digest]) is None or _widens(each, was)]
            if new:
                self._entries |= {each.digest: each for each in new}
                self._write()
        return [self._entries[each.digest] for each in found]

    def _made(self, what: str, source: str, text: str, now: float) -> Entry:
        mark = _MARKED[what]
        return Entry(what, digest_of(mark, text, self._salt), now, source, sieve_of(mark, text, self._salt))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let no other process change the file meanwhile, and know what others have written."""
        try:
            handle = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unwritten(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._read()
            yield
        finally:
            os.close(handle)

    def _digest_of(self, what: str, text: str) -> str:
        return digest_of(what, text, self._salt)

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
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> StateError:
        why = error.strerror or type(error).__name__
        return StateError(f"{self.path}: cannot be written ({why}): nothing was forgotten; make it writable")

    def _lines(self) -> Iterator[dict[str, Any]]:
        yield {"version": VERSION, "salt": self._salt}
        yield from (each.to_json() for each in self.entries())


_REMEDY = "restore it from a backup; without it, what was forgotten would come back"


def _entry(line: Any) -> Entry:
    sieve = line.get("sieve")
    source, found = str(line.get("source", "")), None if sieve is None else int(sieve)
    return Entry(str(line["what"]), str(line["digest"]), float(line["at"]), source, found)


def _widens(new: Entry, was: Entry) -> bool:
    return new.what == EVERYWHERE and was.what == NUMBER


def _stamp(entries: Iterable[Entry]) -> str:
    # With the times: what was allowed and then forgotten again has the same digest as before.
    texts = sorted(f"{each.digest} {each.at}" for each in entries)
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()[:16]


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
