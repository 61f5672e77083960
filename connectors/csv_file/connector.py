"""The CSV connector: one file, a glob of files or a directory of parts, plain or gzipped, in whatever dialect."""

from __future__ import annotations

import codecs
import hashlib
import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connectors.csv_file.header import SNIFFED
from connectors.csv_file.parse import Parser
from connectors.csv_file.parts import (
    Part,
    PartBytes,
    find_parts,
    is_read_from,
    require_settled,
    stored_digest,
    unavailable,
)
from connectors.csv_file.records import Dialect
from connectors.csv_file.table import Form, Table
from syncd.errors import SourceError, SourceInvalid
from syncd.source import EVERYTHING, Connector, Duration, End, LocalPath, Needs, Options, Rows

PAGE_BYTES = 8 << 20
"""Bytes of a file that one page is made of."""

VERSION = "1"
"""Part of every cursor; a new one makes unchanged files be read again."""

DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def _encoding(value: str) -> str:
    try:
        fits = "a,b;\n".encode(value).decode(value) == "a,b;\n"
        codecs.getincrementaldecoder(value)
    except (LookupError, UnicodeError):
        fits = False
    if not fits or value.replace("-", "_").lower() in {"utf_7", "utf7", "unicode_escape", "raw_unicode_escape"}:
        raise ValueError("no such encoding; some are utf-8, utf-16, cp1252 (windows-1252), latin-1")
    return value


def _one_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n\0":
        raise ValueError("expected one ASCII character that is no line break")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Character = Annotated[str, AfterValidator(_one_character)]


class CsvOptions(Options):
    """The ``options`` of a CSV source."""

    path: LocalPath = Field(description="A file, a directory of parts, or a glob; gzipped files are unpacked.")
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        default=None,
        description="utf-8, utf-16, cp1252, …; found out if absent (by byte order mark, UTF-8, Windows-1252).",
    )
    delimiter: Annotated[Character, BeforeValidator(lambda v: DELIMITER_NAMES.get(v, v))] | None = Field(
        default=None, description="What parts the fields; found out among , ; tab | if absent."
    )
    quote: Annotated[Character | None, BeforeValidator(lambda v: v or None)] = Field(
        default='"', description='What a quoted field begins and ends with; "" for none.'
    )
    settle: Duration = Field(
        default=0.0, description="How long (30s, 5m) a file must not have been written to before it is read."
    )
    header: bool = Field(default=True, description="Whether the first line names the columns; if not, `columns` does.")
    columns: tuple[str, ...] = Field(
        default=(), description="Columns that must be there; without a header: all, in order."
    )
    trailer: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None, description="A regular expression that the last line must match; its group is the number of rows."
    )
    count_file: LocalPath | None = Field(default=None, description="A file that holds the number of rows of all parts.")

    @model_validator(mode="after")
    def _fit_together(self) -> CsvOptions:
        if not self.header and not self.columns:
            raise ValueError("columns must name the columns when header is false")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names a column twice")
        if self.quote is not None and self.quote == self.delimiter:
            raise ValueError("quote and delimiter must differ")
        return self

    def form(self) -> Form:
        """What the options say of each file's form."""
        return Form(
            encoding=self.encoding,
            delimiter=self.delimiter,
            quote=self.quote,
            names=None if self.header else self.columns,
            trailer=re.compile(self.trailer) if self.trailer else None,
        )


@dataclass(slots=True)
class _Reading:
    """What a read has found so far. ``first``: whose ``columns`` they are. ``flaws``: why rows may be missing."""

    digests: list[bytes] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    first: str = ""
    count: int = 0
    pages: int = 0
    flaws: list[str] = field(default_factory=list)


class CsvFile(Connector):
    """Reads CSV files. A malformed row is yielded as such, with its line; the rows around it are read.

    A read is proved complete when no file changed meanwhile, none ends in the middle of a row, and the trailer and
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
        self._count_text()
        reading = _Reading()
        for part in self._parts():
            with closing(PartBytes(part, SNIFFED).blocks()) as blocks:
                self._agree(reading, Table(blocks, part.origin, self._options.form()).header(), part)
        return reading.columns

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        parts, told = self._parts(), self._count_text()
        if cursor and self._is_at(cursor, parts, told):
            return End("unchanged", cursor=cursor)
        reading = _Reading()
        for part in parts:
            yield from self._read_part(part, reading)
        if not reading.pages:
            empty = Parser(Dialect(","), reading.columns, parts[0].origin).empty()
            yield empty.rows(parts[0].origin)
        flaws = [*reading.flaws, *self._flaws_of_whole(reading, parts, told)]
        if flaws:
            return End("unproved", why="; ".join(flaws))
        return End("complete", cursor=self._cursor(parts, reading.digests, told))

    def reads(self, file: Path) -> bool:
        return super().reads(file) or is_read_from(self._options.path, file)

    def _read_part(self, part: Part, reading: _Reading) -> Generator[Rows, None, None]:
        content = PartBytes(part, self._page_bytes)
        with closing(content.blocks()) as blocks:
            table = Table(blocks, part.origin, self._options.form())
            names = table.header()
            self._agree(reading, names, part)
            for rows in table.pages():
                reading.pages += 1
                yield rows if names == reading.columns else _in_order(rows, reading.columns)
        reading.count += table.count
        reading.flaws += table.flaws
        reading.digests.append(content.digest or b"")

    def _parts(self) -> list[Part]:
        parts = find_parts(self._options.path)
        require_settled(parts, self._options.settle, self._clock())
        return parts

    def _agree(self, reading: _Reading, names: list[str], part: Part) -> None:
        """Take the columns of the first part, and require the same of the others, in any order."""
        missing = [name for name in self._options.columns if name not in names]
        if missing:
            raise SourceInvalid(
                f"{part.origin}: the header lacks {', '.join(map(repr, missing))}; it has: {', '.join(names)}"
            )
        if not reading.columns:
            reading.columns, reading.first = names, part.origin
        if set(reading.columns) != set(names):
            odd = ", ".join(sorted(set(names) ^ set(reading.columns)))
            raise SourceInvalid(
                f"{part.origin} and {reading.first} are parts of one table with different columns (not in both: {odd}):"
                " export them alike, or make path name one table's parts"
            )

    def _count_text(self) -> str:
        """What the count file holds, or nothing when none is configured."""
        path = self._options.count_file
        if path is None:
            return ""
        with unavailable(path):
            return path.read_bytes()[:100].decode("utf-8-sig", "replace").strip()

    def _flaws_of_whole(self, reading: _Reading, parts: Sequence[Part], told: str) -> list[str]:
        flaws = []
        if self._options.count_file and re.sub(r"[\s,.']", "", told) != str(reading.count):
            flaws.append(f"there are {reading.count} rows and {self._options.count_file.name} says {told!r}")
        try:
            now = find_parts(self._options.path)
        except SourceError:
            now = []
        if now != parts:
            names = sorted({part.origin for part in {*now} ^ {*parts}})
            flaws.append(f"{', '.join(names)} changed while being read")
        return flaws

    def _is_at(self, cursor: str, parts: Sequence[Part], told: str) -> bool:
        """Whether the source is what it was at ``cursor``; if the sizes differ, that is known at once."""
        sizes = _sizes(parts)
        return cursor.startswith(sizes) and cursor == self._cursor(parts, [stored_digest(part) for part in parts], told)

    def _cursor(self, parts: Sequence[Part], digests: Sequence[bytes], told: str) -> str:
        options = self._options.model_dump_json(exclude={"path", "settle", "count_file"})
        said = f"{options}\0{told}\0".encode()
        return _sizes(parts) + hashlib.sha256(said + b"".join(digests)).hexdigest()


def _sizes(parts: Sequence[Part]) -> str:
    return f"{VERSION}:{sum(part.size for part in parts)}:"


def _in_order(rows: Rows, columns: Sequence[str]) -> Rows:
    return Rows(rows.frame.select(columns), rows.origin, rows.lines, rows.malformed)
