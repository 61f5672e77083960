"""The beginning of a file: is it a table at all, which delimiter, which columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.csv_file.records import Dialect, NoLineEnd, Scanner
from syncd.errors import SourceInvalid

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 64 << 10
"""Bytes that are looked at."""

_RECORDS = 100

_MAGIC = (
    (b"PK\x03\x04", "an Excel workbook or a zip file", "export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export it as CSV"),
    (b"%PDF", "a PDF", "export it as CSV"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV"),
    (b"BZh", "bzip2-compressed", "unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "xz-compressed", "unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it, or compress it with gzip"),
)


def refuse_magic(head: bytes, origin: str) -> None:
    """Refuse a file that begins as another kind of file does. ``head``: its first bytes, as stored.

    Raises:
        SourceInvalid: naming what it is, and the remedy.

    """
    for magic, what, remedy in _MAGIC:
        if head.startswith(magic):
            raise SourceInvalid(f"{origin} is not a CSV table but {what}: {remedy}")


def refuse_other_text(head: bytes, origin: str) -> None:
    """Refuse text that is a page, a document or no text. ``head``: its beginning, in UTF-8.

    Raises:
        SourceInvalid: naming what it is, and the remedy.

    """
    start = head[:SNIFFED].lstrip()
    what = ""
    if start.startswith(b"<"):
        what = "HTML or XML: perhaps the page of an error or a login was saved in its place"
    elif start[:1] in {b"{", b"["} and start[1:].lstrip()[:1] in {b'"', b"{", b"[", b"}", b"]"}:
        what = "JSON: export it as CSV"
    elif _is_binary(start.splitlines()[0] if start else b""):
        what = "binary data: export it as CSV"
    if what:
        raise SourceInvalid(f"{origin} is not a CSV table but {what}")


def _is_binary(line: bytes) -> bool:
    return b"\0" in line or 10 * sum(byte < 32 and byte != 9 for byte in line) > len(line)


def find_delimiter(head: bytes, quote: str | None, *, final: bool) -> str:
    """The delimiter by which most records of ``head`` are cut into as many fields as the header.

    ``final``: ``head`` is the whole table. A header without any delimiter has one column; then it is a comma.
    """
    best, found = (0.0, 1), ","
    for delimiter in DELIMITERS:
        widths = _widths(head, Dialect(delimiter, quote), final=final)
        score = (widths.count(widths[0]) / len(widths), widths[0]) if widths and widths[0] > 1 else (0.0, 1)
        if score > best:
            best, found = score, delimiter
    return found


def _widths(head: bytes, dialect: Dialect, *, final: bool) -> list[int]:
    scanner, at = Scanner(dialect), 0
    widths: list[int] = []
    while at < len(head) and len(widths) < _RECORDS:
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
    """The columns' names: the header's fields, trimmed.

    A column without a name is called by its place, ``column_3``. Columns that share a name get their occurrence
    behind it, ``phone_1`` and ``phone_2``, the first too: so a file with such columns can be read, and a mapping that
    names ``phone`` is told so rather than given one of them.

    Raises:
        SourceInvalid: two columns still share a name.

    """
    names = [field.strip() or f"column_{place}" for place, field in enumerate(fields, 1)]
    shared = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        if name in shared:
            seen[name] += 1
            names[place] = f"{name}_{seen[name]}"
    clash = sorted(name for name, count in Counter(names).items() if count > 1)
    if clash:
        raise SourceInvalid(f"{origin}: the header names columns twice, even numbered: {', '.join(clash)}; rename them")
    return names
