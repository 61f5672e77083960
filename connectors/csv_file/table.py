"""One CSV file as a table: its header first, then its rows, page by page."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.csv_file.encoding import WrongEncoding, utf8_blocks
from connectors.csv_file.header import SNIFFED, column_names, find_delimiter, refuse_other_text
from connectors.csv_file.parse import Parser
from connectors.csv_file.records import Dialect, NoLineEnd, Scanner, count_lines
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.source import Rows

_SEPARATOR_LINE = re.compile(rb'"?sep=([,;|\t])"?(?:\r\n|\n|\r(?!\n))', re.IGNORECASE)
"""A line before the header, by which Excel is told the delimiter."""


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of a table beforehand; None is found out.

    ``names``: the columns, when there is no header line. ``trailer``: what its last line must match, when that is no
    row; its first group, or the one named ``rows``, holds the number of rows.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = '"'
    names: tuple[str, ...] | None = None
    trailer: re.Pattern[str] | None = None


class Table:
    """A table over ``blocks``, the bytes of a file. Call :meth:`header` once, then :meth:`pages` once.

    After that ``count`` is the number of rows, malformed ones included, and ``flaws`` says why rows may be missing.
    Every method may raise SourceUnavailable or SourceInvalid, naming ``origin`` and the line.
    """

    def __init__(self, blocks: Iterable[bytes], origin: str, form: Form) -> None:
        self.origin = origin
        self.count = 0
        self.flaws: list[str] = []
        self._form = form
        self._blocks = utf8_blocks(blocks, form.encoding)
        self._ahead: deque[bytes] = deque()
        self._buffer = b""
        self._line = 1
        self._final = False
        self._open_end = False
        self._parser: Parser

    def header(self) -> list[str]:
        """The columns' names."""
        head, whole = self._peek()
        refuse_other_text(head, self.origin)
        told = _SEPARATOR_LINE.match(head)
        delimiter = told[1].decode() if told else self._delimiter(head, whole=whole)
        if told:
            self._skip(told.end())
        dialect = Dialect(delimiter, self._form.quote)
        names = self._form.names or column_names(self._header_fields(dialect), self.origin)
        self._parser = Parser(dialect, names, self.origin)
        return list(names)

    def pages(self) -> Iterator[Rows]:
        """Yield the rows; pages without any are left out."""
        while True:
            yield from self._page()
            if self._final:
                return
            self._grow()

    def _peek(self) -> tuple[bytes, bool]:
        """The beginning of the file, without taking it, and whether that is all."""
        while sum(map(len, self._ahead)) < SNIFFED:
            block = self._next_block()
            if block is None:
                return b"".join(self._ahead), True
            self._ahead.append(block)
        return b"".join(self._ahead)[:SNIFFED], False

    def _next_block(self) -> bytes | None:
        try:
            return next(self._blocks, None)
        except WrongEncoding as error:
            line = self._line + count_lines(b"".join([self._buffer, *self._ahead, error.before]))
            raise SourceInvalid(f"{self.origin}:{line}: {error}") from None

    def _grow(self) -> None:
        block = self._ahead.popleft() if self._ahead else self._next_block()
        if block is not None:
            self._buffer += block
            return
        self._final = True
        self._open_end = bool(self._buffer) and self._buffer[-1:] not in {b"\n", b"\r"}
        self._buffer += b"\n" if self._open_end else b""

    def _skip(self, size: int) -> None:
        while len(self._buffer) < size:
            self._grow()
        self._line += count_lines(self._buffer[:size])
        self._buffer = self._buffer[size:]

    def _delimiter(self, head: bytes, *, whole: bool) -> str:
        found = find_delimiter(head if head[-1:] == b"\n" else head + b"\n" * whole, self._form.quote, final=whole)
        declared = self._form.delimiter
        if not declared or declared == found:
            return found
        first = (head.lstrip().splitlines() or [b""])[0]
        if declared.encode() not in first and found.encode() in first:
            raise SourceInvalid(
                f"{self.origin}:{self._line}: the header has no delimiter {declared!r}, as configured, but {found!r}: "
                "correct or remove delimiter"
            )
        return declared

    def _header_fields(self, dialect: Dialect) -> list[str]:
        scanner, blank = Scanner(dialect), True
        fields: list[bytes] = []
        while blank:
            try:
                record = scanner.record(self._buffer, 0, final=self._final) if self._buffer else None
            except NoLineEnd:
                raise SourceInvalid(f"{self.origin}:{self._line}: the line does not end: not a CSV table") from None
            if record is None and self._final:
                raise SourceUnavailable(f"{self.origin} holds no line: the export probably did not finish")
            if record is None:
                self._grow()
                continue
            if record.reason:
                raise SourceInvalid(f"{self.origin}:{self._line}: the header cannot be read: {record.reason}")
            raw, self._buffer = self._buffer[: record.end], self._buffer[record.end :]
            self._line += count_lines(raw)
            fields, blank = record.fields, not raw.strip()
        return [field.decode() for field in fields]

    def _page(self) -> Iterator[Rows]:
        data, self._buffer = self._without_trailer()
        page = self._parser.page(data, self._line, final=self._final)
        self._buffer = data[page.read :] + self._buffer
        self._line += page.lines_read
        self.count += page.count
        if self._final and self._open_end and page.ends_badly and not self._buffer:
            self.flaws.append(f"{self.origin} ends in the middle of a row (line {page.malformed[-1].line})")
        if self._final and self._form.trailer:
            self._check_trailer(self._form.trailer)
        if page.count:
            yield page.rows(self.origin)

    def _without_trailer(self) -> tuple[bytes, bytes]:
        """The buffer, and of a table with a trailer its last line apart, which may be that."""
        trailer = self._form.trailer
        if trailer is None:
            return self._buffer, b""
        text = self._buffer.rstrip(b"\r\n\t ")
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if self._final and not trailer.search(text[cut:].decode()):
            self.flaws.append(f"{self.origin} does not end with its trailer: it may be cut short")
            return self._buffer, b""
        return self._buffer[:cut], self._buffer[cut:]

    def _check_trailer(self, trailer: re.Pattern[str]) -> None:
        """Compare the rows with the number in the trailer, which is all that is left in the buffer."""
        found = trailer.search(self._buffer.strip().decode())
        if found and trailer.groups:
            told = found["rows" if "rows" in trailer.groupindex else 1] or ""
            if re.sub(r"\D", "", told) != str(self.count):
                self.flaws.append(f"{self.origin} holds {self.count} rows and its trailer says {told.strip()}")
