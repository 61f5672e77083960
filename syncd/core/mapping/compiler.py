"""Rows and rules make contacts, or say why not.

:func:`compile` checks the rules against the source's columns and the target's fields; :meth:`Mapping.apply` turns one
page of rows into contacts with a few frame expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.mapping.rules import MappingError, Parsed, parsed
from syncd.core.mapping.sql import Expression, Unusable
from syncd.core.mapping.values import UNSOUND, Field, Values, fields
from syncd.core.schema import Schema
from syncd.core.settings.rules import SourceRules

__all__ = ["Mapping", "MappingError", "compile"]

Finding = tuple[pl.Expr, int, pl.Expr]
"""Which rows are no contacts, the state they get, and the reason."""

_WHICH = "which"
_FAILED = "failed"


def compile(rules: SourceRules, columns: Sequence[str], schema: Schema) -> Mapping:  # noqa: A001 (as in re.compile)
    """Check ``rules`` against the source's ``columns`` and the target's fields, and make them ready for pages.

    Raises:
        MappingError: they do not fit; it holds every problem with its place.

    """
    return Mapping(rules, parsed(rules, columns, schema), schema.phones.intersection(rules.mapping))


class Mapping:
    """A source's rules, checked: see :func:`compile`."""

    def __init__(self, rules: SourceRules, parts: Parsed, phone_fields: frozenset[str]) -> None:
        self.rules = rules
        self._parts = parts
        self._fields = fields(rules, parts, phone_fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """The mapped fields' names, in the order of the configuration."""
        return tuple(self.rules.mapping)

    def apply(self, frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
        """Map one page: one row out for each row of ``frame``, in its order.

        ``frame``: the source's columns, all String; ``lines``: UInt32, the line of each row. The result has the
        columns ``@key``, ``@line``, ``@state``, ``@reason``, ``@warning`` and the mapped fields, as
        :mod:`syncd.core.columns` describes them. The fields of a row that is no contact mean nothing.

        Raises:
            MappingError: a SQL expression fails for so many rows that it is wrong itself.

        """
        lines = lines.cast(pl.UInt32).alias(LINE)
        if not self._parts.where:
            return self._made(frame, [lines])
        found, failed = _sql(self._parts.where, frame, ("where",))
        wanted = found.fill_null(value=False) if failed is None else found.fill_null(value=False) | failed
        marks = [lines, *_marked(failed, "where")]
        if wanted.all():
            return self._made(frame, marks)
        parts = [
            self._made(frame.filter(wanted), [mark.filter(wanted) for mark in marks]),
            self._excluded(frame.filter(~wanted), lines.filter(~wanted)),
        ]
        places = pl.concat([wanted.arg_true(), (~wanted).arg_true()])
        return pl.concat(parts, how="diagonal")[places.arg_sort()]

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        """The key of each row of a frame that may hold the key's columns alone; null where it has none."""
        bare = compile(SourceRules(self.rules.key, {}), frame.columns, Schema(()))
        return bare.apply(frame, pl.Series([0], dtype=pl.UInt32).new_from_index(0, frame.height)).get_column(KEY)

    def _excluded(self, frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
        """The rows that ``where`` filters out: of them only the key is made."""
        return pl.DataFrame([self.keys(frame), lines]).with_columns(
            pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE), pl.lit(f"where: {self.rules.where}").alias(REASON)
        )

    def _made(self, frame: pl.DataFrame, marks: list[pl.Series]) -> pl.DataFrame:
        """The contacts that rows make, or why they make none; ``marks``: their lines, and where ``where`` fails."""
        made_marks, sql = self._evaluated(frame)
        work = pl.DataFrame([*marks, *made_marks])
        return self._judged(Values(self.rules, self._fields, frame, sql, work).made())

    def _evaluated(self, frame: pl.DataFrame) -> tuple[list[pl.Series], dict[str, pl.Series]]:
        """The rows that SQL fails for, and the values that SQL makes."""
        marks: list[pl.Series] = []
        made = {}
        for name, expression in self._parts.sql.items():
            value, failed = _sql(expression, frame, ("mapping", name))
            made[name] = value.cast(pl.String)
            marks += _marked(failed, name)
        return marks, made

    def _judged(self, page: pl.DataFrame) -> pl.DataFrame:
        """The page's contacts, and the rows that are none."""
        findings = dict(enumerate(self._findings(page), start=1))
        page = page.with_columns(_first_of(findings).alias(_WHICH))
        state, reason = pl.lit(CONTACT, dtype=pl.UInt8), pl.lit(None, dtype=pl.String)
        for number in sorted(set(page.get_column(_WHICH).unique()) - {0}):
            here, (_, found, why) = pl.col(_WHICH) == number, findings[number]
            state = pl.when(here).then(pl.lit(found, dtype=pl.UInt8)).otherwise(state)
            reason = pl.when(here).then(why).otherwise(reason)
        key = pl.when(~pl.col(UNSOUND)).then(KEY).alias(KEY)
        judged = [state.alias(STATE), reason.alias(REASON), self._warning(page).alias(WARNING)]
        result = page.select(key, LINE, *judged, *(_left_alone(each) for each in self._fields))
        return result.rename({each.value: each.name for each in self._fields})

    def _findings(self, page: pl.DataFrame) -> Iterator[Finding]:
        """What keeps rows from being contacts, the most important first."""
        if f"{_FAILED} where" in page.columns:
            yield pl.col(f"{_FAILED} where"), INVALID, pl.lit("where: the SQL expression fails for this row")
        yield pl.col(KEY).is_null(), INVALID, pl.lit("no key")
        yield pl.col(UNSOUND), INVALID, pl.lit("the key holds a control character")
        for each in self._fields:
            yield from self._field_findings(each, page)
        if self.rules.require:
            yield _lacking([each for each in self._fields if each.name in self.rules.require])

    def _field_findings(self, each: Field, page: pl.DataFrame) -> Iterator[Finding]:
        if f"{_FAILED} {each.name}" in page.columns:
            yield (
                pl.col(f"{_FAILED} {each.name}"),
                INVALID,
                pl.lit(f"{each.name}: the SQL expression fails for this row"),
            )
        if each.is_phone and self.rules.phones.invalid == "reject":
            yield pl.col(each.problem).is_not_null(), INVALID, pl.col(each.problem)
        if each.rule.empty == "reject":
            yield pl.col(each.value) == "", INVALID, pl.lit(f"{each.name}: empty")

    def _warning(self, page: pl.DataFrame) -> pl.Expr:
        """What is said of contacts that are sent all the same."""
        said: list[pl.Expr] = []
        for each in self._fields:
            if each.cut in page.columns and page.get_column(each.cut).any():
                said.append(pl.when(each.cut).then(pl.lit(f"{each.name}: cut to {each.rule.max_length} characters")))
            if each.is_phone and page.get_column(each.problem).null_count() < page.height:
                said.append(pl.col(each.problem))
        if not said:
            return pl.lit(None, dtype=pl.String)
        whole = pl.concat_str(said, separator="; ", ignore_nulls=True)
        return pl.when((whole != "") & (pl.col(_WHICH) == 0)).then(whole)


def _sql(expression: Expression, frame: pl.DataFrame, place: tuple[str, ...]) -> tuple[pl.Series, pl.Series | None]:
    try:
        return expression.of(frame)
    except Unusable as error:
        raise MappingError((place, f"the SQL expression {error}")) from None


def _marked(failed: pl.Series | None, label: str) -> list[pl.Series]:
    return [] if failed is None else [failed.alias(f"{_FAILED} {label}")]


def _first_of(findings: dict[int, Finding]) -> pl.Expr:
    """The number of the first finding that a row has, 0 for none."""
    which = pl.lit(0, dtype=pl.UInt16)
    for number in sorted(findings, reverse=True):
        which = pl.when(findings[number][0]).then(pl.lit(number, dtype=pl.UInt16)).otherwise(which)
    return which


def _lacking(required: Sequence[Field]) -> Finding:
    missing = [pl.when(pl.col(each.value) == "").then(pl.lit(each.name)) for each in required]
    names = pl.concat_str(missing, separator=", ", ignore_nulls=True)
    return pl.any_horizontal([pl.col(each.value) == "" for each in required]), EXCLUDED, pl.lit("lacks ") + names


def _left_alone(each: Field) -> pl.Expr:
    """The field's value; null, which leaves the target's value alone, for an empty one if the rule says so."""
    value = pl.col(each.value)
    return pl.when(value != "").then(value).alias(each.value) if each.rule.empty == "keep" else value
