"""Makes the values of the mapped fields of one page, before the rows are judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from syncd.core.columns import KEY, UNIT
from syncd.core.mapping import phones, text
from syncd.core.mapping.entities import decoded
from syncd.core.mapping.rules import Parsed, columns_in
from syncd.core.settings.rules import First, PhoneRules, Rule, SourceRules, Value

UNSOUND, MARKED = "unsound", "marked"

Source = tuple[str, str]
"""``("column", NAME)``, or ``("sql", FIELD)`` for the values of the field's expression.

``decoded column`` and ``decoded sql``: with the characters that their entities stand for.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One mapped field. ``number``: its place in the mapping; the columns made for it are named after it.

    ``value N`` is its value, "" for none; ``cut N`` (Boolean) whether it was too long; ``problem N`` (phones only)
    what is wrong with its numbers, ``note N`` (phones only) what else its texts hold.
    """

    # Numbers, not names: a field may be called "cut 1".
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
    def note(self) -> str:
        return f"note {self.number}"

    @property
    def is_raw(self) -> bool:
        """Whether its numbers are read from the columns as they are, which is cheaper."""
        return self.is_phone and not self.rule.translate and self.template is None


def fields(rules: SourceRules, parts: Parsed, phone_fields: frozenset[str]) -> list[Field]:
    """Return the mapped fields, in their order."""
    return [
        Field(number, name, rule, name in phone_fields, _sources(name, rule, parts), parts.templates.get(name))
        for number, (name, rule) in enumerate(rules.mapping.items())
    ]


def _sources(name: str, rule: Rule, parts: Parsed) -> tuple[Source, ...]:
    # An expression is evaluated over the whole page before, so its field has one source whatever columns it uses.
    kind = ("decoded " if rule.decode else "") + ("sql" if name in parts.sql else "column")
    return ((kind, name),) if name in parts.sql else tuple((kind, each) for each in columns_in(rule.origin))


@dataclass(slots=True)
class Values:
    """Makes the key and the fields' values of a page.

    ``work`` collects them; it begins with at least one column, so that it has the page's height. ``match``: the names
    of the match fields.
    """

    rules: SourceRules
    fields: Sequence[Field]
    frame: pl.DataFrame
    sql: Mapping[str, pl.Series]
    work: pl.DataFrame
    match: frozenset[str] = frozenset()
    texts: dict[tuple[Source, text.Form], str] = field(default_factory=dict)
    suspect: frozenset[str] = frozenset()

    def page(self) -> pl.DataFrame:
        """Return the page: ``@key`` (null if a part is empty), and every field's columns.

        Two further columns are Boolean: ``unsound``, whether the key holds a control character, and ``marked``, whether
        the key or a match value held invisible marks.
        """
        self._tidy()
        self._fill_templates()
        for each in self.fields:
            if each.is_phone:
                self._clean(each)
        values = {each.value: _cased(self._translated(each), each) for each in self.fields if not each.is_phone}
        self.work = self.work.with_columns(*self._key(), self._marked(), **values)
        return self.work.with_columns(expr for each in self.fields for expr in _finished(each, self.rules.phones))

    def _tidy(self) -> None:
        """Bring the key's columns and the fields' texts into their forms."""
        # One column may be used by several fields: in each form it is made once.
        uses: dict[tuple[Source, text.Form], None] = {(("column", name), "key"): None for name in self.rules.key}
        uses |= {(source, each.form): None for each in self.fields if not each.is_raw for source in each.sources}
        self.texts = {use: f"text {n}" for n, use in enumerate(uses)}
        formed, self.suspect = text.forms({name: (self._series(use[0]), use[1]) for use, name in self.texts.items()})
        self.work = self.work.hstack(formed)

    def _series(self, source: Source) -> pl.Series:
        kind, name = source
        series = self.sql[name] if kind.endswith("sql") else self.frame.get_column(name)
        return (decoded(series) if kind.startswith("decoded") else series).alias(f"{kind} {name}")

    def _column(self, source: Source, each: Field) -> pl.Expr:
        return pl.col(self.texts[source, each.form])

    def _fill_templates(self) -> None:
        filled = [(each, each.template) for each in self.fields if each.template is not None]
        exprs = {
            each.value: text.filled(template, {source[1]: self._column(source, each) for source in each.sources})
            for each, template in filled
        }
        self.work = self.work.with_columns(**exprs)
        # A template's own text may hold white space too, so a filled template is tidied like a column.
        untidy = [each for each, template in filled if not text.is_words(template)]
        formed, _ = text.forms({each.value: (self.work.get_column(each.value), each.form) for each in untidy})
        self.work = self.work.with_columns(formed.get_columns())

    def _translated(self, each: Field) -> pl.Expr:
        if each.template is not None:
            value = pl.col(each.value)
        elif isinstance(each.rule.origin, Value):
            value = pl.lit(text.formed(each.rule.origin.text, each.form))
        else:
            columns = [self._column(source, each) for source in each.sources]
            value = columns[0]
            if len(columns) > 1:
                value = pl.coalesce([pl.when(column != "").then(column) for column in columns]).fill_null("")
        return _replaced(value, each)

    def _clean(self, each: Field) -> None:
        rules = self.rules.phones
        regions = self.frame.get_column(rules.region_column) if rules.region_column else None
        first = isinstance(each.rule.origin, First)
        cleaned = phones.clean(self._numbers(each), rules, regions=regions, first=first)
        self.work = self.work.with_columns(
            cleaned["digits"].alias(each.value),
            cleaned["problem"].alias(each.problem),
            cleaned["note"].alias(each.note),
        )

    def _numbers(self, each: Field) -> pl.DataFrame:
        """Return the texts that hold a phone field's numbers; problems are reported by the names of the columns."""
        labels = [f"{each.name} ({name})" if kind.endswith("column") else each.name for kind, name in each.sources]
        if each.template is not None or not each.sources:
            return self.work.with_columns(self._translated(each).alias(each.name)).select(each.name)
        if each.is_raw:
            return pl.DataFrame([self._series(s).alias(label) for s, label in zip(each.sources, labels, strict=True)])
        columns = [self._column(source, each) for source in each.sources]
        return self.work.select(
            _replaced(column, each).alias(label) for column, label in zip(columns, labels, strict=True)
        )

    def _key(self) -> tuple[pl.Expr, pl.Expr]:
        """Return the key, and whether it holds a control character."""
        names = [self.texts[("column", name), "key"] for name in self.rules.key]
        # concat_str gives null if one part is null: a key that lacks a part is no key.
        key = pl.concat_str([pl.when(pl.col(name) != "").then(pl.col(name)) for name in names], separator=UNIT)
        odd = [text.has_control(pl.col(name)) for name in names if name in self.suspect]
        return key.alias(KEY), pl.any_horizontal([*odd, pl.lit(value=False)]).alias(UNSOUND)

    def _marked(self) -> pl.Series:
        """Return whether the key or a match value held marks that nobody sees."""
        keys = [("column", name) for name in self.rules.key]
        matches = [source for each in self.fields if each.name in self.match for source in each.sources]
        changed = {source for (source, _), name in self.texts.items() if name in self.suspect}
        raw = [self._series(source) for source in {*keys, *matches} & changed]
        if not raw:
            return pl.Series(MARKED, [False]).new_from_index(0, self.work.height)
        return pl.DataFrame(raw).select(pl.any_horizontal(text.is_marked(pl.all())).alias(MARKED)).to_series()


def _replaced(value: pl.Expr, each: Field) -> pl.Expr:
    if not each.rule.translate:
        return value
    # Both sides are written as people write them, so they are tidied as the values are.
    pairs = {text.formed(old, each.form): text.formed(new, each.form) for old, new in each.rule.translate.items()}
    return value.replace(pairs)


def _cased(value: pl.Expr, each: Field) -> pl.Expr:
    if each.rule.case == "upper":
        return value.str.to_uppercase()
    if each.rule.case == "lower":
        return value.str.to_lowercase()
    return value.map_batches(text.title, return_dtype=pl.String) if each.rule.case == "title" else value


def _finished(each: Field, rules: PhoneRules) -> Iterator[pl.Expr]:
    """Yield the field's value with its default and its greatest length, if the rule has them."""
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
        return text.formed(default, each.form)
    return str(phones.clean(pl.DataFrame({each.name: [default]}), rules)["digits"].item())


def _cut(value: pl.Expr, most: int, each: Field) -> pl.Expr:
    short = value.str.head(most)
    # The cut may fall behind a word's space.
    return short.str.strip_chars_end() if each.rule.trim else short


def _whole_numbers(value: pl.Expr, most: int, _: Field) -> pl.Expr:
    """Return as many numbers as fit: half a number would be another number."""
    # One character more: the separator after a number that just fits.
    short = value.str.head(most + 1)
    fitting = short.str.replace(r";?[0-9]*$", "")
    return pl.when(value.str.len_chars() > most).then(fitting).otherwise(value)
