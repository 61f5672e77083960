"""Maps rows onto contacts, or says why a row is no contact.

:func:`compile` checks the rules against the source's columns and the target's fields; :meth:`Mapping.apply` maps one
page of rows with a few frame expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.mapping.rules import MappingError, Parsed, parsed
from syncd.core.mapping.sql import Expression, Unusable
from syncd.core.mapping.values import MARKED, UNSOUND, Field, Values, fields
from syncd.core.schema import Schema
from syncd.core.settings.rules import SourceRules
from syncd.core.warnings import INVISIBLE_MARKS

__all__ = ["Mapping", "MappingError", "compile"]

Finding = tuple[pl.Expr, int, pl.Expr]
"""The rows that are no contacts (Boolean), the state that they get, and the reason (String)."""

_FINDING = "finding"
_FAILED = "failed"


def compile(rules: SourceRules, columns: Sequence[str], schema: Schema) -> Mapping:  # noqa: A001 (as in re.compile)
    """Check ``rules`` against the source's ``columns`` and the target's fields, and prepare them for pages.

    Raises:
        MappingError: they do not fit; it holds every problem with its place.

    """
    return Mapping(rules, parsed(rules, columns, schema), schema)


class Mapping:
    """A source's checked rules: see :func:`compile`."""

    def __init__(self, rules: SourceRules, parts: Parsed, schema: Schema) -> None:
        self.rules = rules
        self._parts = parts
        self._match = frozenset(schema.match)
        self._fields = fields(rules, parts, schema.phones.intersection(rules.mapping))

    @property
    def fields(self) -> tuple[str, ...]:
        """The mapped fields' names, in the order of the configuration."""
        return tuple(self.rules.mapping)

    def apply(self, frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
        """Map one page: one row out for each row of ``frame``, in its order.

        ``frame``: the source's columns, all String; ``lines``: UInt32, the line of each row. The result has the
        columns ``@key``, ``@line``, ``@state``, ``@reason``, ``@warning`` and the mapped fields, as
        :mod:`syncd.core.columns` describes them. The fields of a row that is no contact have no meaning.

        Raises:
            MappingError: a SQL expression fails for so many rows that it must be wrong itself.

        """
        lines = lines.cast(pl.UInt32).alias(LINE)
        if not self._parts.where:
            return self._contacts(frame, [lines])
        found, failed = _evaluated(self._parts.where, frame, ("where",))
        wanted = found.fill_null(value=False)
        # A row for which `where` fails is invalid, not excluded: excluded rows would be deleted at the target.
        if failed is not None:
            wanted |= failed
        marks = [lines, *_marks(failed, "where")]
        if wanted.all():
            return self._contacts(frame, marks)
        parts = [
            self._contacts(frame.filter(wanted), [mark.filter(wanted) for mark in marks]),
            self._excluded(frame.filter(~wanted), lines.filter(~wanted)),
        ]
        # The two parts stand behind each other: sort their rows back into the order of the page.
        places = pl.concat([wanted.arg_true(), (~wanted).arg_true()])
        return pl.concat(parts, how="diagonal")[places.arg_sort()]

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        """Return the key of each row, or null; ``frame`` may hold the key's columns alone."""
        bare = compile(SourceRules(self.rules.key, {}), frame.columns, Schema(()))
        return bare.apply(frame, pl.Series([0], dtype=pl.UInt32).new_from_index(0, frame.height)).get_column(KEY)

    def _excluded(self, frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
        # Only the key is made: mapping the other fields could fail for rows that nobody wants.
        return pl.DataFrame([self.keys(frame), lines]).with_columns(
            pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE), pl.lit(f"where: {self.rules.where}").alias(REASON)
        )

    def _contacts(self, frame: pl.DataFrame, marks: list[pl.Series]) -> pl.DataFrame:
        """Map rows that ``where`` lets through; ``marks``: their lines, and the rows for which ``where`` fails."""
        values = {}
        for name, expression in self._parts.sql.items():
            value, failed = _evaluated(expression, frame, ("mapping", name))
            values[name] = value.cast(pl.String)
            marks = [*marks, *_marks(failed, name)]
        return self._judged(Values(self.rules, self._fields, frame, values, pl.DataFrame(marks), self._match).page())

    def _judged(self, page: pl.DataFrame) -> pl.DataFrame:
        """Return the page's contacts, and its other rows with their reasons."""
        findings = dict(enumerate(self._findings(page), start=1))
        page = page.with_columns(_first_of(findings).alias(_FINDING))
        state, reason = pl.lit(CONTACT, dtype=pl.UInt8), pl.lit(None, dtype=pl.String)
        # Most findings meet no row: only those that do cost an expression over the page.
        for number in sorted(set(page.get_column(_FINDING).unique()) - {0}):
            here, (_, row_state, why) = pl.col(_FINDING) == number, findings[number]
            state = pl.when(here).then(pl.lit(row_state, dtype=pl.UInt8)).otherwise(state)
            reason = pl.when(here).then(why).otherwise(reason)
        key = pl.when(~pl.col(UNSOUND)).then(KEY).alias(KEY)
        excluded = [number for number, (_, row_state, _) in findings.items() if row_state == EXCLUDED]
        judged = [state.alias(STATE), reason.alias(REASON), self._warning(page, excluded).alias(WARNING)]
        result = page.select(key, LINE, *judged, *(_sent_value(each) for each in self._fields))
        return result.rename({each.value: each.name for each in self._fields})

    def _findings(self, page: pl.DataFrame) -> Iterator[Finding]:
        """Yield the reasons for which rows are no contacts, the most important first."""
        yield from _failures("where", page)
        yield pl.col(KEY).is_null(), INVALID, pl.lit("no key")
        yield pl.col(UNSOUND), INVALID, pl.lit("the key holds a control character")
        for each in self._fields:
            yield from _failures(each.name, page)
            if each.is_phone and self.rules.phones.invalid == "reject":
                yield pl.col(each.problem).is_not_null(), INVALID, pl.col(each.problem)
            if each.rule.empty == "reject":
                yield pl.col(each.value) == "", INVALID, pl.lit(f"{each.name}: empty")
        # Last: a row that is invalid for another reason must not count as excluded, and be deleted.
        if self.rules.require:
            yield _incomplete([each for each in self._fields if each.name in self.rules.require])

    def _warning(self, page: pl.DataFrame, excluded: Sequence[int]) -> pl.Expr:
        """Return the warnings about contacts that are sent all the same, or lack a phone that could not be read.

        ``excluded``: the findings by which a row is excluded.
        """
        parts: list[pl.Expr] = []
        for each in self._fields:
            if each.cut in page.columns and page.get_column(each.cut).any():
                parts.append(pl.when(each.cut).then(pl.lit(f"{each.name}: cut to {each.rule.max_length} characters")))
            found = (each.problem, each.note) if each.is_phone else ()
            parts += [pl.col(name) for name in found if page.get_column(name).null_count() < page.height]
        if page.get_column(MARKED).any():
            parts.append(pl.when(MARKED).then(pl.lit(INVISIBLE_MARKS)))
        lost = [
            pl.when(pl.col(each.value) == "").then(each.problem)
            for each in self._fields
            if each.is_phone and each.name in self.rules.require
        ]
        warning = pl.when(pl.col(_FINDING) == 0).then(_listed(parts))
        return warning.when(pl.col(_FINDING).is_in(excluded)).then(_listed(lost))


def _listed(texts: Sequence[pl.Expr]) -> pl.Expr:
    """Return the texts joined, null for none."""
    if not texts:
        return pl.lit(None, dtype=pl.String)
    whole = pl.concat_str(texts, separator="; ", ignore_nulls=True)
    return pl.when(whole != "").then(whole)


def _evaluated(
    expression: Expression, frame: pl.DataFrame, place: tuple[str, ...]
) -> tuple[pl.Series, pl.Series | None]:
    try:
        return expression.of(frame)
    except Unusable as error:
        raise MappingError((place, f"the SQL expression {error}")) from None


def _marks(failed: pl.Series | None, label: str) -> list[pl.Series]:
    return [] if failed is None else [failed.alias(f"{_FAILED} {label}")]


def _failures(label: str, page: pl.DataFrame) -> Iterator[Finding]:
    """Yield the rows for which the SQL expression of ``label`` (a field, or ``where``) fails."""
    if f"{_FAILED} {label}" in page.columns:
        yield pl.col(f"{_FAILED} {label}"), INVALID, pl.lit(f"{label}: the SQL expression fails for this row")


def _first_of(findings: dict[int, Finding]) -> pl.Expr:
    """Return the number of the first finding that a row has, 0 for none."""
    first = pl.lit(0, dtype=pl.UInt16)
    for number in sorted(findings, reverse=True):
        first = pl.when(findings[number][0]).then(pl.lit(number, dtype=pl.UInt16)).otherwise(first)
    return first


def _incomplete(required: Sequence[Field]) -> Finding:
    missing = [pl.when(pl.col(each.value) == "").then(pl.lit(each.name)) for each in required]
    names = pl.concat_str(missing, separator=", ", ignore_nulls=True)
    return pl.any_horizontal([pl.col(each.value) == "" for each in required]), EXCLUDED, pl.lit("lacks ") + names


def _sent_value(each: Field) -> pl.Expr:
    value = pl.col(each.value)
    # A null is not sent, so the target keeps its own value.
    return pl.when(value != "").then(value).alias(each.value) if each.rule.empty == "keep" else value
