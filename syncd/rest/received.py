"""The bytes of an answer that have come so far: weighed as they come, and kept in a file if they are many."""

from __future__ import annotations

import weakref
from contextlib import suppress
from io import FileIO
from tempfile import TemporaryFile

from syncd.rest import weights
from syncd.rest.bounds import TOO_DENSE, TOO_LONG, Bounds, TooMuch

LONG = 2 << 20
"""Bytes from which on a body is parsed piece by piece, if it may be."""

_IN_MEMORY = 4 << 20  # bytes of a body that are kept in memory until it is known to be light enough
_UNWEIGHED = 1 << 19  # bytes that are weighed at once
_TEXTS = 3  # times that a text is in memory at least while it is parsed


class Received:
    """What is long waits in a file without a name, in the temporary folder, which is closed with this object.

    ``piecemeal``: a long body is not parsed as a whole, so it is only weighed if it turns out to be short.
    """

    # One growing array: a server can send a byte at a time, and so many pieces would take fifty times their size.
    def __init__(self, bounds: Bounds, *, piecemeal: bool = False) -> None:
        self.bounds = bounds
        self.size = 0
        self._piecemeal = piecemeal
        self._content = bytearray()
        self._file: FileIO | None = None
        self._weighed = 0
        self._weight = 0

    @property
    def is_long(self) -> bool:
        return self.size > LONG

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.bounds.max_answer:
            raise TooMuch(TOO_LONG)
        self._content += piece
        if self.size - self._weighed > _UNWEIGHED and not self._piecemeal:
            self._weigh()
        if len(self._content) > _IN_MEMORY:
            self._put_away()

    def whole(self) -> bytearray:
        """Return the body, once all of it was added.

        Raises:
            TooMuch: its values would take too much memory.

        """
        self._weigh()
        found = self.read(0, self.size) if self._file else self._content
        # To weigh a page of a list takes as long as to store it, and nearly every page is far from the bound.
        if weights.ceiling(found, self._weight) > self.bounds.room:
            require_light(found, self.bounds.room, self._weight)
        return found

    def read(self, begin: int, size: int) -> bytearray:
        """Return at most ``size`` bytes from ``begin`` on; fewer at the end."""
        size = max(0, min(size, self.size - begin))
        stored = self.size - len(self._content)
        if begin >= stored:
            return self._content[begin - stored : begin - stored + size]
        found, there = bytearray(size), min(size, stored - begin)
        found[there:] = self._content[: size - there]
        self._fill(memoryview(found)[:there], begin)
        return found

    def _fill(self, room: memoryview, begin: int) -> None:
        if self._file:
            self._file.seek(begin)
            at = 0
            while at < len(room) and (count := self._file.readinto(room[at:])):
                at += count

    def _weigh(self) -> None:
        """Raise TooMuch if the values that came so far would take too much memory."""
        begin = max(0, len(self._content) - (self.size - self._weighed))
        self._weight += weights.marks(self._content, begin)
        self._weighed = self.size
        if self._weight + _TEXTS * self.size > self.bounds.room:
            raise TooMuch(TOO_DENSE)

    def _put_away(self) -> None:
        written = 0
        # A full folder is no reason to fail: then the rest stays in memory, which is bounded all the same.
        with suppress(OSError), memoryview(self._content) as rest:
            if self._file is None:
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115 (closed with this object)
                weakref.finalize(self, self._file.close)
            while written < len(rest):
                written += self._file.write(rest[written:])
        del self._content[:written]


def require_light(content: bytes | bytearray, room: int, weight: int | None = None) -> int:
    """Return the bytes of memory that a text takes once it is parsed; ``weight``: what its values take, if known.

    Raises:
        TooMuch: it is more than ``room``.

    """
    found = weights.texts(content) + (weights.marks(content) if weight is None else weight)
    if found <= room:
        found += weights.keys(content, room - found)
    if found > room:
        raise TooMuch(TOO_DENSE)
    return found
