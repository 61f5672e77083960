"""SQL expressions over a source's columns: one value a row, whatever page the row comes in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.core.mapping.missing_column import no_column

MOST_FAILURES = 1_000
"""So many failing rows are told apart in one page; an expression that fails for more is wrong itself."""

_VALUE = "@value"
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CLOCK = re.compile(r"\bnow\s*\(|\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?)\b", re.IGNORECASE)
_OTHER_ROWS = re.compile(r"\bselect\b|\bover\s*\(|\b(?:any|all|some)\s*\(", re.IGNORECASE)
_LITERALS = frozenset({"Literal", "Column", "dtype"})
_MANY_ROWS = frozenset(
    {"Agg", "Len", "Over", "Window", "Rolling", "SubPlan", "Explode", "Selector", "Filter", "Sort", "SortBy", "Slice"}
)
_MANY_ROW_FUNCTIONS = re.compile(
    r"Rank|Shift|^Cum|Quantile|Range|Rle|Diff|Interpolate|Rolling|Ewm|Mode|Unique|Distinct|Duplicated|^Any$|^All$"
    r"|Hist|Corr|Random|Shuffle|Drop|Reverse|WithStrategy|PeakM|ArgM|Skew|Kurtosis|Count|Gather|Reshape|Moment"
)
_PROBES = ("1", "2", "10", "2", "7")


class Unusable(ValueError):
    """The expression cannot be used; the message says why, and holds no row's content."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, and the columns that it uses."""

    expr: pl.Expr
    columns: tuple[str, ...]
    dtype: pl.DataType

    def of(self, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series | None]:
        """One value for each row, and which rows it fails for (their value is null), or None if for none.

        Raises:
            Unusable: it fails for more than :data:`MOST_FAILURES` rows of this page.

        """
        frame = frame.select(self.columns or frame.columns[:1])
        try:
            return self._of(frame), None
        except pl.exceptions.PolarsError:
            parts = list(self._apart(frame, [0]))
        nothing = pl.Series(_VALUE, [None], dtype=self.dtype)
        values = [nothing if value is None else value for value, _ in parts]
        failed = [pl.Series([value is None]).new_from_index(0, rows) for value, rows in parts]
        return pl.concat(values), pl.concat(failed)

    def _of(self, frame: pl.DataFrame) -> pl.Series:
        return frame.with_columns(self.expr.alias(_VALUE)).get_column(_VALUE)

    def _apart(self, frame: pl.DataFrame, failures: list[int]) -> Iterator[tuple[pl.Series | None, int]]:
        """The values of ever smaller parts of the page, with their heights; None where a single row fails."""
        try:
            yield self._of(frame), frame.height
        except pl.exceptions.PolarsError:
            half = frame.height // 2
            if half:
                yield from self._apart(frame.slice(0, half), failures)
                yield from self._apart(frame.slice(half), failures)
                return
            failures[0] += 1
            if failures[0] > MOST_FAILURES:
                raise Unusable(f"fails for more than {MOST_FAILURES:,} rows; TRY_CAST gives null instead") from None
            yield None, 1


def checked(sql: str, columns: Sequence[str], *, condition: bool = False) -> Expression:
    """Read an expression over text columns; a ``condition`` must be true or false.

    Raises:
        Unusable: it is no SQL expression, uses a column that is not there, looks at more than its own row or at the
            clock, or does not give text (or true and false).

    """
    bare = _QUOTED.sub("''", sql)
    if _CLOCK.search(bare):
        raise Unusable("looks at the clock: the same row must always give the same contact")
    if _OTHER_ROWS.search(bare):
        raise _many()
    try:
        expr = pl.sql_expr(sql)
    except pl.exceptions.PolarsError as error:
        raise Unusable(f"is not a SQL expression: {_line(error)}") from None
    used = tuple(dict.fromkeys(expr.meta.root_names()))
    _refuse_many_rows(expr)
    for name in used:
        if name not in columns:
            raise Unusable(f"cannot be used: {no_column(name, columns)}")
    dtype = _type(expr, columns)
    if condition and dtype != pl.Boolean:
        raise Unusable("is no condition: it must be true or false for each row")
    if dtype.is_nested() or dtype == pl.Binary:
        raise Unusable("does not give a text")
    expression = Expression(expr, used, dtype)
    _probe(expression)
    return expression


def columns_of(sql: str) -> set[str]:
    """Return the columns that an expression uses; none for what is no expression."""
    try:
        return set(pl.sql_expr(sql).meta.root_names())
    except pl.exceptions.PolarsError:
        return set()


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _refuse_many_rows(expr: pl.Expr) -> None:
    tree = json.loads(expr.meta.serialize(format="json"))
    if expr.meta.has_multiple_outputs() or any(_many_rows(name) for name in _words(tree)):
        raise _many()


def _many() -> Unusable:
    return Unusable("looks at more than its own row: aggregates, window functions and subqueries are not possible")


def _many_rows(word: tuple[str, bool]) -> bool:
    name, function = word
    return bool(_MANY_ROW_FUNCTIONS.search(name)) if function else name in _MANY_ROWS


def _words(tree: Any) -> Iterator[tuple[str, bool]]:
    """The kinds of the expression's nodes and the names of its functions, which are marked True."""
    if isinstance(tree, str):
        yield tree, False
    elif isinstance(tree, list):
        for item in tree:
            yield from _words(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key, False
            if key == "function":
                yield _function(value), True
            elif key not in _LITERALS:
                yield from _words(value)


def _function(value: Any) -> str:
    """A function's name; what it says of one row's own text, list or time is of no interest."""
    if not isinstance(value, dict):
        return str(value)
    family, inner = next(iter(value.items()), ("", ""))
    return _function(inner) if family in {"Boolean", "Sql"} else str(family)


def _type(expr: pl.Expr, columns: Sequence[str]) -> pl.DataType:
    nothing = pl.DataFrame(schema=dict.fromkeys(columns or ["@"], pl.String))
    try:
        return nothing.with_columns(expr.alias(_VALUE)).schema[_VALUE]
    except pl.exceptions.PolarsError as error:
        hint = " (TRY_CAST makes numbers of text)" if "numeric" in str(error) or "operation" in str(error) else ""
        raise Unusable(f"does not fit columns of text: {_line(error)}{hint}") from None


def _probe(expression: Expression) -> None:
    """Refuse what gives a row another value in company than alone: what its tree does not show."""
    rotated = {name: _PROBES[n % 5 :] + _PROBES[: n % 5] for n, name in enumerate(expression.columns or ("@",))}
    page = pl.DataFrame(rotated)
    try:
        alone = [_single(expression.expr, page, row) for row in range(page.height)]
        together = page.with_columns(expression.expr.alias(_VALUE)).get_column(_VALUE).to_list()
    except pl.exceptions.PolarsError:
        return
    if alone != together:
        raise _many()


def _single(expr: pl.Expr, page: pl.DataFrame, row: int) -> Any:
    return page.slice(row, 1).with_columns(expr.alias(_VALUE)).get_column(_VALUE).item()
