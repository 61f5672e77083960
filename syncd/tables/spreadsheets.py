"""A spreadsheet would run some cells of a CSV file: here they become texts."""

from __future__ import annotations

import polars as pl

_BEGIN = r"[\t\r\n]|[\s\x00\x{feff}\x{200b}-\x{200f}]*[=+\-@＝＋－＠]"
"""The beginning of a cell that a spreadsheet may run (OWASP: CSV Injection), also after blanks."""

_RUN, _MADE_HARMLESS = rf"^('*(?:{_BEGIN}))", rf"^'('*(?:{_BEGIN}))"


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a ``'`` in front of each text, headers included, that a spreadsheet would run.

    :func:`as_it_was` reverses it: a text that begins with ``'`` and would be run without it gets one more.
    """
    names = pl.Series(frame.columns, dtype=pl.String).str.replace(_RUN, "'$1").to_list()
    return frame.with_columns(pl.col(pl.String).str.replace(_RUN, "'$1")).rename(
        dict(zip(frame.columns, names, strict=True))
    )


def as_it_was(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the texts that :func:`harmless` was given; headers stay as they are."""
    return frame.with_columns(pl.col(pl.String).str.replace(_MADE_HARMLESS, "$1"))
