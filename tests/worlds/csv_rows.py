"""What a CSV source reads from a file, as rows with their lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.csv_file.connector import CsvFile, CsvOptions
from syncd.source import End
from tests.contract.suite import drain

Read = tuple[list[tuple[Any, ...]], list[tuple[int, str]], End]


def read(path: Path, content: bytes, *, page_bytes: int = 1 << 20, **options: Any) -> Read:
    """Return (line, values) of the rows, (line, reason) of the malformed rows, and the end of the read."""
    path.write_bytes(content)
    pages, end = drain(CsvFile("t", CsvOptions(path=path, **options), page_bytes=page_bytes))
    rows = [(line, *row) for page in pages for line, row in zip(page.lines, page.frame.rows(), strict=True)]
    return rows, [(bad.line, bad.reason) for page in pages for bad in page.malformed], end
