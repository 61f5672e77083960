"""The careful reader of delimited text: one record at a time, and how it goes on after one that is broken.

It works on UTF-8 bytes, in which a delimiter, a quote and a line end can be no part of another character. A line ends
with CR LF, LF or a lone CR. A quote means something only where a field begins with it; elsewhere it is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_RECORD = 1 << 20
"""No record is longer (bytes), so that a quote that is never closed cannot swallow the file."""

LINE_END = re.compile(rb"\r\n|\n|\r")

UNCLOSED = "a quote is opened and not closed"
AFTER_QUOTE = "text follows a closing quote"
TOO_LONG = "the row is too long"


class NoLineEnd(Exception):
    """A line is longer than any record may be: this is no table."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """``delimiter`` and ``quote`` are one ASCII character each; without a quote every character is text."""

    delimiter: str
    quote: str | None = '"'


@dataclass(frozen=True, slots=True)
class Record:
    """``fields`` of the record that ends before offset ``end``; ``reason``: why it is broken, then no field counts."""

    fields: list[bytes]
    end: int
    reason: str = ""


def count_lines(data: bytes) -> int:
    """How many line ends ``data`` holds."""
    count = data.count(b"\n")
    return count + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else count


def clean_record(dialect: Dialect, width: int, line_end: str) -> str:
    """The regular expression (for Python and Rust) of a record of ``width`` fields, each unquoted or well quoted.

    An unquoted field with a quote in it does not match, though it is legal: fast parsers misread it.
    """
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote or "")
    field = rf"(?:[^{q}{d}\r\n\x00]*|{q}(?:[^{q}\x00]|{q}{q})*{q})" if q else rf"[^{d}\r\n\x00]*"
    return rf"(?:{field}{d}){{{width - 1}}}{field}{line_end}"


class Scanner:
    """Cuts records out of a buffer. ``width``: how many fields a record should have, once that is known."""

    def __init__(self, dialect: Dialect, width: int = 0, *, max_record: int = MAX_RECORD) -> None:
        d = re.escape(dialect.delimiter.encode())
        q = re.escape((dialect.quote or "").encode())
        quoted = q + rb"([^" + q + rb"]*+(?:" + q + q + rb"[^" + q + rb"]*+)*+)" + q if q else rb"(?!)()"
        plain = rb"(?!" + q + rb")([^" + d + rb"\r\n]*+)" if q else rb"([^" + d + rb"\r\n]*+)"
        end = rb"(" + d + rb"|\r\n|\n|\r)"
        self._delimiter = dialect.delimiter.encode()
        self._quote = (dialect.quote or "").encode()
        self._max = max_record
        self._field = re.compile(rb"(?:" + quoted + rb"|" + plain + rb")" + end)
        self._text = re.compile(quoted)
        text = rb"[^" + d + rb"\r\n]*+"
        self._loose = re.compile(
            text + rb"(?:" + d + rb"(?:" + quoted + rb"|(?!" + q + rb"))" + text + rb")*+(?:\r\n|\n|\r)"
        )
        self._width = width

    def record(self, data: bytes, at: int, *, final: bool) -> Record | None:
        """Return the record that begins at ``at``; None when its end is not in ``data`` yet.

        ``final``: ``data`` will not grow; it then ends with a line end. The ``end`` of a broken record is where the
        next one begins, as well as that can be told.

        Raises:
            NoLineEnd: the line is longer than a record may be.

        """
        limit = min(len(data), at + self._max)
        more = not final and len(data) < at + self._max
        line = LINE_END.search(data, at, limit)
        if line is None:
            if more:
                return None
            raise NoLineEnd
        if more and _half(line, data):
            return None
        text = data[at : line.start()]
        if not self._quote or self._quote not in text:
            return Record(text.split(self._delimiter), line.end())
        return self._quoted(data, at, limit, more=more)

    def _quoted(self, data: bytes, at: int, limit: int, *, more: bool) -> Record | None:
        fields, position = [], at
        while field := self._field.match(data, position, limit):
            if more and _half(field, data):
                return None
            fields.append(field[2] if field[1] is None else field[1].replace(self._quote * 2, self._quote))
            position = field.end()
            if field[3] != self._delimiter:
                return Record(fields, position)
        return self._broken(data, at, position, limit, more=more)

    def _broken(self, data: bytes, at: int, position: int, limit: int, *, more: bool) -> Record | None:
        """What to make of the record at ``at``, in which no field can be read at ``position``."""
        text = self._text.match(data, position, limit)
        if text and text.end() < limit:
            return self._spoilt(data, at, text.end(), limit, more=more)
        if more:
            return None
        reason = UNCLOSED if data.startswith(self._quote, position) else TOO_LONG
        return Record([], _next_line(data, at), reason)

    def _spoilt(self, data: bytes, at: int, position: int, limit: int, *, more: bool) -> Record | None:
        """A record with text behind the closing quote that ends before ``position``.

        Either that text is wrong, or the quote was never closed and another row's opening quote was taken for its
        end. So the first line inside the record that is a clean row is taken as a row, and reading goes on there.
        """
        loose = self._loose.match(data, position, limit)
        if more and (loose is None or _half(loose, data)):
            return None
        start = _next_line(data, at)
        while loose and start < loose.end():
            row = self._is_row(data, start, limit)
            if row is None and more:
                return None
            if row:
                break
            start = _next_line(data, start)
        return Record([], start, AFTER_QUOTE)

    def _is_row(self, data: bytes, at: int, limit: int) -> bool | None:
        """Whether a clean row begins at ``at``; None when the data ends before that can be told."""
        count = 0
        while field := self._field.match(data, at, limit):
            count, at = count + 1, field.end()
            if self._quote in (field[2] or b""):
                return False
            if field[3] != self._delimiter:
                return count == self._width
        text = self._text.match(data, at, limit)
        return False if text and text.end() < limit else None


def _half(found: re.Match[bytes], data: bytes) -> bool:
    """Whether the line end that was found may be the first half of CR LF."""
    return found.end() == len(data) and data.endswith(b"\r")


def _next_line(data: bytes, at: int) -> int:
    found = LINE_END.search(data, at)
    return found.end() if found else len(data)
