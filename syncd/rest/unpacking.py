"""Reads the body of an answer piece by piece, unpacks it, and stops at the client's bounds.

The server decides what it sends: a body may have no end, may be packed several times, or may unpack to a thousand times
its size. So the memory that a body takes here is bounded at every step.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from tempfile import TemporaryFile
from typing import cast

import httpx

from syncd.rest.bounds import WEIGHTS, Bounds

ACCEPTED = "gzip"
"""The Accept-Encoding of every request."""

TOO_LONG = "the answer was longer than allowed (max_answer)"
TOO_DENSE = "the answer holds far more values than its size allows"

_STEP = 1 << 20  # bytes that are unpacked at once
_IN_MEMORY = 8 << 20  # bytes of a body that are kept in memory until it is known to be short enough
_UNWEIGHED = 1 << 19  # no answer of this size can be too dense
_GZIP = 16 + zlib.MAX_WBITS
# Some servers name the character set here, and mean that nothing is packed.
_PLAIN = frozenset({"", "identity", "none", "utf-8", "utf8"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})


class TooMuch(Exception):
    """The answer exceeds a bound; the message says which."""


def read(response: httpx.Response, bounds: Bounds) -> tuple[bytearray, str]:
    """Return the unpacked body of a streamed response and "", or an empty one and why it was not read.

    Raises:
        httpx.HTTPError: the body broke off, or is damaged.

    """
    body = _Body(bounds)
    try:
        _require_short(response, bounds)
        # Not ``iter_bytes``: httpx unpacks a whole piece at once, and every encoding that a server names.
        pieces = _counted(iter(cast(httpx.SyncByteStream, response.stream)), bounds)
        if _is_packed(response):
            _unpack(pieces, body)
        else:
            for piece in pieces:
                body.add(piece)
        return body.whole(), ""
    except TooMuch as bound:
        return bytearray(), str(bound)
    finally:
        body.close()


class _Body:
    """The unpacked bytes so far; what is long waits in a file without a name, in the temporary folder."""

    # One growing array: a server can send a byte at a time, and so many pieces would take fifty times their size.
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._content = bytearray()
        self._file: FileIO | None = None
        self._size = 0
        self._weighed = 0
        self._weight = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._bounds.max_answer:
            raise TooMuch(TOO_LONG)
        self._content += piece
        if self._size - self._weighed > _UNWEIGHED:
            self._weigh()
            if len(self._content) > _IN_MEMORY:
                self._put_away()

    def whole(self) -> bytearray:
        """Return the body, once all of it was added."""
        if self._size > _UNWEIGHED:
            self._weigh()
        if not self._file:
            return self._content
        found, stored = bytearray(self._size), self._size - len(self._content)
        found[stored:] = self._content
        self._file.seek(0)
        at, room = 0, memoryview(found)
        while at < stored and (count := self._file.readinto(room[at:stored])):
            at += count
        return found

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _weigh(self) -> None:
        """Raise TooMuch if the values of the body would take too much memory."""
        begin = len(self._content) - (self._size - self._weighed)
        self._weight += sum(weight * self._content.count(mark, begin) for mark, weight in WEIGHTS.items())
        self._weighed = self._size
        if self._weight > self._bounds.room(self._size):
            raise TooMuch(TOO_DENSE)

    def _put_away(self) -> None:
        written = 0
        # A full folder is no reason to fail: then the rest stays in memory, which is bounded all the same.
        with suppress(OSError), memoryview(self._content) as rest:
            self._file = self._file or TemporaryFile(buffering=0)  # noqa: SIM115 (closed with the body)
            while written < len(rest):
                written += self._file.write(rest[written:])
        del self._content[:written]


def _require_short(response: httpx.Response, bounds: Bounds) -> None:
    length = response.headers.get("content-length", "")
    if re.fullmatch(r"\d{1,18}", length) and int(length) > bounds.max_answer:
        raise TooMuch(TOO_LONG)


def _counted(pieces: Iterator[bytes], bounds: Bounds) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        # Packed bytes count too: a body may be packed for ever and hold nothing.
        size += len(piece)
        if size > bounds.max_answer:
            raise TooMuch(TOO_LONG)
        yield piece


def _is_packed(response: httpx.Response) -> bool:
    named = response.headers.get("content-encoding", "").lower().split(",")
    packed = [each for name in named if (each := name.strip()) not in _PLAIN]
    if packed in ([], ["gzip"], ["x-gzip"]):
        return bool(packed)
    shown = ", ".join(each if each in _KNOWN else "an unknown encoding" for each in packed[:4])
    raise TooMuch(f"the answer was packed as {shown}, and only gzip was asked for")


def _unpack(pieces: Iterator[bytes], body: _Body) -> None:
    unpacker = None
    for piece in pieces:
        rest = piece
        while rest:
            if unpacker is None:
                unpacker = zlib.decompressobj(_GZIP)
            elif unpacker.eof:
                # A packed body may have several parts. What follows and is no part is padding.
                if not rest.startswith(b"\x1f"):
                    break
                unpacker = zlib.decompressobj(_GZIP)
            rest = _unpack_piece(unpacker, rest, body)
    if unpacker is not None and not unpacker.eof:
        raise httpx.DecodingError("the packed body was cut off")


def _unpack_piece(unpacker: zlib._Decompress, piece: bytes, body: _Body) -> bytes:
    """Add what a piece unpacks to, and return the bytes that follow the packed part."""
    while True:
        try:
            found = unpacker.decompress(piece, _STEP)
        except zlib.error:
            raise httpx.DecodingError("the packed body is damaged") from None
        body.add(found)
        piece = unpacker.unconsumed_tail
        # A full step may leave unpacked bytes inside, even if no packed byte is left.
        if not piece and len(found) < _STEP:
            return unpacker.unused_data
