"""Parses an answer whose list of records is long: everything but the list at once, and the records one by one.

The records are never in memory together: each pass over the list reads and parses the stored bytes again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from syncd.rest import bodies, weights
from syncd.rest.bounds import TOO_DENSE, TooMuch
from syncd.rest.received import Received, require_light

_WINDOW = 1 << 18  # bytes that are read at once; what a part of a list holds may take forty times as much
_UNSURE = 16  # characters at the end of a window in which an error may be a token that is cut in two
_SPACE = json.decoder.WHITESPACE  # type: ignore[attr-defined]


class Listed:
    """A list of an answer: its length, and passes over its records. ``begin``: the byte behind its bracket."""

    def __init__(self, open_at: Callable[[int], _Reader], begin: int, count: int) -> None:
        self._open_at = open_at
        self._begin = begin
        self._count = count
        self._kept: Sequence[int] | None = None

    def __len__(self) -> int:
        return self._count if self._kept is None else len(self._kept)

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts():
            yield from part

    def only(self, kept: Sequence[int]) -> Listed:
        """Return the list of the records at these ascending places of the whole list."""
        found = Listed(self._open_at, self._begin, self._count)
        found._kept = kept
        return found

    def parts(self) -> Iterator[list[Any]]:
        """Yield the records in lists that take little memory; at least one list."""
        kept = None if self._kept is None else iter(self._kept)
        following = None if kept is None else next(kept, None)
        part: list[Any] = []
        reader = self._open_at(self._begin)
        window = reader.windows
        for place, record in enumerate(reader.elements()):
            if reader.windows != window:
                if part:
                    yield part
                part, window = [], reader.windows
            if kept is None or place == following:
                part.append(record)
                following = next(kept, None) if kept is not None else None
        yield part


def parse(received: Received, within: Sequence[str], *, exact: bool = False) -> tuple[Any, str]:
    """Return the parsed JSON with a :class:`Listed` behind the keys ``within``, and ""; or None and what came instead.

    Without a list behind the keys, the answer is parsed as it is. ``exact``: fractions become Decimals.
    """
    content = received.read(0, 4)
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or 0 in content:
        # Other encodings than plain UTF-8 are rare.
        return _parse_whole(received, exact=exact)

    def open_at(begin: int) -> _Reader:
        return _Reader(received, begin, exact=exact)

    try:
        reader = open_at(0)
        found = _value(reader, within, open_at)
        reader.end()
    except TooMuch as bound:
        return None, str(bound)
    except _TooDeep:
        return None, bodies.TOO_DEEP
    except (ValueError, RecursionError):
        return None, bodies.what_came(received.read(0, 1000))
    return found, ""


def parts_of(records: Sequence[Any] | Listed) -> Iterable[Sequence[Any]]:
    """Return the records in lists that may be held: a list itself, or the parts of a long one; at least one."""
    return records.parts() if isinstance(records, Listed) else [records]


def _parse_whole(received: Received, *, exact: bool) -> tuple[Any, str]:
    try:
        return bodies.parse(received.whole(), exact=exact)
    except TooMuch as bound:
        return None, str(bound)


def _value(reader: _Reader, within: Sequence[str], open_at: Callable[[int], _Reader]) -> Any:
    first = reader.peek()
    if first == "[" and not within:
        return _listed(reader, open_at)
    if first != "{" or not within:
        return reader.held()
    return _object(reader, within, open_at)


def _object(reader: _Reader, within: Sequence[str], open_at: Callable[[int], _Reader]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    reader.take("{")
    if reader.peek() == "}":
        reader.take("}")
        return found
    while True:
        key = reader.held(weights.DISTINCT)
        if not isinstance(key, str):
            raise ValueError
        reader.take(":")
        found[key] = _value(reader, within[1:], open_at) if key == within[0] else reader.held()
        if reader.take(",}") == "}":
            return found


def _listed(reader: _Reader, open_at: Callable[[int], _Reader]) -> Listed:
    reader.take("[")
    begin, count = reader.place, 0
    for record in reader.elements():
        count += 1
        if count * weights.RECORD > reader.room:
            raise TooMuch(TOO_DENSE)
        if reader.is_deep(record):
            raise _TooDeep
    return Listed(open_at, begin, count)


class _TooDeep(Exception):
    """A value is nested too deep."""


class _Reader:
    """Reads JSON values one by one from a byte on. ``windows``: how often more was read; ``room``: see Bounds."""

    def __init__(self, received: Received, begin: int, *, exact: bool) -> None:
        self.windows = 0
        self.room = received.bounds.room
        self._received = received
        self._next = begin
        self._pending = bytearray()
        self._text = ""
        self._at = 0
        self._begin = 0
        self._held = 0
        self._decode = json.JSONDecoder(parse_float=Decimal if exact else None).raw_decode

    @property
    def place(self) -> int:
        """The byte of the body that is read next."""
        return self._next - len(self._pending) - len(_bytes(self._text[self._at :]))

    def peek(self) -> str:
        """Return the next character that is no space; an empty text at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def end(self) -> None:
        """Raise ValueError if anything follows."""
        if self.peek():
            raise ValueError

    def take(self, one_of: str) -> str:
        """Return the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in one_of:
            raise ValueError
        self._at += 1
        return found

    def elements(self) -> Iterator[Any]:
        """Yield the values up to the end of the list."""
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def held(self, besides: int = 0) -> Any:
        """Return the next value, which is kept; all of those, and what they take besides, must fit into the room."""
        found = self.value()
        self._held += besides + require_light(_bytes(self._text[self._begin : self._at]), self.room - self._held)
        if self.is_deep(found):
            raise _TooDeep
        return found

    def value(self) -> Any:
        """Return the next value."""
        while True:
            self.peek()
            try:
                found, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self._text) - _UNSURE
                if not (cut and self._more()):
                    raise
                continue
            # A number at the end of a window may go on in the next one, also if the window ends in "1." or "1e+".
            if end >= len(self._text) - 2 and not self._text[end:].strip(".eE+-") and self._more():
                continue
            self._begin, self._at = self._at, end
            return found

    def is_deep(self, value: Any) -> bool:
        """Return whether the value that was just read is nested too deep."""
        text, begin, end = self._text, self._begin, self._at
        brackets = text.count("[", begin, end) + text.count("{", begin, end)
        return brackets > bodies.DEEPEST and bodies.is_deep(value)

    def _more(self) -> bool:
        """Read on; return False at the end. What was not parsed stays, and must not be too heavy."""
        rest = self._text[self._at :]
        if len(rest) > _WINDOW // 4:
            require_light(_bytes(rest), self.room // 2)
        read = self._received.read(self._next, max(_WINDOW, len(rest) // 2))
        if not read:
            return False
        self._next += len(read)
        read[:0] = self._pending
        cut = _whole_characters(read) if self._next < self._received.size else len(read)
        self._pending = read[cut:]
        self._text = rest + read[:cut].decode("utf-8", "surrogatepass")
        self._at = self._begin = 0
        self.windows += 1
        # One wide character more may make a long text four times as large.
        if len(self._text) > 2 * _WINDOW:
            require_light(_bytes(self._text), self.room)
        return True


def _whole_characters(read: bytearray) -> int:
    """Return how many bytes from the beginning hold no character that may be cut in two."""
    cut = len(read)
    while cut and read[cut - 1] & 0xC0 == 0x80:
        cut -= 1
    return cut - 1 if cut and read[cut - 1] >= 0xC0 else cut


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
