"""Look at the beginning of a file: is it a table, which delimiter it has, and which columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.csv_file.records import Dialect, NoLineEnd, Scanner
from syncd.errors import SourceInvalid

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 64 << 10
"""Bytes at the beginning of a file from which its kind and its delimiter are detected."""

_MAX_RECORDS = 100
"""Records that are counted to detect the delimiter."""

_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or a zip file", "export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export it as CSV"),
    (b"%PDF", "a PDF", "export it as CSV"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV"),
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
    for first_bytes, kind, remedy in _OTHER_FORMATS:
        if head.startswith(first_bytes):
            raise SourceInvalid(f"{origin} is not a CSV table but {kind}: {remedy}")


def refuse_other_text(head: bytes, origin: str) -> None:
    """Refuse HTML, XML, JSON and binary data. ``head``: the beginning of the text, in UTF-8.

    Raises:
        SourceInvalid: naming the kind of text, and the remedy.

    """
    start = head[:SNIFFED].lstrip()
    kind = ""
    if start.startswith(b"<"):
        kind = "HTML or XML: perhaps an error page or a login page was saved in its place"
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
    """Return the names of the columns: the fields of the header, trimmed.

    A column without a name gets its place as its name, ``column_3``. Columns that share a name are numbered,
    ``phone_1`` and ``phone_2``.

    Raises:
        SourceInvalid: two columns share a name even after numbering.

    """
    names = [field.strip() or f"column_{place}" for place, field in enumerate(fields, 1)]
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
