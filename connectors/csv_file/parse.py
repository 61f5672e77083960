"""Turn UTF-8 bytes into pages of rows: with Polars where the bytes are clean, record by record elsewhere.

Polars parses delimited text very fast, but it fills short rows without a word, takes any quote for an opening quote
and makes rows of blank lines. So Polars only gets bytes that it reads exactly as :mod:`connectors.csv_file.records`
does:

- bytes in which no field begins with a quote and every line has the right number of fields;
- else the longest run of clean records at the beginning, found by one regular expression.

Where the clean bytes end, the scanner reads some records, and then Polars is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from connectors.csv_file.records import Dialect, NoLineEnd, Scanner, clean_record, count_lines
from syncd.errors import SourceInvalid
from syncd.source import Malformed, Rows

SCAN_BYTES, MAX_SCAN_BYTES = 4 << 10, 1 << 20
"""Bytes that are scanned before Polars is tried again: after the first failure, and after many in a row."""

WINDOW = 64 << 10
"""Bytes that Polars is tried with after a failure; four times as many after each success."""

NUL_BYTE = "the row holds a NUL byte"

RAGGED = "an export that leaves out the last, empty cells can be read with ragged: fill"
"""The remedy for rows with too few fields, as Excel writes them."""


@dataclass(slots=True)
class Page:
    """The rows in the first ``bytes_read`` bytes of a buffer. ``ends_malformed``: the last row is malformed.

    ``short``: the lines of malformed rows with too few fields.
    """

    bytes_read: int = 0
    lines_read: int = 0
    frames: list[pl.DataFrame] = field(default_factory=list)
    lines: list[pl.Series] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    short: set[int] = field(default_factory=set)
    ends_malformed: bool = False

    @property
    def count(self) -> int:
        """The number of rows, malformed ones included."""
        return sum(frame.height for frame in self.frames) + len(self.malformed)

    def add(self, other: Page) -> None:
        """Take the rows of the page behind this one."""
        self.bytes_read += other.bytes_read
        self.lines_read += other.lines_read
        self.frames += other.frames
        self.lines += other.lines
        self.malformed += other.malformed
        self.short |= other.short
        self.ends_malformed = other.ends_malformed

    def suggest(self, remedy: str) -> bool:
        """If the last row has too few fields, add the remedy to its reason; return whether it has."""
        if not self.ends_malformed or self.malformed[-1].line not in self.short:
            return False
        self.malformed[-1] = replace(self.malformed[-1], reason=f"{self.malformed[-1].reason}; {remedy}")
        return True

    def rows(self, origin: str) -> Rows:
        """Return the page as a connector yields it; ``frames`` must not be empty, but its frames may be."""
        return Rows(pl.concat(self.frames), origin, pl.concat(self.lines), tuple(self.malformed))


class Parser:
    """Turns buffers that begin with a record into pages with the columns ``names``."""

    def __init__(self, dialect: Dialect, names: Sequence[str], origin: str) -> None:
        self._schema = dict.fromkeys(names, pl.String)
        self._origin = origin
        self._quote = dialect.quote
        self._delimiter = dialect.delimiter
        self._escape = dialect.escape
        self._fill, self._null = dialect.fill, dialect.null
        self._scanner = Scanner(dialect, len(names))
        self._clean_run = r"\A(?:" + clean_record(dialect, len(names), r"\r?\n") + ")+"

    def is_full_row(self, data: bytes) -> bool:
        """Return whether a row begins ``data`` that has a value in every column."""
        record = self._scanner.record(data, 0, final=True)
        return record is not None and len(record.fields) == len(self._schema) > 1 and all(record.fields)

    def empty(self) -> Page:
        """Return a page without rows."""
        return Page(frames=[pl.DataFrame(schema=self._schema)], lines=[pl.Series(dtype=pl.UInt32)])

    def page(self, data: bytes, line: int, *, final: bool) -> Page:
        """Read all records that are whole in ``data``, whose first line is ``line`` (1-based).

        ``final``: nothing follows; ``data`` then ends with a line end.

        Raises:
            SourceInvalid: a line has no end within the length of a record.

        """
        page = self.empty()
        window, scan = len(data), SCAN_BYTES
        while page.bytes_read < len(data):
            window_end = page.bytes_read + window
            clean = self._parse_clean(page, data[page.bytes_read : window_end], line)
            # Each failure costs a look at the whole window. In a messy file, look at less and scan more.
            window, scan = (window * 4, SCAN_BYTES) if clean * 2 > window else (WINDOW, min(scan * 2, MAX_SCAN_BYTES))
            if not self._scan(page, data, line, until=page.bytes_read + scan, final=final):
                break
        return page

    def _parse_clean(self, page: Page, data: bytes, line: int) -> int:
        """Let Polars parse the clean records at the beginning of ``data``; return the number of bytes."""
        # A NUL byte makes a row malformed. In a table of one column, a blank line is no row, but Polars makes one.
        if len(self._schema) == 1 or b"\0" in data:
            return 0
        lone_cr = b"\n" not in data
        data = _lone_cr_lines(data) if lone_cr else data[: data.rfind(b"\n") + 1]
        quotes = self._may_have_quoted_fields(data) or self._has_escapes(data)
        # Polars takes LF for a line end, not CR. Inside quotes a CR is text, so it must not become LF there.
        if not data or (lone_cr and quotes):
            return 0
        return (self._parse_clean_run if quotes else self._parse_unquoted)(page, data, line)

    def _may_have_quoted_fields(self, data: bytes) -> bool:
        q = (self._quote or "").encode()
        if not q or q not in data:
            return False
        return data.startswith(q) or self._delimiter.encode() + q in data or b"\n" + q in data

    def _has_escapes(self, data: bytes) -> bool:
        return bool(self._escape) and (self._escape or "").encode() in data

    def _parse_unquoted(self, page: Page, data: bytes, line: int) -> int:
        height = data.count(b"\n")
        if self._fill:
            return self._parse_clean_run(page, data, line)
        if count_lines(data) != height or data.count(self._delimiter.encode()) != height * (len(self._schema) - 1):
            return self._parse_clean_run(page, data, line)
        # The total of delimiters is right. So if one line has too few fields, another has too many, and Polars raises.
        try:
            frame = self._read_csv(data, None)
        except pl.exceptions.PolarsError:
            return self._parse_clean_run(page, data, line)
        return _add(page, frame, _numbers(line + page.lines_read, frame.height), len(data), height)

    def _parse_clean_run(self, page: Page, data: bytes, line: int) -> int:
        # Polars brings Rust's regular expressions, which match megabytes in linear time; Python's would backtrack.
        try:
            rest = pl.Series([data]).cast(pl.String).str.replace(self._clean_run, "").str.len_bytes().item()
        # With very many columns the expression exceeds the size that Rust allows.
        except pl.exceptions.PolarsError:
            return 0
        data = data[: len(data) - rest]
        if not data:
            return 0
        frame, lines = self._read_csv(data, self._quote), count_lines(data)
        numbers = _numbers(line + page.lines_read, frame.height)
        if lines != frame.height:
            numbers += _breaks_before(frame)
        return _add(page, frame, numbers, len(data), lines)

    def _read_csv(self, data: bytes, quote: str | None) -> pl.DataFrame:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=self._schema,
            separator=self._delimiter,
            quote_char=quote,
            infer_schema=False,
            empty_string_is_null=False,
            extra_columns="raise",
            missing_columns="insert" if self._fill else "raise",
            glob=False,
        )
        if self._fill:
            frame = frame.fill_null("")
        return (
            frame
            if self._null is None
            else frame.with_columns(pl.when(pl.all() != self._null).then(pl.all())).fill_null("")
        )

    def _scan(self, page: Page, data: bytes, line: int, *, until: int, final: bool) -> bool:
        """Read records one by one up to the offset ``until``; return False if the next one is not whole in ``data``."""
        rows: list[list[str]] = []
        numbers: list[int] = []
        whole = True
        while whole and page.bytes_read < min(until, len(data)):
            number = line + page.lines_read
            try:
                record = self._scanner.record(data, page.bytes_read, final=final)
            except NoLineEnd as error:
                raise SourceInvalid(f"{self._origin}:{number}: {error}") from None
            whole = record is not None
            if record is None:
                continue
            raw = data[page.bytes_read : record.end]
            height = count_lines(raw)
            page.bytes_read, page.lines_read = record.end, page.lines_read + height
            if not raw.strip():
                continue
            reason = record.reason or self._why_malformed(record.fields, raw)
            page.ends_malformed = bool(reason)
            if reason:
                through = f" (through line {number + height - 1})" if height > 1 else ""
                page.malformed.append(Malformed(number, reason + through))
                page.short |= {number} if 0 < len(record.fields) < len(self._schema) else set()
            else:
                missing = len(self._schema) - len(record.fields)
                rows.append([text.decode() for text in record.fields] + [""] * missing)
                numbers.append(number)
        if rows:
            page.frames.append(pl.DataFrame(rows, schema=self._schema, orient="row"))
            page.lines.append(pl.Series(numbers, dtype=pl.UInt32))
        return whole

    def _why_malformed(self, fields: list[bytes], raw: bytes) -> str:
        if b"\0" in raw:
            return NUL_BYTE
        short = len(fields) < len(self._schema)
        if len(fields) == len(self._schema) or (short and self._fill):
            return ""
        counts = f"{len(fields)} field{'' if len(fields) == 1 else 's'} where the header has {len(self._schema)}"
        return f"{counts}: {RAGGED}" if short and len(fields) > 1 else counts


def _lone_cr_lines(data: bytes) -> bytes:
    """Return the whole lines of ``data``, in which CR ends a line, with LF in the place of CR."""
    # A CR at the very end may be the first half of CR LF, so its line is left for later.
    return data[: data.rfind(b"\r", 0, -1) + 1].replace(b"\r", b"\n")


def _add(page: Page, frame: pl.DataFrame, numbers: pl.Series, size: int, lines: int) -> int:
    """Add rows that Polars parsed from ``size`` bytes to the page; return ``size``."""
    page.frames.append(frame)
    page.lines.append(numbers)
    page.bytes_read += size
    page.lines_read += lines
    page.ends_malformed = False
    return size


def _numbers(first: int, height: int) -> pl.Series:
    return pl.int_range(first, first + height, dtype=pl.UInt32, eager=True)


def _breaks_before(frame: pl.DataFrame) -> pl.Series:
    """Return, for each row, the number of line breaks inside the fields of the rows before it."""
    breaks = pl.sum_horizontal(pl.all().str.count_matches(r"\r\n?|\n"))
    return frame.select(breaks.cum_sum().shift(1, fill_value=0).cast(pl.UInt32)).to_series()
