"""Scan delimited text record by record, and find the next record after a broken one.

The scanner works on UTF-8 bytes, in which a delimiter, a quote and a line end are never part of another character. A
line ends with CR LF, LF or a lone CR. A quote means something only at the beginning of a field; elsewhere it is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_RECORD = 1 << 20
"""No record is longer (bytes), so that a quote that is never closed cannot swallow the file."""

LINE_END = re.compile(rb"\r\n|\n|\r")

_ESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f", b"Z": b"\x1a"}
"""What the character behind an escape means (MySQL manual: LOAD DATA; PostgreSQL manual: COPY, text format)."""

UNCLOSED = "a quote is opened and not closed"
AFTER_QUOTE = "text follows a closing quote"
TOO_LONG = "the row is too long"


class NoLineEnd(Exception):
    """A line is longer than any record may be: this is no table."""


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""The marks of a table, one ASCII character each. Without a quote or an escape, the character is text.

    ``escape``: gives the character behind it another meaning, as MySQL and PostgreSQL write ``\t`` and ``\N``.
    ``fill``: a record with too few fields gets empty ones.
    """

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    fill: bool = False

    @property
    def null(self) -> str | None:
        """The field that means no value; None without an escape."""
        return f"{self.escape}N" if self.escape else None


@dataclass(frozen=True, slots=True)
class Record:
    """A record and the offset ``end`` behind it. ``reason``: why it is broken; a broken record has no fields."""

    fields: list[bytes]
    end: int
    reason: str = ""


def count_lines(data: bytes) -> int:
    """Return the number of line ends in ``data``."""
    count = data.count(b"\n")
    return count + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else count


def clean_record(dialect: Dialect, width: int, line_end: str) -> str:
    """Return the regular expression (of Rust) of a record of ``width`` fields, each unquoted or correctly quoted."""
    d, q, e = (re.escape(mark or "") for mark in (dialect.delimiter, dialect.quote, dialect.escape))
    # An unquoted field with a quote in it is legal, but Polars misreads it, so the expression leaves it out.
    plain = rf"[^{q}{d}{e}\r\n\x00]"
    null = rf"|{e}N" if e else ""
    field = rf"(?:{plain}*|{q}(?:[^{q}{e}\x00]|{q}{q})*{q}{null})" if q else rf"(?:{plain}*{null})"
    if not dialect.fill or width == 1:
        return rf"(?:{field}{d}){{{width - 1}}}{field}{line_end}"
    # A blank line is no record, but Polars makes one of it.
    return rf"(?:(?:{field}{d}){{1,{width - 1}}}{field}|{plain}+){line_end}"


class Scanner:
    """Cuts records out of a buffer. ``width``: the number of fields of a record; 0 while it is unknown."""

    def __init__(self, dialect: Dialect, width: int = 0) -> None:
        d, q, e = (re.escape((mark or "").encode()) for mark in (dialect.delimiter, dialect.quote, dialect.escape))
        escaped = rb"|" + e + rb"[\s\S]" if e else b""
        # Possessive quantifiers (*+) never give characters back, so text that does not match costs linear time.
        # Without a quote character, (?!)() matches nothing and keeps the numbers of the groups.
        inner = q + q + escaped
        quoted = q + rb"([^" + q + e + rb"]*+(?:(?:" + inner + rb")[^" + q + e + rb"]*+)*+)" + q if q else rb"(?!)()"
        unquoted = rb"(?:[^" + d + e + rb"\r\n]" + escaped + rb")*+"
        plain = (rb"(?!" + q + rb")" if q else b"") + rb"(" + unquoted + rb")"
        end = rb"(" + d + rb"|\r\n|\n|\r)"
        self._delimiter = dialect.delimiter.encode()
        self._quote, self._escape = (dialect.quote or "").encode(), (dialect.escape or "").encode()
        self._escaped = re.compile(e + rb"([\s\S])")
        self._field = re.compile(rb"(?:" + quoted + rb"|" + plain + rb")" + end)
        self._quoted_text = re.compile(quoted)
        text = unquoted
        self._rest_of_record = re.compile(
            text + rb"(?:" + d + rb"(?:" + quoted + rb"|(?!" + q + rb"))" + text + rb")*+(?:\r\n|\n|\r)"
        )
        self._width = width

    def record(self, data: bytes, at: int, *, final: bool) -> Record | None:
        """Return the record that begins at ``at``; None if its end is not in ``data`` yet.

        ``final``: ``data`` will not grow; it then ends with a line end. The ``end`` of a broken record is the most
        likely beginning of the next record.

        Raises:
            NoLineEnd: the line is longer than a record may be.

        """
        limit = min(len(data), at + MAX_RECORD)
        may_grow = not final and len(data) < at + MAX_RECORD
        line = LINE_END.search(data, at, limit)
        if line is None:
            if may_grow:
                return None
            raise NoLineEnd("the line does not end: not a CSV table")
        if may_grow and _may_be_half(line, data):
            return None
        text = data[at : line.start()]
        # Most lines have no quote at all; splitting them is much faster than matching field by field.
        if not any(mark and mark in text for mark in (self._quote, self._escape)):
            return Record(text.split(self._delimiter), line.end())
        return self._record_with_quotes(data, at, limit, may_grow=may_grow)

    def _record_with_quotes(self, data: bytes, at: int, limit: int, *, may_grow: bool) -> Record | None:
        fields, position = [], at
        while field := self._field.match(data, position, limit):
            if may_grow and _may_be_half(field, data):
                return None
            fields.append(self._text(field))
            position = field.end()
            if field[3] != self._delimiter:
                return Record(fields, position)
        return self._broken_record(data, at, position, limit, may_grow=may_grow)

    def _text(self, field: re.Match[bytes]) -> bytes:
        text = field[2] if field[1] is None else field[1].replace(self._quote * 2, self._quote)
        if not self._escape or self._escape not in text:
            return text
        if field[1] is None and text == self._escape + b"N":
            return b""
        return self._escaped.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)

    def _broken_record(self, data: bytes, at: int, position: int, limit: int, *, may_grow: bool) -> Record | None:
        """Return the broken record at ``at``, in which no field can be read at ``position``."""
        text = self._quoted_text.match(data, position, limit)
        if text and text.end() < limit:
            return self._text_after_quote(data, at, text.end(), limit, may_grow=may_grow)
        if may_grow:
            return None
        reason = UNCLOSED if data.startswith(self._quote, position) else TOO_LONG
        # Go on at the next line, not at the end of the data: an open quote costs one row and not the file.
        return Record([], _next_line(data, at), reason)

    def _text_after_quote(self, data: bytes, at: int, position: int, limit: int, *, may_grow: bool) -> Record | None:
        """Return the broken record at ``at``, in which text follows the closing quote before ``position``."""
        rest = self._rest_of_record.match(data, position, limit)
        if may_grow and (rest is None or _may_be_half(rest, data)):
            return None
        # Either the text is wrong, or the quote was never closed and the opening quote of a later row was taken for
        # its end. So the first line inside the record that is a clean row is read as a row.
        start = _next_line(data, at)
        while rest and start < rest.end():
            is_row = self._is_clean_row(data, start, limit)
            if is_row is None and may_grow:
                return None
            if is_row:
                break
            start = _next_line(data, start)
        return Record([], start, AFTER_QUOTE)

    def _is_clean_row(self, data: bytes, at: int, limit: int) -> bool | None:
        """Whether a clean row begins at ``at``; None if the data ends before that is known."""
        count = 0
        while field := self._field.match(data, at, limit):
            count, at = count + 1, field.end()
            if self._quote in (field[2] or b""):
                return False
            if field[3] != self._delimiter:
                return count == self._width
        text = self._quoted_text.match(data, at, limit)
        return False if text and text.end() < limit else None


def _may_be_half(found: re.Match[bytes], data: bytes) -> bool:
    """Whether the line end that was found may be the first half of CR LF, whose LF is in the next block."""
    return found.end() == len(data) and data.endswith(b"\r")


def _next_line(data: bytes, at: int) -> int:
    found = LINE_END.search(data, at)
    return found.end() if found else len(data)
