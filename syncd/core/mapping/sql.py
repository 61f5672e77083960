"""SQL expressions over a source's columns: each row gets one value, which does not depend on other rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.core.wording import no_column

MOST_FAILURES = 1_000
"""The greatest number of failing rows that are found one by one in a page; above it the expression itself is wrong."""

_VALUE = "@value"
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CLOCK = re.compile(r"\bnow\s*\(|\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?)\b", re.IGNORECASE)
_OTHER_ROWS = re.compile(r"\bselect\b|\bover\s*\(|\b(?:any|all|some)\s*\(", re.IGNORECASE)
_USES_OTHER_ROWS = "looks at more than its own row: aggregates, window functions and subqueries are not possible"
_LITERALS = frozenset({"Literal", "Column", "dtype"})
_MANY_ROWS = frozenset(
    {"Agg", "Len", "Over", "Window", "Rolling", "SubPlan", "Explode", "Selector", "Filter", "Sort", "SortBy", "Slice"}
)
_MANY_ROW_FUNCTIONS = re.compile(
    r"Rank|Shift|^Cum|Quantile|Range|Rle|Diff|Interpolate|Rolling|Ewm|Mode|Unique|Distinct|Duplicated|^Any$|^All$"
    r"|Hist|Corr|Random|Shuffle|Drop|Reverse|WithStrategy|PeakM|ArgM|Skew|Kurtosis|Count|Gather|Reshape|Moment"
)
# Unequal and repeated, not ascending: most functions of several rows betray themselves by one of these values.
_PROBES = ("1", "2", "10", "2", "7")


class Unusable(ValueError):
    """The expression cannot be used; the message says why, and holds no row's content."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, the columns that it uses and the type of its values."""

    expr: pl.Expr
    columns: tuple[str, ...]
    dtype: pl.DataType

    def of(self, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series | None]:
        """Return one value for each row, and the rows for which the expression fails, with null as value; or None.

        Raises:
            Unusable: it fails for more than :data:`MOST_FAILURES` rows of this page.

        """
        # Without columns, as for a constant, one column stays: it gives the result its height.
        frame = frame.select(self.columns or frame.columns[:1])
        try:
            return _evaluated(self.expr, frame), None
        except pl.exceptions.PolarsError:
            parts = list(self._in_parts(frame, [0]))
        null = pl.Series(_VALUE, [None], dtype=self.dtype)
        values = [null if value is None else value for value, _ in parts]
        failed = [pl.Series([value is None]).new_from_index(0, rows) for value, rows in parts]
        return pl.concat(values), pl.concat(failed)

    def _in_parts(self, frame: pl.DataFrame, failures: list[int]) -> Iterator[tuple[pl.Series | None, int]]:
        """Yield the values of ever smaller parts of the page, with their heights; None for a single row that fails."""
        # Polars does not say which row failed. Halving finds k bad rows of n in about k·log(n) tries.
        try:
            yield _evaluated(self.expr, frame), frame.height
        except pl.exceptions.PolarsError:
            half = frame.height // 2
            if half:
                yield from self._in_parts(frame.slice(0, half), failures)
                yield from self._in_parts(frame.slice(half), failures)
                return
            failures[0] += 1
            if failures[0] > MOST_FAILURES:
                raise Unusable(f"fails for more than {MOST_FAILURES:,} rows; TRY_CAST gives null instead") from None
            yield None, 1


def _evaluated(expr: pl.Expr, frame: pl.DataFrame) -> pl.Series:
    # with_columns, not select: a constant then gives a value for each row, not a single one.
    return frame.with_columns(expr.alias(_VALUE)).get_column(_VALUE)


def checked(sql: str, columns: Sequence[str], *, condition: bool = False) -> Expression:
    """Parse an expression over text columns; a ``condition`` must be true or false.

    Raises:
        Unusable: it is no SQL expression, uses a column that the source lacks, looks at other rows or at the clock,
            or does not give text (or true and false).

    """
    bare = _QUOTED.sub("''", sql)
    if _CLOCK.search(bare):
        raise Unusable("looks at the clock: the same row must always give the same contact")
    if _OTHER_ROWS.search(bare):
        raise Unusable(_USES_OTHER_ROWS)
    try:
        expr = pl.sql_expr(sql)
    except pl.exceptions.PolarsError as error:
        raise Unusable(f"is not a SQL expression: {_line(error)}") from None
    used = tuple(dict.fromkeys(expr.meta.root_names()))
    # A page is a part of the source, so a value that depends on other rows would change with the page's size.
    if expr.meta.has_multiple_outputs() or _uses_other_rows(json.loads(expr.meta.serialize(format="json"))):
        raise Unusable(_USES_OTHER_ROWS)
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
    """Return the columns that an expression uses; none if it cannot be parsed."""
    try:
        return set(pl.sql_expr(sql).meta.root_names())
    except pl.exceptions.PolarsError:
        return set()


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _uses_other_rows(tree: Any) -> bool:
    """Return whether a node or a function of the expression's tree looks at several rows."""
    if isinstance(tree, str):
        return tree in _MANY_ROWS
    if isinstance(tree, list):
        return any(map(_uses_other_rows, tree))
    return isinstance(tree, dict) and any(key in _MANY_ROWS or _is_of_many(key, tree[key]) for key in tree)


def _is_of_many(key: str, value: Any) -> bool:
    if key == "function":
        return bool(_MANY_ROW_FUNCTIONS.search(_function(value)))
    # A column or a text may be called "Sort".
    return key not in _LITERALS and _uses_other_rows(value)


def _function(value: Any) -> str:
    """Return a function's name; the functions of one text, list or time are not told apart."""
    if not isinstance(value, dict):
        return str(value)
    family, inner = next(iter(value.items()), ("", ""))
    return _function(inner) if family in {"Boolean", "Sql"} else str(family)


def _type(expr: pl.Expr, columns: Sequence[str]) -> pl.DataType:
    empty = pl.DataFrame(schema=dict.fromkeys(columns or ["@"], pl.String))
    try:
        return _evaluated(expr, empty).dtype
    except pl.exceptions.PolarsError as error:
        hint = " (TRY_CAST makes numbers of text)" if "numeric" in str(error) or "operation" in str(error) else ""
        raise Unusable(f"does not fit columns of text: {_line(error)}{hint}") from None


def _probe(expression: Expression) -> None:
    """Refuse an expression whose value for a row changes when other rows stand beside it."""
    # The last net: a function of a new Polars release may look at other rows under a name that is not listed here.
    # Each column has the probes in another order, so that no two rows are equal.
    rotated = {name: _PROBES[n % 5 :] + _PROBES[: n % 5] for n, name in enumerate(expression.columns or ("@",))}
    page = pl.DataFrame(rotated)
    try:
        alone = [_evaluated(expression.expr, page.slice(row, 1)).item() for row in range(page.height)]
        together = _evaluated(expression.expr, page).to_list()
    except pl.exceptions.PolarsError:
        return
    if alone != together:
        raise Unusable(_USES_OTHER_ROWS)
