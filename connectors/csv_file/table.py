"""Read one CSV file as a table: first its header, then its rows, page by page."""

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
"""A line before the header that names the delimiter for Excel."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """The declared format of a table; None means that it is detected.

    ``names``: the columns, if there is no header line. ``trailer``: a pattern of the last line, which is then no row;
    its group ``rows``, or else its first group, holds the number of rows.
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

    def __init__(self, blocks: Iterable[bytes], origin: str, table_format: TableFormat) -> None:
        self.origin = origin
        self.count = 0
        self.flaws: list[str] = []
        self._format = table_format
        self._blocks = utf8_blocks(blocks, table_format.encoding)
        self._ahead: deque[bytes] = deque()
        self._buffer = b""
        self._line = 1
        self._final = False
        self._lacks_line_end = False
        self._parser: Parser

    def header(self) -> list[str]:
        """Return the names of the columns."""
        head, whole = self._peek()
        refuse_other_text(head, self.origin)
        separator = _SEPARATOR_LINE.match(head)
        delimiter = separator[1].decode() if separator else self._delimiter(head, whole=whole)
        if separator:
            self._skip(separator.end())
        dialect = Dialect(delimiter, self._format.quote)
        names = self._format.names or column_names(self._header_fields(dialect), self.origin)
        self._parser = Parser(dialect, names, self.origin)
        return list(names)

    def pages(self) -> Iterator[Rows]:
        """Yield the rows in pages, without empty pages."""
        while True:
            yield from self._page()
            if self._final:
                return
            self._read_block()

    def _peek(self) -> tuple[bytes, bool]:
        """Return the beginning of the file without taking it, and whether it is the whole file."""
        # The blocks are kept apart, so that this look does not change the pages that are made of them.
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
            # The bad byte is behind everything that was decoded and not yet parsed.
            line = self._line + count_lines(b"".join([self._buffer, *self._ahead, error.before]))
            raise SourceInvalid(f"{self.origin}:{line}: {error}") from None

    def _read_block(self) -> None:
        block = self._ahead.popleft() if self._ahead else self._next_block()
        if block is not None:
            self._buffer += block
            return
        self._final = True
        # The parser wants every line to end. Whether the file ended so is kept: a broken last row may be cut short.
        self._lacks_line_end = bool(self._buffer) and self._buffer[-1:] not in {b"\n", b"\r"}
        self._buffer += b"\n" if self._lacks_line_end else b""

    def _skip(self, size: int) -> None:
        while len(self._buffer) < size:
            self._read_block()
        self._line += count_lines(self._buffer[:size])
        self._buffer = self._buffer[size:]

    def _delimiter(self, head: bytes, *, whole: bool) -> str:
        found = find_delimiter(head if head[-1:] == b"\n" else head + b"\n" * whole, self._format.quote, final=whole)
        declared = self._format.delimiter
        if not declared or declared == found:
            return found
        # A header without the declared delimiter is right for a table of one column, unless it has another delimiter.
        first_line = (head.lstrip().splitlines() or [b""])[0]
        if declared.encode() not in first_line and found.encode() in first_line:
            raise SourceInvalid(
                f"{self.origin}:{self._line}: the header has no delimiter {declared!r}, as configured, but {found!r}: "
                "correct or remove delimiter"
            )
        return declared

    def _header_fields(self, dialect: Dialect) -> list[str]:
        scanner = Scanner(dialect)
        while True:
            try:
                record = scanner.record(self._buffer, 0, final=self._final) if self._buffer else None
            except NoLineEnd as error:
                raise SourceInvalid(f"{self.origin}:{self._line}: {error}") from None
            if record is None and self._final:
                raise SourceUnavailable(f"{self.origin} holds no line: the export probably did not finish")
            if record is None:
                self._read_block()
                continue
            if record.reason:
                raise SourceInvalid(f"{self.origin}:{self._line}: the header cannot be read: {record.reason}")
            is_blank = not self._buffer[: record.end].strip()
            self._skip(record.end)
            if not is_blank:
                return [field.decode() for field in record.fields]

    def _page(self) -> Iterator[Rows]:
        data, held_back = self._split_trailer()
        page = self._parser.page(data, self._line, final=self._final)
        self._buffer = data[page.bytes_read :] + held_back
        self._line += page.lines_read
        self.count += page.count
        # Only a malformed last row counts: many complete files lack the last line end.
        if self._final and self._lacks_line_end and page.ends_malformed and not self._buffer:
            self.flaws.append(f"{self.origin} ends in the middle of a row (line {page.malformed[-1].line})")
        if self._final and self._format.trailer:
            self._check_trailer(self._format.trailer)
        if page.count:
            yield page.rows(self.origin)

    def _split_trailer(self) -> tuple[bytes, bytes]:
        """Return the buffer in two parts: the bytes to parse, and the last line if it may be the trailer."""
        trailer = self._format.trailer
        if trailer is None:
            return self._buffer, b""
        # Blank lines may follow the trailer, so the last line with text counts.
        text = self._buffer.rstrip(b"\r\n\t ")
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if self._final and not trailer.search(text[cut:].decode()):
            self.flaws.append(f"{self.origin} does not end with its trailer: it may be cut short")
            return self._buffer, b""
        return self._buffer[:cut], self._buffer[cut:]

    def _check_trailer(self, trailer: re.Pattern[str]) -> None:
        """Compare the number of rows with the number in the trailer, which alone is left in the buffer."""
        found = trailer.search(self._buffer.strip().decode())
        if found and trailer.groups:
            number = found["rows" if "rows" in trailer.groupindex else 1] or ""
            if re.sub(r"\D", "", number) != str(self.count):
                self.flaws.append(f"{self.origin} holds {self.count} rows and its trailer says {number.strip()}")
