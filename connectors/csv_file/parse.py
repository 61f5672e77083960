"""From UTF-8 bytes to pages of rows: quickly where the bytes are proved to be clean, carefully elsewhere.

Polars parses delimited text very fast, but fills short rows in silence, takes stray quotes for real ones and skips
what it likes. So it only gets bytes of which it is proved that it reads them as
:mod:`connectors.csv_file.records` does:

- when no field begins with a quote and every line has exactly the right number of fields;
- else the longest run of clean records from a record's beginning on, found by one regular expression.

The careful reader takes over where the proof ends, for some bytes, and then the proof is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from connectors.csv_file.records import Dialect, NoLineEnd, Scanner, clean_record, count_lines
from syncd.errors import SourceInvalid
from syncd.source import Malformed, Rows

CAREFUL, CAREFUL_MOST = 4 << 10, 1 << 20
"""Bytes that the careful reader takes before the fast one is tried again: at first, and after failing repeatedly."""

WINDOW = 64 << 10
"""Bytes that the fast reader is tried with after a bad place; four times as many each time it does well."""

NUL_BYTE = "the row holds a NUL byte"


@dataclass(slots=True)
class Page:
    """The rows of some bytes. ``read``: bytes taken; ``ends_badly``: the last row is malformed."""

    read: int = 0
    lines_read: int = 0
    frames: list[pl.DataFrame] = field(default_factory=list)
    lines: list[pl.Series] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    ends_badly: bool = False

    @property
    def count(self) -> int:
        """Rows, malformed ones included."""
        return sum(frame.height for frame in self.frames) + len(self.malformed)

    def rows(self, origin: str) -> Rows:
        """The page as what a connector yields; there must be a frame, of any height."""
        return Rows(pl.concat(self.frames), origin, pl.concat(self.lines), tuple(self.malformed))


class Parser:
    """Turns buffers that begin with a record into pages with the columns ``names``."""

    def __init__(self, dialect: Dialect, names: Sequence[str], origin: str) -> None:
        self._schema = dict.fromkeys(names, pl.String)
        self._origin = origin
        self._quote = dialect.quote
        self._delimiter = dialect.delimiter
        self._scanner = Scanner(dialect, len(names))
        self._clean_run = r"\A(?:" + clean_record(dialect, len(names), r"\r?\n") + ")+"

    def empty(self) -> Page:
        """A page without a row."""
        return Page(frames=[pl.DataFrame(schema=self._schema)], lines=[pl.Series(dtype=pl.UInt32)])

    def page(self, data: bytes, line: int, *, final: bool) -> Page:
        """Read all records that are whole in ``data``, whose first line is ``line`` (1-based).

        ``final``: nothing follows; ``data`` then ends with a line end.

        Raises:
            SourceInvalid: a line has no end where every table's has.

        """
        page = self.empty()
        window, careful = len(data), CAREFUL
        while page.read < len(data):
            window_end = page.read + window
            clean = self._quickly(page, data[page.read : window_end], line)
            window, careful = (window * 4, CAREFUL) if clean * 2 > window else (WINDOW, min(careful * 2, CAREFUL_MOST))
            if not self._carefully(page, data, line, until=page.read + careful, final=final):
                break
        return page

    def _quickly(self, page: Page, data: bytes, line: int) -> int:
        """Take the clean records that ``data`` begins with, as far as that is quick; return how many bytes."""
        if len(self._schema) == 1 or b"\0" in data:  # of one column, an empty line may be a row or none
            return 0
        lone_cr = b"\n" not in data
        data = _lone_cr_lines(data) if lone_cr else data[: data.rfind(b"\n") + 1]
        quotes = self._quotes(data)
        if not data or (lone_cr and quotes):  # inside quotes a CR must stay one
            return 0
        return (self._quickly_quoted if quotes else self._quickly_plain)(page, data, line)

    def _quotes(self, data: bytes) -> bool:
        """Whether a field may begin with a quote; elsewhere quotes mean nothing."""
        q = (self._quote or "").encode()
        if not q or q not in data:
            return False
        return data.startswith(q) or self._delimiter.encode() + q in data or b"\n" + q in data

    def _quickly_plain(self, page: Page, data: bytes, line: int) -> int:
        height = data.count(b"\n")
        if count_lines(data) != height or data.count(self._delimiter.encode()) != height * (len(self._schema) - 1):
            return self._quickly_quoted(page, data, line)
        try:
            frame = self._parse(data, None)
        except pl.exceptions.PolarsError:  # a line has too many fields, so another has too few
            return self._quickly_quoted(page, data, line)
        _take(page, frame, _numbers(line + page.lines_read, frame.height), len(data), height)
        return len(data)

    def _quickly_quoted(self, page: Page, data: bytes, line: int) -> int:
        try:
            rest = pl.Series([data]).cast(pl.String).str.replace(self._clean_run, "").str.len_bytes().item()
        except pl.exceptions.PolarsError:  # too many columns for a regular expression
            return 0
        data = data[: len(data) - rest]
        if not data:
            return 0
        frame, lines = self._parse(data, self._quote), count_lines(data)
        numbers = _numbers(line + page.lines_read, frame.height)
        if lines != frame.height:
            numbers += _breaks_before(frame)
        _take(page, frame, numbers, len(data), lines)
        return len(data)

    def _parse(self, data: bytes, quote: str | None) -> pl.DataFrame:
        return pl.read_csv(
            data,
            has_header=False,
            schema=self._schema,
            separator=self._delimiter,
            quote_char=quote,
            infer_schema=False,
            empty_string_is_null=False,
            extra_columns="raise",
            glob=False,
        )

    def _carefully(self, page: Page, data: bytes, line: int, *, until: int, final: bool) -> bool:
        """Take records one by one up to the offset ``until``; False when the next one is not whole in ``data``."""
        rows: list[list[str]] = []
        numbers: list[int] = []
        whole = True
        while whole and page.read < min(until, len(data)):
            number = line + page.lines_read
            try:
                record = self._scanner.record(data, page.read, final=final)
            except NoLineEnd:
                raise SourceInvalid(f"{self._origin}:{number}: the line does not end: not a CSV table") from None
            whole = record is not None
            if record is None:
                continue
            raw = data[page.read : record.end]
            height = count_lines(raw)
            page.read, page.lines_read = record.end, page.lines_read + height
            if not raw.strip():
                continue
            reason = record.reason or self._fault(record.fields, raw)
            page.ends_badly = bool(reason)
            if reason:
                through = f" (through line {number + height - 1})" if height > 1 else ""
                page.malformed.append(Malformed(number, reason + through))
            else:
                rows.append([text.decode() for text in record.fields])
                numbers.append(number)
        if rows:
            page.frames.append(pl.DataFrame(rows, schema=self._schema, orient="row"))
            page.lines.append(pl.Series(numbers, dtype=pl.UInt32))
        return whole

    def _fault(self, fields: list[bytes], raw: bytes) -> str:
        if b"\0" in raw:
            return NUL_BYTE
        if len(fields) != len(self._schema):
            return f"{_fields(len(fields))} where the header has {len(self._schema)}"
        return ""


def _lone_cr_lines(data: bytes) -> bytes:
    """The whole lines of ``data``, which end with CR, with LF for it; a CR at the very end may be half of CR LF."""
    return data[: data.rfind(b"\r", 0, -1) + 1].replace(b"\r", b"\n")


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _take(page: Page, frame: pl.DataFrame, numbers: pl.Series, read: int, lines: int) -> None:
    page.frames.append(frame)
    page.lines.append(numbers)
    page.read += read
    page.lines_read += lines
    page.ends_badly = False


def _numbers(first: int, height: int) -> pl.Series:
    return pl.int_range(first, first + height, dtype=pl.UInt32, eager=True)


def _breaks_before(frame: pl.DataFrame) -> pl.Series:
    """For each row, how many line breaks stand inside the fields of the rows before it."""
    breaks = pl.sum_horizontal(pl.all().str.count_matches(r"\r\n?|\n"))
    return frame.select(breaks.cum_sum().shift(1, fill_value=0).cast(pl.UInt32)).to_series()
