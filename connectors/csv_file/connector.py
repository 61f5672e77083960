"""The CSV connector: reads one file, a glob of files or a directory of parts, plain or gzipped."""

from __future__ import annotations

import codecs
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connectors.csv_file.header import SNIFFED
from connectors.csv_file.parse import Parser
from connectors.csv_file.parts import (
    Part,
    PartBytes,
    file_errors,
    find_parts,
    part_names,
    require_settled,
    stored_digest,
    would_be_read,
)
from connectors.csv_file.records import Dialect
from connectors.csv_file.table import FOOTER, MOST_FOOTER_LINES, Table, TableFormat
from syncd.errors import SourceError, SourceInvalid
from syncd.source import EVERYTHING, Connector, Duration, End, LocalPath, Needs, Options, Rows

PAGE_BYTES = 8 << 20
"""Bytes of a file that make one page."""

VERSION = "1"
"""The first part of every cursor; with another version, unchanged files are read again."""

FEW_CELLS = 3
"""Up to so many cells that look as if an option were missing are taken for texts."""

DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def _known_encoding(value: str) -> str:
    try:
        # Encode a sample: Python also knows codecs that are no encodings of text, such as base64.
        is_text = "a,b;\n".encode(value).decode(value) == "a,b;\n"
        # Files are decoded in blocks, so a codec without an incremental decoder is of no use.
        codecs.getincrementaldecoder(value)
    except (LookupError, UnicodeError):
        is_text = False
    # UTF-7 and the escape codecs take a plain "+" or "\" of the data for the start of an escape.
    if not is_text or value.replace("-", "_").lower() in {"utf_7", "utf7", "unicode_escape", "raw_unicode_escape"}:
        raise ValueError("no such encoding; some are utf-8, utf-16, cp1252 (windows-1252), latin-1")
    return value


def _one_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n\0":
        raise ValueError("expected one ASCII character that is no line break")
    return value


def _regular_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def _count_or_expression(value: int | str | None) -> int | str | None:
    return _regular_expression(value) if isinstance(value, str) else value


Character = Annotated[str, AfterValidator(_one_character)]


class CsvOptions(Options):
    """The ``options`` of a CSV source."""

    path: LocalPath = Field(description="A file, a directory of parts, or a glob; gzipped files are unpacked.")
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = Field(
        default=None,
        description="utf-8, utf-16, cp1252, …; detected if absent (by byte order mark, UTF-8, Windows-1252).",
    )
    delimiter: Annotated[Character, BeforeValidator(lambda v: DELIMITER_NAMES.get(v, v))] | None = Field(
        default=None, description="The character between two fields; detected among , ; tab | if absent."
    )
    quote: Annotated[Character | None, BeforeValidator(lambda v: v or None)] = Field(
        default='"', description='The character before and after a quoted field; "" for none.'
    )
    escape: Annotated[Character | None, BeforeValidator(lambda v: v or None)] = Field(
        default=None,
        description=r"The character that gives the one behind it another meaning, as databases write \, \t and \N.",
    )
    null: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = Field(
        default=(), description=r"Texts of a cell that mean no value, such as \N or NULL."
    )
    ragged: Literal["refuse", "fill"] = Field(
        default="refuse",
        description="What becomes of a row with too few fields: it is invalid, or its last cells are empty (Excel).",
    )
    footer: Annotated[
        Annotated[int, Field(ge=1, le=MOST_FOOTER_LINES)] | str | None, AfterValidator(_count_or_expression)
    ] = Field(
        default=None,
        description="How many last lines with text are no rows, or a regular expression that the first one matches.",
    )
    parts: Literal["same", "any"] = Field(
        default="same",
        description="`same`: a part that the last complete read had and that is missing holds the deletes; or `any`.",
    )
    settle: Duration = Field(
        default=0.0, description="How long (30s, 5m) a file must not have been written to before it is read."
    )
    header: bool = Field(default=True, description="Whether the first line names the columns; if not, `columns` does.")
    columns: tuple[str, ...] = Field(
        default=(), description="Columns that must be there; without a header: all columns, in order."
    )
    trailer: Annotated[str, AfterValidator(_regular_expression)] | None = Field(
        default=None, description="A regular expression that the last line must match; its group is the number of rows."
    )
    count_file: LocalPath | None = Field(default=None, description="A file that holds the number of rows of all parts.")

    @model_validator(mode="after")
    def _check_together(self) -> CsvOptions:
        if not self.header and not self.columns:
            raise ValueError("columns must name the columns when header is false")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names a column twice")
        marks = [mark for mark in (self.quote, self.delimiter, self.escape) if mark is not None]
        if len(set(marks)) < len(marks):
            raise ValueError("quote, delimiter and escape must differ")
        return self

    def table_format(self) -> TableFormat:
        """Return the declared format of each file."""
        return TableFormat(
            encoding=self.encoding,
            delimiter=self.delimiter,
            quote=self.quote,
            names=None if self.header else self.columns,
            escape=self.escape,
            null=self.null,
            fill=self.ragged == "fill",
            footer=re.compile(self.footer) if isinstance(self.footer, str) else self.footer,
            trailer=re.compile(self.trailer) if self.trailer else None,
        )


@dataclass(slots=True)
class _Progress:
    """A read under way. ``first_part`` names the part that ``columns`` are from; ``flaws``: why rows may be missing."""

    digests: list[bytes] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    first_part: str = ""
    count: int = 0
    pages: int = 0
    nulls_seen: Counter[str] = field(default_factory=Counter)
    escapes_seen: int = 0
    ends_in_text: bool = False
    flaws: list[str] = field(default_factory=list)

    def add(self, table: Table) -> None:
        """Add what was found in a table that was read to its end."""
        self.count += table.count
        self.flaws += table.flaws
        self.nulls_seen.update(table.nulls_seen)
        self.escapes_seen += table.escapes_seen
        self.ends_in_text |= table.ends_in_text

    def warnings(self) -> Iterator[str]:
        """Warn of cells that look as if an option were missing."""
        for text, count in sorted(self.nulls_seen.items()):
            if count > FEW_CELLS:
                yield f"{count:,} cells are {text}, as databases write no value: null: '{text}' reads them as empty"
        if self.escapes_seen > FEW_CELLS:
            yield (
                f"in {self.escapes_seen:,} places a backslash stands before a quote or a separator, as databases write "
                r"them: escape: '\' reads them as the database meant"
            )


class CsvFile(Connector):
    """Reads CSV files. A malformed row is yielded with its line and its reason; the rows around it are read.

    A read is complete if no file changed during the read, no file ends in the middle of a row, and the trailer and
    the count file, if configured, agree. The cursor is a digest of all bytes: an unchanged source is not parsed.
    ``page_bytes``: bytes of a file per page; ``clock``: seconds since 1970.
    """

    OPTIONS = CsvOptions

    def __init__(
        self,
        name: str,
        options: Options,
        needs: Needs = EVERYTHING,
        *,
        page_bytes: int = PAGE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(CsvOptions, options)
        self._page_bytes = page_bytes
        self._clock = clock

    def check(self) -> list[str]:
        # The text is not used here; a count file that cannot be read is an error now rather than in the first run.
        self._count_text()
        progress = _Progress()
        for part in self._parts():
            # Small blocks: the header is read from the first bytes, and the rest of a large file is left alone.
            with closing(PartBytes(part, SNIFFED).blocks()) as blocks:
                names = Table(blocks, part.origin, self._options.table_format()).header()
                self._require_columns(progress, names, part)
        return progress.columns

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        parts, count_text = self._parts(), self._count_text()
        if cursor and self._is_unchanged(cursor, parts, count_text):
            return End("unchanged", cursor=cursor)
        progress = _Progress()
        for part in parts:
            yield from self._read_part(part, progress)
        if not progress.pages:
            # A source without rows must still yield its columns, in one empty page.
            yield Parser(Dialect(","), progress.columns, parts[0].origin).empty().rows(parts[0].origin)
        flaws = [*progress.flaws, *self._flaws_of_source(progress, parts, count_text)]
        end = End(
            "unproved" if flaws else "complete",
            why="; ".join(flaws),
            parts=part_names(self._options.path, parts) if self._options.parts == "same" else (),
            remedy=FOOTER if progress.ends_in_text else "",
            warnings=[*progress.warnings()],
        )
        # These digests are of the bytes that were parsed; hashing the files again could hash newer bytes.
        return end if flaws else replace(end, cursor=self._cursor(parts, progress.digests, count_text))

    def reads(self, file: Path) -> bool:
        return super().reads(file) or would_be_read(self._options.path, file)

    def _read_part(self, part: Part, progress: _Progress) -> Generator[Rows, None, None]:
        content = PartBytes(part, self._page_bytes)
        # Close the file also when the caller stops in the middle of the part.
        with closing(content.blocks()) as blocks:
            table = Table(blocks, part.origin, self._options.table_format())
            names = table.header()
            self._require_columns(progress, names, part)
            for rows in table.pages():
                progress.pages += 1
                yield rows if names == progress.columns else _with_columns(rows, progress.columns)
        progress.add(table)
        progress.digests.append(content.digest or b"")

    def _parts(self) -> list[Part]:
        parts = find_parts(self._options.path)
        require_settled(parts, self._options.settle, self._clock())
        return parts

    def _require_columns(self, progress: _Progress, names: list[str], part: Part) -> None:
        """Take the columns of the first part, and require the same columns of the other parts, in any order."""
        missing = [name for name in self._options.columns if name not in names]
        if missing:
            raise SourceInvalid(
                f"{part.origin}: the header lacks {', '.join(map(repr, missing))}; it has: {', '.join(names)}"
            )
        if not progress.columns:
            progress.columns, progress.first_part = names, part.origin
        if set(progress.columns) != set(names):
            in_one = ", ".join(sorted(set(names) ^ set(progress.columns)))
            raise SourceInvalid(
                f"{part.origin} and {progress.first_part} are parts of one table with different columns "
                f"(not in both: {in_one}): export them with the same columns, or let path name the parts of one table"
            )

    def _count_text(self) -> str:
        """Return the text of the count file, or an empty text if none is configured."""
        path = self._options.count_file
        if path is None:
            return ""
        with file_errors(path):
            return path.read_bytes()[:100].decode("utf-8-sig", "replace").strip()

    def _flaws_of_source(self, progress: _Progress, parts: Sequence[Part], count_text: str) -> list[str]:
        flaws = []
        # Some exports write the number with separators: 1,234 or 1'234.
        if self._options.count_file and re.sub(r"[\s,.']", "", count_text) != str(progress.count):
            flaws.append(f"there are {progress.count} rows and {self._options.count_file.name} says {count_text!r}")
        # Look at the files again: a part that was written, added or removed during the read makes the lists differ.
        try:
            parts_now = find_parts(self._options.path)
        except SourceError:
            parts_now = []
        if parts_now != parts:
            names = sorted({part.origin for part in {*parts_now} ^ {*parts}})
            flaws.append(f"{', '.join(names)} changed while being read")
        return flaws

    def _is_unchanged(self, cursor: str, parts: Sequence[Part], count_text: str) -> bool:
        # Compare the sizes first: if they differ, no file has to be hashed.
        return cursor.startswith(_sizes(parts)) and cursor == self._cursor(parts, map(stored_digest, parts), count_text)

    def _cursor(self, parts: Sequence[Part], digests: Iterable[bytes], count_text: str) -> str:
        # A changed option or count file means another read; the same bytes under another path do not. But the names of
        # the parts are kept after a read, so a part with another name is read.
        options = self._options.model_dump_json(exclude={"path", "settle", "count_file"})
        names = "/".join(part_names(self._options.path, parts))
        content = f"{options}\0{count_text}\0{names}\0".encode() + b"".join(digests)
        return _sizes(parts) + hashlib.sha256(content).hexdigest()


def _sizes(parts: Sequence[Part]) -> str:
    return f"{VERSION}:{sum(part.size for part in parts)}:"


def _with_columns(rows: Rows, columns: Sequence[str]) -> Rows:
    return Rows(rows.frame.select(columns), rows.origin, rows.lines, rows.malformed)
