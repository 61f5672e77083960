"""Look at the beginning of a file: is it a table, which delimiter it has, and which columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from connectors.csv_file.records import Dialect, NoLineEnd, Scanner
from syncd.errors import SourceInvalid
from syncd.source import visible

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 64 << 10
"""Bytes at the beginning of a file from which its kind and its delimiter are detected."""

_MAX_RECORDS = 100
"""Records that are counted to detect the delimiter."""

EXPORT = "export it as CSV"
EXPORT_CONTACTS = "export the contacts as CSV"

_ZIP, _TAR = b"PK\x03\x04", b"ustar"
_ZIP_KINDS = (
    (b"xl/", "an Excel workbook", "save it as CSV (UTF-8)"),
    (b"word/", "a Word document", EXPORT),
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet", "save it as CSV (UTF-8)"),
    (b"Index/", "a Numbers spreadsheet", EXPORT),
)
"""What the first names in a zip file tell of it, the kind, and the remedy."""

_TEXTS = (
    (re.compile(rb"BEGIN:VCARD", re.IGNORECASE), "a vCard file", EXPORT_CONTACTS),
    (re.compile(rb"BEGIN:VCALENDAR", re.IGNORECASE), "a calendar file", EXPORT_CONTACTS),
    (
        re.compile(rb"(?:version: 1\r?\n\s*)?dn:: ?|(?:version: 1\r?\n\s*)?dn: ", re.IGNORECASE),
        "an LDIF file",
        EXPORT_CONTACTS,
    ),
    (re.compile(rb"ID;P(?:WXL|CALC)"), "a SYLK spreadsheet", EXPORT),
    (
        re.compile(
            rb"(?:--|/\*!?|#)[^\n]*(?:SQL|dump)|(?:CREATE|DROP) (?:TABLE|DATABASE) |INSERT INTO ", re.IGNORECASE
        ),
        "a SQL script",
        "export the table as CSV, or read the database with connector: sql",
    ),
    (re.compile(rb"%YAML|---\r?\n"), "a YAML file", EXPORT),
    (re.compile(rb"-----BEGIN PGP"), "encrypted or signed with PGP", "decrypt it"),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS", "fetch the file itself (git lfs pull)"),
    (
        re.compile(rb"(?:From|Received|Return-Path|MIME-Version): ?[^,;\t]*\r?\n[\w-]+: "),
        "an e-mail",
        "save its attachment",
    ),
)
"""How other kinds of text begin, the kind, and the remedy."""

_COMMENTS = re.compile(rb"(?:<!--.*?-->|\s)*", re.DOTALL)

_OTHER_FORMATS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or Word document", EXPORT),
    (b"%PDF", "a PDF", EXPORT),
    (b"{\\rtf", "a rich text document", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"SQLite format 3", "a SQLite database", "read it with connector: sql, or export the table as CSV"),
    (b"\x00\x01\x00\x00Standard ", "a Microsoft Access database", "export the table as CSV"),
    (b"!BDN", "an Outlook data file", EXPORT_CONTACTS),
    (b"PGDMP", "a PostgreSQL dump", "export the table as CSV, or read the database with connector: sql"),
    (b"\x89PNG", "a picture", EXPORT),
    (b"\xff\xd8\xff", "a picture", EXPORT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a rar archive", "unpack it"),
    (b"\x1f\x8b", "compressed with gzip twice", "unpack it once"),
    (b"PK\x05\x06", "an empty zip file", "look at the export that made it"),
    (b"BZh", "bzip2-compressed", "unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "xz-compressed", "unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it, or compress it with gzip"),
)
"""The first bytes of other kinds of file, the name of each kind, and the remedy."""


def refuse_other_formats(head: bytes, origin: str) -> None:
    """Refuse a file that begins with the bytes of another kind of file. ``head``: its first bytes, as stored.

    Raises:
        SourceInvalid: naming the kind of file, and the remedy.

    """
    found = [(kind, remedy) for first_bytes, kind, remedy in _OTHER_FORMATS if head.startswith(first_bytes)]
    if head.startswith(_ZIP):
        found = [(kind, remedy) for name, kind, remedy in _ZIP_KINDS if name in head[:SNIFFED]]
        found.append(("a zip file", "unpack it, or compress it with gzip"))
    if head[257:262] == _TAR:
        found.append(("a tar archive", "unpack it"))
    for kind, remedy in found:
        raise SourceInvalid(f"{origin} is not a CSV table but {kind}: {remedy}")


def refuse_other_text(head: bytes, origin: str) -> None:
    """Refuse HTML, XML, JSON, vCards and other texts, and binary data. ``head``: the beginning of the text, in UTF-8.

    Raises:
        SourceInvalid: naming the kind of text, and the remedy.

    """
    start = head[:SNIFFED].lstrip()
    kind = next((f"{kind}: {remedy}" for begin, kind, remedy in _TEXTS if begin.match(start)), "")
    tag = _COMMENTS.sub(b"", start, count=1)
    if re.match(rb"<(?:!doctype html|html|head|body|meta|title|script|style|div)\b", tag, re.IGNORECASE):
        kind = "an HTML page: perhaps an error page or a login page was saved in its place"
        # Some programs write a table in HTML, so that a spreadsheet opens it.
        if re.search(rb"<table\b", start, re.IGNORECASE):
            kind += f", or it is a table in HTML: {EXPORT}"
    elif re.match(rb"<table\b", tag, re.IGNORECASE):
        kind = f"a table in HTML: open it in a spreadsheet, and {EXPORT}"
    elif start.startswith(b"<"):
        kind = f"XML: {EXPORT}"
    # A header may begin with a bracket too; JSON has a quote or another bracket behind it.
    elif start[:1] in {b"{", b"["} and start[1:].lstrip()[:1] in {b'"', b"{", b"[", b"}", b"]"}:
        kind = "JSON: export it as CSV"
    # Only the first line: a NUL byte further down is one malformed row, and the table is read.
    elif _is_binary(start.splitlines()[0] if start else b""):
        kind = "binary data: export it as CSV"
    if kind:
        raise SourceInvalid(f"{origin} is not a CSV table but {kind}")


def _is_binary(line: bytes) -> bool:
    return b"\0" in line or 10 * sum(byte < 32 and byte != 9 for byte in line) > len(line)


def marks_before(head: bytes) -> int:
    """Return how many bytes of invisible marks stand before the first character of the text ``head`` (UTF-8)."""
    size = 0
    for char in head[:SNIFFED].decode(errors="ignore"):
        if visible(char):
            break
        size += len(char.encode())
    return size


def find_delimiter(head: bytes, quote: str | None, *, final: bool) -> str:
    """Return the delimiter that cuts most records of ``head`` into as many fields as the header.

    ``final``: ``head`` is the whole table. Return a comma if the header has no delimiter (a table of one column).
    """
    best, found = (0.0, 1), ","
    for delimiter in DELIMITERS:
        widths = _widths(head, Dialect(delimiter, quote), final=final)
        # Agreement of the records counts more than width: a header such as "name, first;city" has other delimiters too.
        score = (widths.count(widths[0]) / len(widths), widths[0]) if widths and widths[0] > 1 else (0.0, 1)
        if score > best:
            best, found = score, delimiter
    return found


def _widths(head: bytes, dialect: Dialect, *, final: bool) -> list[int]:
    """Return the number of fields of each of the first records."""
    scanner, at = Scanner(dialect), 0
    widths: list[int] = []
    while at < len(head) and len(widths) < _MAX_RECORDS:
        # A wrong delimiter may give records without an end, so neither case is an error here.
        try:
            record = scanner.record(head, at, final=final)
        except NoLineEnd:
            break
        if record is None:
            break
        if head[at : record.end].strip():
            widths.append(len(record.fields))
        at = record.end
    return widths


def column_names(fields: Sequence[str], origin: str) -> list[str]:
    """Return the names of the columns: the fields of the header, trimmed, without marks that nobody sees.

    A column without a name gets its place as its name, ``column_3``. Columns that share a name are numbered,
    ``phone_1`` and ``phone_2``.

    Raises:
        SourceInvalid: two columns share a name even after numbering.

    """
    names = [visible(field).strip() or f"column_{place}" for place, field in enumerate(fields, 1)]
    shared = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    # Number the first of them too: then a mapping to ``phone`` is an error instead of an arbitrary choice.
    for place, name in enumerate(names):
        if name in shared:
            seen[name] += 1
            names[place] = f"{name}_{seen[name]}"
    clash = ", ".join(sorted(name for name, count in Counter(names).items() if count > 1))
    if clash:
        raise SourceInvalid(f"{origin}: columns of the header share a name even after numbering: {clash}; rename them")
    return names
