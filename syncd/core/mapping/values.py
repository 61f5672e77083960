"""The values of the mapped fields of one page, before anyone judges the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from syncd.core.columns import KEY, UNIT
from syncd.core.mapping import phones, text
from syncd.core.mapping.rules import Parsed
from syncd.core.settings.rules import AllOf, Column, First, PhoneRules, Rule, SourceRules, Value

UNSOUND = "unsound"

Source = tuple[str, str]
"""``("column", its name)``, or ``("sql", the field)`` that an expression makes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One mapped field. ``number``: its place in the mapping; the columns made for it are named after it.

    ``value N`` is its value, "" for none; ``cut N`` (Boolean) whether it was too long; ``problem N`` (phones only)
    what is wrong with its numbers.
    """

    number: int
    name: str
    rule: Rule
    is_phone: bool
    sources: tuple[Source, ...]
    template: Sequence[text.Piece] | None

    @property
    def form(self) -> text.Form:
        return "trimmed" if self.rule.trim else "kept"

    @property
    def value(self) -> str:
        return f"value {self.number}"

    @property
    def cut(self) -> str:
        return f"cut {self.number}"

    @property
    def problem(self) -> str:
        return f"problem {self.number}"

    @property
    def raw(self) -> bool:
        """Whether its numbers are read from the columns as they are, which is cheaper."""
        return self.is_phone and not self.rule.translate and self.template is None


def fields(rules: SourceRules, parts: Parsed, phone_fields: frozenset[str]) -> list[Field]:
    """The mapped fields, in their order."""
    return [
        Field(number, name, rule, name in phone_fields, tuple(_sources(name, rule, parts)), parts.templates.get(name))
        for number, (name, rule) in enumerate(rules.mapping.items())
    ]


def _sources(name: str, rule: Rule, parts: Parsed) -> Iterator[Source]:
    if name in parts.sql:
        yield "sql", name
    elif name in parts.templates:
        pieces = [piece for piece in parts.templates[name] if isinstance(piece, text.Slot)]
        yield from dict.fromkeys(("column", piece.name) for piece in pieces)
    elif isinstance(rule.origin, Column):
        yield "column", rule.origin.name
    elif isinstance(rule.origin, AllOf | First):
        yield from dict.fromkeys(("column", name) for name in rule.origin.names)


@dataclass(slots=True)
class Values:
    """Makes the key and the fields' values of a page.

    ``work`` gathers them; it starts with one column at least, so that it has the page's height.
    """

    rules: SourceRules
    fields: Sequence[Field]
    frame: pl.DataFrame
    sql: Mapping[str, pl.Series]
    work: pl.DataFrame
    texts: dict[tuple[Source, text.Form], str] = field(default_factory=dict)
    suspect: frozenset[str] = frozenset()

    def made(self) -> pl.DataFrame:
        """The page with ``@key`` (null if a part is empty), ``unsound`` (Boolean) and every field's columns."""
        self._tidy()
        self._fill_templates()
        for each in self.fields:
            if each.is_phone:
                self._clean(each)
        texts = [_cased(_translated(self._text(each), each), each) for each in self.fields if not each.is_phone]
        names = [each.value for each in self.fields if not each.is_phone]
        self.work = self.work.with_columns(
            *self._key(), *(value.alias(name) for value, name in zip(texts, names, strict=True))
        )
        return self.work.with_columns(expr for each in self.fields for expr in _finished(each, self.rules.phones))

    def _tidy(self) -> None:
        """The key's columns and the texts of fields, each in the form it is used in."""
        uses: dict[tuple[Source, text.Form], None] = {(("column", name), "key"): None for name in self.rules.key}
        uses |= {(source, each.form): None for each in self.fields if not each.raw for source in each.sources}
        self.texts = {use: f"text {n}" for n, use in enumerate(uses)}
        formed, self.suspect = text.forms({name: (self._series(use[0]), use[1]) for use, name in self.texts.items()})
        self.work = self.work.hstack(formed)

    def _series(self, source: Source) -> pl.Series:
        kind, name = source
        return (
            self.sql[name].alias(f"sql {name}")
            if kind == "sql"
            else self.frame.get_column(name).alias(f"column {name}")
        )

    def _column(self, source: Source, each: Field) -> pl.Expr:
        return pl.col(self.texts[source, each.form])

    def _fill_templates(self) -> None:
        """A filled template is tidied like a column, since its own text may hold white space too."""
        filled = [each for each in self.fields if each.template is not None]
        exprs = {
            each.value: text.filled(each.template or (), {s[1]: self._column(s, each) for s in each.sources})
            for each in filled
        }
        self.work = self.work.with_columns(**exprs)
        untidy = [each for each in filled if not text.is_words(each.template or ())]
        formed, _ = text.forms({each.value: (self.work.get_column(each.value), each.form) for each in untidy})
        self.work = self.work.with_columns(formed.get_columns())

    def _text(self, each: Field) -> pl.Expr:
        if each.template is not None:
            return pl.col(each.value)
        if isinstance(each.rule.origin, Value):
            return pl.lit(text.one(each.rule.origin.text, each.form))
        columns = [self._column(source, each) for source in each.sources]
        if len(columns) == 1:
            return columns[0]
        return pl.coalesce([pl.when(column != "").then(column) for column in columns]).fill_null("")

    def _clean(self, each: Field) -> None:
        rules = self.rules.phones
        regions = self.frame.get_column(rules.region_column) if rules.region_column else None
        first = isinstance(each.rule.origin, First)
        cleaned = phones.clean(self._numbers(each), rules, regions=regions, first=first)
        names = (each.value, each.problem)
        self.work = self.work.with_columns(
            series.alias(name) for series, name in zip(cleaned.get_columns(), names, strict=True)
        )

    def _numbers(self, each: Field) -> pl.DataFrame:
        """The texts that hold a phone field's numbers, called what a person looks for."""
        labels = [f"{each.name} ({name})" if kind == "column" else each.name for kind, name in each.sources]
        if each.raw and each.sources:
            return pl.DataFrame([self._series(s).alias(label) for s, label in zip(each.sources, labels, strict=True)])
        if each.template is not None or not each.sources:
            return self.work.with_columns(_translated(self._text(each), each).alias(each.name)).select(each.name)
        columns = [self._column(source, each) for source in each.sources]
        return self.work.select(
            _translated(column, each).alias(label) for column, label in zip(columns, labels, strict=True)
        )

    def _key(self) -> tuple[pl.Expr, pl.Expr]:
        """The key, and whether a control character makes it unsound."""
        names = [self.texts[("column", name), "key"] for name in self.rules.key]
        key = pl.concat_str([pl.when(pl.col(name) != "").then(pl.col(name)) for name in names], separator=UNIT)
        odd = [text.has_control(pl.col(name)) for name in names if name in self.suspect]
        return key.alias(KEY), pl.any_horizontal([*odd, pl.lit(value=False)]).alias(UNSOUND)


def _translated(value: pl.Expr, each: Field) -> pl.Expr:
    if not each.rule.translate:
        return value
    # Both sides are written as people write them, so they are tidied as the values are.
    pairs = {text.one(old, each.form): text.one(new, each.form) for old, new in each.rule.translate.items()}
    return value.replace(pairs)


def _cased(value: pl.Expr, each: Field) -> pl.Expr:
    if each.rule.case == "upper":
        return value.str.to_uppercase()
    if each.rule.case == "lower":
        return value.str.to_lowercase()
    return value.map_batches(text.title, return_dtype=pl.String) if each.rule.case == "title" else value


def _finished(each: Field, rules: PhoneRules) -> Iterator[pl.Expr]:
    """The default and the greatest length, where the field has them."""
    value, most = pl.col(each.value), each.rule.max_length
    if each.rule.default is not None:
        value = pl.when(value == "").then(pl.lit(_default(each, rules))).otherwise(value)
    if most is not None:
        yield (value.str.len_chars() > most).alias(each.cut)
        value = (_whole_numbers if each.is_phone else _cut)(value, most, each)
    if each.rule.default is not None or most is not None:
        yield value.alias(each.value)


def _default(each: Field, rules: PhoneRules) -> str:
    default = each.rule.default or ""
    if not each.is_phone:
        return text.one(default, each.form)
    return str(phones.clean(pl.DataFrame({each.name: [default]}), rules)["digits"].item())


def _cut(value: pl.Expr, most: int, each: Field) -> pl.Expr:
    short = value.str.head(most)
    return short.str.strip_chars_end() if each.rule.trim else short


def _whole_numbers(value: pl.Expr, most: int, _: Field) -> pl.Expr:
    """As many numbers as fit: half a number would be another one."""
    short = value.str.head(most + 1)
    fitting = short.str.replace(r";?[0-9]*$", "")
    return pl.when(value.str.len_chars() > most).then(fitting).otherwise(value)
