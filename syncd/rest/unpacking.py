"""Reads the body of an answer piece by piece, unpacks it, and stops at the client's bounds.

The server decides what it sends: a body may have no end, may be packed several times, or may unpack to a thousand times
its size. So the memory that a body takes here is bounded at every step.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import cast

import httpx

from syncd.rest.bounds import TOO_LONG, Bounds, TooMuch
from syncd.rest.received import Received

ACCEPTED = "gzip"
"""The Accept-Encoding of every request."""

_STEP = 1 << 20  # bytes that are unpacked at once
_GZIP = 16 + zlib.MAX_WBITS
# Some servers name the character set here, and mean that nothing is packed.
_PLAIN = frozenset({"", "identity", "none", "utf-8", "utf8"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})


def read(response: httpx.Response, bounds: Bounds, *, piecemeal: bool = False) -> tuple[bytearray | Received, str]:
    """Return the unpacked body of a streamed response and "", or an empty one and why it was not read.

    ``piecemeal``: a long body is returned as it was stored, to be parsed piece by piece.

    Raises:
        httpx.HTTPError: the body broke off, or is damaged.

    """
    body = Received(bounds, piecemeal=piecemeal)
    try:
        _require_short(response, bounds)
        # Not ``iter_bytes``: httpx unpacks a whole piece at once, and every encoding that a server names.
        pieces = _counted(iter(cast(httpx.SyncByteStream, response.stream)), bounds)
        if _is_packed(response):
            _unpack(pieces, body)
        else:
            for piece in pieces:
                body.add(piece)
        return (body if piecemeal and body.is_long else body.whole()), ""
    except TooMuch as bound:
        return bytearray(), str(bound)


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


def _unpack(pieces: Iterator[bytes], body: Received) -> None:
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


def _unpack_piece(unpacker: zlib._Decompress, piece: bytes, body: Received) -> bytes:
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
