"""Read one CSV file as a table: first its header, then its rows, page by page."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from connectors.csv_file.encoding import WrongEncoding, utf8_blocks
from connectors.csv_file.header import SNIFFED, column_names, find_delimiter, marks_before, refuse_other_text
from connectors.csv_file.parse import Page, Parser
from connectors.csv_file.records import LINE_END, Dialect, NoLineEnd, Scanner, count_lines
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.source import Rows

FOOTER = "if the last lines are no rows, footer leaves them out"
"""The remedy for lines of text at the end of an export."""

MOST_FOOTER_LINES = 50
"""So many last lines are searched for the pattern of the footer; further up, a row could match it."""

_NULL_CELLS = {
    text: re.compile(rb"""(?:^|(?<=[\n,;\t|]))("?)""" + re.escape(text.encode()) + rb"""\1(?=[\r\n,;\t|])""")
    for text in (r"\N", "NULL")
}
_ESCAPED_MARK = re.compile(rb"""\\['",;\t]""")
_SEPARATOR_LINE = re.compile(rb'"?sep=([,;|\t])"?(?:\r\n|\n|\r(?!\n))', re.IGNORECASE)
"""A line before the header that names the delimiter for Excel."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """The declared format of a table; None means that it is detected.

    ``names``: the columns, if there is no header line. ``null``: fields that mean no value. ``fill``: a row with too
    few fields gets empty ones. ``footer``: how many last lines with text are no rows, or a pattern of the first of
    them. ``trailer``: a pattern of the last line, which is then no row;
    its group ``rows``, or else its first group, holds the number of rows.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = '"'
    names: tuple[str, ...] | None = None
    escape: str | None = None
    null: tuple[str, ...] = ()
    fill: bool = False
    footer: int | re.Pattern[str] | None = None
    trailer: re.Pattern[str] | None = None


class Table:
    """A table over ``blocks``, the bytes of a file. Call :meth:`header` once, then :meth:`pages` once.

    After that ``count`` is the number of rows, malformed ones included, and ``flaws`` says why rows may be missing.
    ``nulls_seen`` and ``escapes_seen`` count cells that look as if ``null`` or ``escape`` were meant to be set, and
    ``ends_in_text`` says that the last line is no row.
    Every method may raise SourceUnavailable or SourceInvalid, naming ``origin`` and the line.
    """

    def __init__(self, blocks: Iterable[bytes], origin: str, table_format: TableFormat) -> None:
        self.origin = origin
        self.count = 0
        self.flaws: list[str] = []
        self.nulls_seen: Counter[str] = Counter()
        self.escapes_seen = 0
        self.ends_in_text = False
        self._format = table_format
        self._blocks = utf8_blocks(blocks, table_format.encoding)
        self._ahead: deque[bytes] = deque()
        self._buffer = b""
        self._line = 1
        self._final = False
        self._lacks_line_end = False
        self._parser: Parser
        self._strict: Parser

    def header(self) -> list[str]:
        """Return the names of the columns."""
        head, whole = self._peek()
        # A second byte order mark, or a space without a width, is no part of the header, nor of its first quote.
        marks = marks_before(head)
        self._skip(marks)
        head = head[marks:]
        refuse_other_text(head, self.origin)
        separator = _SEPARATOR_LINE.match(head)
        delimiter = separator[1].decode() if separator else self._delimiter(head, whole=whole)
        if separator:
            self._skip(separator.end())
        dialect = Dialect(delimiter, self._format.quote, self._format.escape, self._format.fill)
        names = self._format.names or column_names(self._header_fields(dialect), self.origin)
        self._parser = Parser(dialect, names, self.origin)
        # A row that the end of the file cuts off is short for another reason than one that lacks empty cells.
        self._strict = Parser(replace(dialect, fill=False), names, self.origin)
        return list(names)

    def pages(self) -> Iterator[Rows]:
        """Yield the rows in pages, without empty pages."""
        while not self._final:
            self._read_block()
            self._look_ahead()
            yield from self._page()

    def _look_ahead(self) -> None:
        """Find out whether text follows: the last rows of a file are read otherwise than rows in the middle."""
        while not self._final and not (self._ahead and self._ahead[0].strip()):
            if self._ahead:
                self._buffer += self._ahead.popleft()
            elif (block := self._next_block()) is not None:
                self._ahead.append(block)
            else:
                self._end()

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
            # The decoder's last block is often empty, and then it is no block behind the last row.
            return next((block for block in self._blocks if block), None)
        except WrongEncoding as error:
            # The bad byte is behind everything that was decoded and not yet parsed.
            line = self._line + count_lines(b"".join([self._buffer, *self._ahead, error.before]))
            raise SourceInvalid(f"{self.origin}:{line}: {error}") from None

    def _read_block(self) -> None:
        block = self._ahead.popleft() if self._ahead else self._next_block()
        if block is not None:
            self._buffer += block
        else:
            self._end()

    def _end(self) -> None:
        """Take it that no block follows."""
        self._final = True
        # The parser wants every line to end. Whether the file ended so is kept: a broken last row may be cut short.
        lacks_line_end = bool(self._buffer) and self._buffer[-1:] not in {b"\n", b"\r"}
        self._lacks_line_end |= lacks_line_end
        self._buffer += b"\n" if lacks_line_end else b""

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
        body, footer = self._split_footer()
        data, held_back = self._split_trailer(body)
        page = self._parsed(data)
        self._buffer = data[page.bytes_read :] + held_back + (b"" if self._final else footer)
        self._line += page.lines_read
        self.count += page.count
        # Only a malformed last row counts: many complete files lack the last line end.
        if self._final and self._lacks_line_end and page.ends_malformed and not self._buffer:
            self.flaws.append(f"{self.origin} ends in the middle of a row (line {page.malformed[-1].line})")
        if self._final and self._format.trailer:
            self._check_trailer(self._format.trailer)
        if page.count:
            self._notice(data, page)
            yield self._without_nulls(page.rows(self.origin))

    def _parsed(self, data: bytes) -> Page:
        cut_off = self._final and self._lacks_line_end and self._format.fill
        if not cut_off:
            return self._parser.page(data, self._line, final=self._final)
        last = max(data.rfind(b"\n", 0, -1), data.rfind(b"\r", 0, -1)) + 1
        page = self._parser.page(data[:last], self._line, final=True)
        page.add(self._strict.page(data[last:], self._line + page.lines_read, final=True))
        return page

    def _notice(self, data: bytes, page: Page) -> None:
        """Count what looks as if an option were missing."""
        for text, cell in _NULL_CELLS.items() if not self._format.null else ():
            # To look for the text costs little, and most files do not have it.
            if text.encode() in data and not (self._format.escape and text == r"\N"):
                self.nulls_seen[text] += len(cell.findall(data))
        if b"\\" in data and not self._format.escape:
            self.escapes_seen += len(_ESCAPED_MARK.findall(data))
        if self._final and self._format.footer is None:
            self.ends_in_text = page.suggest(FOOTER)

    def _without_nulls(self, rows: Rows) -> Rows:
        if not self._format.null:
            return rows
        null = pl.all().is_in(list(self._format.null))
        return replace(
            rows, frame=rows.frame.with_columns(pl.when(null).then(pl.lit("")).otherwise(pl.all()).name.keep())
        )

    def _split_footer(self) -> tuple[bytes, bytes]:
        """Return the buffer in two parts: the bytes to parse, and the last lines if they may be the footer."""
        footer = self._format.footer
        if footer is None:
            return self._buffer, b""
        most = footer if isinstance(footer, int) else MOST_FOOTER_LINES
        begins = _last_lines(self._buffer, most)
        if not self._final:
            cut = begins[-1] if len(begins) == most else 0
            return self._buffer[:cut], self._buffer[cut:]
        cut = self._footer_begin(footer, begins)
        return self._buffer[:cut], self._buffer[cut:]

    def _footer_begin(self, footer: int | re.Pattern[str], begins: Sequence[int]) -> int:
        """Return where the footer begins, and note why it may be none. ``begins``: of the lines, the last first."""
        if isinstance(footer, int):
            if len(begins) < footer:
                self.flaws.append(f"{self.origin} has fewer lines than its footer of {footer}: it may be cut short")
                return begins[-1] if begins else 0
            if self._strict.is_full_row(self._buffer[begins[-1] :]):
                self.flaws.append(f"{self.origin}: the footer of {footer} lines begins with a whole row")
            return begins[-1]
        lines = [(at, LINE_END.split(self._buffer[at:], maxsplit=1)[0].decode()) for at in begins]
        quote = self._format.quote or ""
        # Salesforce writes its lines of text in quotes, and nobody sees them in a spreadsheet.
        matching = [at for at, line in lines if footer.search(line) or footer.search(line.strip().strip(quote))]
        if not matching:
            self.flaws.append(f"{self.origin} does not end with its footer: it may be cut short")
            return len(self._buffer)
        return min(matching)

    def _split_trailer(self, body: bytes) -> tuple[bytes, bytes]:
        """Return ``body`` in two parts: the bytes to parse, and the last line if it may be the trailer."""
        trailer = self._format.trailer
        if trailer is None:
            return body, b""
        # Blank lines may follow the trailer, so the last line with text counts.
        text = body.rstrip(b"\r\n\t ")
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if self._final and not trailer.search(text[cut:].decode()):
            self.flaws.append(f"{self.origin} does not end with its trailer: it may be cut short")
            return body, b""
        return body[:cut], body[cut:]

    def _check_trailer(self, trailer: re.Pattern[str]) -> None:
        """Compare the number of rows with the number in the trailer, which alone is left in the buffer."""
        found = trailer.search(self._buffer.strip().decode())
        if found and trailer.groups:
            number = found["rows" if "rows" in trailer.groupindex else 1] or ""
            if re.sub(r"\D", "", number) != str(self.count):
                self.flaws.append(f"{self.origin} holds {self.count} rows and its trailer says {number.strip()}")


def _last_lines(data: bytes, most: int) -> list[int]:
    """Return where the last lines with text begin, at most ``most``, the last line first."""
    begins: list[int] = []
    end = len(data.rstrip(b"\r\n\t "))
    while end > 0 and len(begins) < most:
        begin = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
        begins.append(begin)
        end = len(data[:begin].rstrip(b"\r\n\t "))
    return begins
