"""Say whether a value of a flag, such as *deleted*, means yes or no: one table, for all connectors. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import polars as pl

YES = ("t", "true", "y", "yes", "on", "x", "j", "ja", "oui", "si", "sí", "sì", "✓", "✔", "☑")
NO = ("", "f", "false", "n", "no", "off", "-", "–", "—", "null", "none", "n/a", "nein", "non", "nao", "não", "☐")
_ZERO = r"^[+-]?0+(?:[.,]0*)?(?:e[+-]?\d+)?$"
_NUMBER = r"^[+-]?\d+(?:[.,]\d*)?(?:e[+-]?\d+)?$"
# Days that stand for "never": the first days of calendars and of clocks, in any zone.
_NEVER = r"^(?:0000-\d\d-\d\d|0001-01-01|1753-01-01|1899-12-3[01]|1900-01-0[01]|1969-12-31|1970-01-01)(?:[ t].*)?$"
_DAY = r"^(?:1[789]|20|21)\d\d-\d\d-\d\d(?:[ t].*)?$"

_SHOWN, _LONGEST = 2, 12


def meant(values: pl.Series) -> pl.Series:
    """Return what each value (String) means: true, false (so does null), or null for a value in neither list.

    A number means yes unless it is zero. A date means yes, unless it is one of those that stand for *never*.
    """
    distinct = values.unique()
    # A flag has few values, and each is looked at with several patterns.
    if 2 * distinct.len() < values.len():
        return values.replace_strict(distinct, meant(distinct), return_dtype=pl.Boolean)
    # PostgreSQL writes bytes as \\x00.
    text = pl.col(values.name).str.strip_chars().str.strip_prefix("\\x").str.to_lowercase()
    is_no = text.is_null() | text.is_in(NO) | text.str.contains(_ZERO) | text.str.contains(_NEVER)
    is_yes = text.is_in(YES) | text.str.contains(_NUMBER) | text.str.contains(_DAY)
    told = pl.when(is_no).then(statement=False).when(is_yes).then(statement=True)
    return values.to_frame().select(told.alias("meant")).to_series()


def is_yes(value: Any) -> bool | None:
    """Return what a value of a JSON answer means; None for a text in neither list. A full list or object means yes."""
    if value is None or isinstance(value, bool | list | dict):
        return bool(value)
    return _meant(str(value))


# A flag has few values, and a frame for each record would cost more than the record.
@lru_cache(maxsize=1024)
def _meant(text: str) -> bool | None:
    found: bool | None = meant(pl.Series("flag", [text]))[0]
    return found


def shown(unknown: Iterable[str]) -> str:
    """Return values in neither list as a message may show them: the form alone of those that look like data."""
    found = sorted(set(unknown))
    # A real flag has few short values. A column of names, set by mistake, has many.
    is_flag = len(found) <= _SHOWN and all(len(value) <= _LONGEST for value in found)
    return " and ".join(repr(value if is_flag else _form(value)) for value in found[:_SHOWN])


def _form(value: str) -> str:
    form = "".join("9" if mark.isdigit() else "a" if mark.isalpha() else mark for mark in value)
    return form if len(form) <= _LONGEST else f"{form[:_LONGEST]}…"
