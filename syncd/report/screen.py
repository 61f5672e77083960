"""A screen: lines, tables and colours on a terminal, plain text in a pipe.

The text of a source or of the target is data: it is never read as markup, and cannot steer the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.report.streams import printable

PAGE = 20
"""Changes, rows or warnings of a source that are shown at most; a file or ``--json`` holds them all."""

NARROW = 20
"""Columns that a line gets for its text, even if the terminal is narrower."""

WRAPPED = 12
"""Columns that a column of a table gets at least, if its text may be broken."""

WIDE = 100_000
"""Columns of a pipe: what reads it wants each line whole, and rich breaks lines at any width that it is given."""

Row = Sequence[str]

Brief = tuple[Row, Sequence[Row]]
"""The head and the rows of a table."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the process with code 1. The command decides instead: a reader that went away is no error.
        raise BrokenPipeError


def _is_stderr_too(file: IO[str] | None) -> bool:
    """Tell whether ``file`` and stderr are one terminal, one pipe or one file (``2>&1``)."""
    try:
        one, other = (os.fstat((each or sys.stdout).fileno()) for each in (file, sys.stderr))
    except (OSError, ValueError):  # a text in memory, or closed
        return False
    return os.path.samestat(one, other)


class Screen:
    """Writes lines and tables to ``file`` (standard output, if None).

    ``terminal``: whether ``file`` is a terminal; found out, if None. ``holds_errors``: stderr is shown in the same
    place, so that a report need not repeat errors.
    """

    def __init__(self, file: IO[str] | None = None, *, terminal: bool | None = None) -> None:
        self._console = _Console(file=file, force_terminal=terminal, markup=False, highlight=False, emoji=False)
        self.is_terminal = self._console.is_terminal
        self.holds_errors = _is_stderr_too(file)
        if not self.is_terminal:
            self._console.width = WIDE

    def line(self, *parts: str | tuple[str, str], indent: int = 0, hanging: int | None = None) -> None:
        """Write one line of ``parts``: text, or text with a style.

        A line with ``hanging`` that is too long for a terminal is broken between words; its further lines are indented
        by ``hanging``. A line without it is never broken, so that a command in it can be copied.
        """
        text = Text(" " * indent)
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            text.append(printable(words), style)
        if hanging is None or not self.is_terminal:
            self._console.print(text, soft_wrap=True)
            return
        width = max(self._console.width, hanging + NARROW)
        # Two steps, since rich wraps all lines at one width, but the further lines have less room than the first.
        first, *_ = text.wrap(self._console, width)
        self._console.print(first, soft_wrap=True)
        left = text.plain[len(first) :].lstrip()
        for more in text[-len(left) :].wrap(self._console, width - hanging) if left else ():
            self._console.print(Text(" " * hanging).append_text(more), soft_wrap=True)

    def table(self, head: Row, rows: Sequence[Row], *, brief: Brief | None = None, wraps: Collection[str] = ()) -> None:
        """Write a table of text, with numbers (``1,234``) at the right; a list, if the terminal is too narrow for it.

        ``brief``: a smaller table, which is written if only that fits; ``wraps``: its columns that may be broken.
        """
        # Only a terminal has an edge; in a pipe a table stays a table, which grep and cut can work with.
        if self.is_terminal and rows and not self._has_room(head, rows, ()):
            if brief is None or not self._has_room(*brief, wraps):
                self._list(head, rows)
                return
            head, rows = brief
        columns = list(zip(*rows, strict=True)) or [()] * len(head)
        if not self.is_terminal:
            # Rich takes a minute for a hundred thousand rows.
            self._console.file.writelines(_plain(head, rows, [_is_numeric(column) for column in columns]))
            return
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="bold")
        for name, column in zip(head, columns, strict=True):
            numeric = _is_numeric(column)
            fixed = bool(wraps) and name not in wraps
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=fixed)
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self._console.print(table)

    def more(self, total: int, how: str = "", *, page: int = PAGE) -> None:
        """Say how many of ``total`` things a page does not show, and ``how`` to see them."""
        if total > page:
            self.line((f"and {total - page:,} more{how}", "dim"), indent=4)

    def _has_room(self, head: Row, rows: Sequence[Row], wraps: Collection[str]) -> bool:
        widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
        least = [min(width, WRAPPED) if name in wraps else width for name, width in zip(head, widths, strict=True)]
        return sum(least) + 3 * len(least) - 1 <= self._console.width

    def _list(self, head: Row, rows: Sequence[Row]) -> None:
        for row in rows:
            cells = (f" · {name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True))
            self.line((row[0], "bold"), *cells, hanging=4)


def _is_numeric(column: Row) -> bool:
    return bool(column) and all(cell.replace(",", "").isdigit() or cell == "-" for cell in column)


def _plain(head: Row, rows: Sequence[Row], numeric: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a table for a pipe: two blanks between columns, and none at the end of a line."""
    cells = [head, *([printable(cell) for cell in row] for row in rows)]
    sizes = [[cell_len(cell) for cell in row] for row in cells]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    for row, mine in zip(cells, sizes, strict=True):
        gaps = (" " * (width - size) for width, size in zip(widths, mine, strict=True))
        parts = (gap + cell if right else cell + gap for cell, gap, right in zip(row, gaps, numeric, strict=True))
        yield "  ".join(parts).rstrip() + "\n"
