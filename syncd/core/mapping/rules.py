"""Checks that a source's rules fit its columns and the target's fields; reports every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.core.mapping.phone_plan import known_region
from syncd.core.mapping.sql import Expression, Unusable, checked, columns_of
from syncd.core.mapping.text import Piece, Slot, template
from syncd.core.schema import Schema
from syncd.core.settings.rules import AllOf, Column, First, Origin, SourceRules, Sql, Template
from syncd.core.wording import nearest, no_column

Problem = tuple[tuple[str, ...], str]
"""The place in a source's configuration (``("mapping", "Phone")``), and what is wrong there."""


class MappingError(ValueError):
    """The rules do not fit these columns, fields or rows; ``problems`` holds every place."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(f"{'.'.join(path)}: {message}" for path, message in problems))
        self.problems = problems


@dataclass(slots=True)
class Parsed:
    """The parsed parts of the rules; ``sql`` and ``templates`` by field."""

    where: Expression | None = None
    sql: dict[str, Expression] = field(default_factory=dict)
    templates: dict[str, list[Piece]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parsed(rules: SourceRules, columns: Sequence[str], schema: Schema) -> Parsed:
    """Check and parse ``rules``.

    Raises:
        MappingError: they do not fit; it holds all problems.

    """
    parts = Parsed(problems=[*_key(rules, columns), *_require(rules), *_regions(rules, columns)])
    if rules.where is not None:
        parts.where = _expression(parts, ("where",), rules.where, columns, condition=True)
    for name, rule in rules.mapping.items():
        parts.problems += _field(name, rule.origin, schema)
        _origin(parts, name, rule.origin, columns)
    if parts.problems:
        raise MappingError(*parts.problems)
    return parts


def mentioned(rules: SourceRules) -> frozenset[str]:
    """Return every column that ``rules`` name, whether the source has it or not."""
    # It is asked before the source is read: what cannot be parsed names nothing here, and is reported by parsed().
    columns = {*rules.key, *([rules.phones.region_column] if rules.phones.region_column else [])}
    if rules.where is not None:
        columns |= columns_of(rules.where)
    return frozenset(columns.union(*(columns_in(rule.origin) for rule in rules.mapping.values())))


def columns_in(origin: Origin) -> tuple[str, ...]:
    """Return the columns that an origin names, each once; in its order, unless it is SQL."""
    names: list[str] = []
    if isinstance(origin, Column):
        names = [origin.name]
    elif isinstance(origin, AllOf | First):
        names = list(origin.names)
    elif isinstance(origin, Sql):
        names = list(columns_of(origin.expression))
    elif isinstance(origin, Template):
        with suppress(ValueError):
            names = [piece.name for piece in template(origin.text) if isinstance(piece, Slot)]
    return tuple(dict.fromkeys(names))


def _missing(place: tuple[str, ...], names: Sequence[str], columns: Sequence[str]) -> list[Problem]:
    return [(place, no_column(name, columns)) for name in names if name not in columns]


def _key(rules: SourceRules, columns: Sequence[str]) -> list[Problem]:
    return _missing(("key",), rules.key, columns) if rules.key else [(("key",), "names no column")]


def _require(rules: SourceRules) -> Iterator[Problem]:
    for name in rules.require:
        if name not in rules.mapping:
            yield ("require",), f"the field {name!r} is not mapped{nearest(name, rules.mapping)}"


def _regions(rules: SourceRules, columns: Sequence[str]) -> Iterator[Problem]:
    # "UK" passes here, as it does in a row's region column, though the ISO code is GB.
    place = ("phones", "region")
    if known_region(rules.phones.region) is None:
        yield place, f"{rules.phones.region!r} is no country's ISO 3166 code, as US or GB"
    if rules.phones.region_column is not None:
        yield from _missing(place, [rules.phones.region_column], columns)


def _field(name: str, origin: Origin, schema: Schema) -> Iterator[Problem]:
    place = ("mapping", name)
    # Columns of our own, such as @key, stand beside the fields in one frame.
    if name.startswith("@"):
        yield place, "names that begin with '@' are reserved"
    elif name not in schema.names:
        yield place, f"the target has no field {name!r}{nearest(name, schema.names)}"
    elif isinstance(origin, AllOf) and name not in schema.phones:
        yield place, "a list of columns is for phone fields only; {first: [...]} takes the first that is not empty"
    if isinstance(origin, AllOf | First) and not origin.names:
        yield place, "names no column"


def _origin(parts: Parsed, name: str, origin: Origin, columns: Sequence[str]) -> None:
    """Parse a field's origin into ``parts``, or add its problems."""
    place = ("mapping", name)
    # An expression's own check reports its missing columns: named by columns_in() they would be reported twice.
    if isinstance(origin, Sql):
        if expression := _expression(parts, place, origin.expression, columns):
            parts.sql[name] = expression
        return
    if isinstance(origin, Template):
        try:
            parts.templates[name] = template(origin.text)
        except ValueError as error:
            parts.problems.append((place, f"{origin.text!r}: {error}"))
    parts.problems += _missing(place, columns_in(origin), columns)


def _expression(
    parts: Parsed, place: tuple[str, ...], sql: str, columns: Sequence[str], *, condition: bool = False
) -> Expression | None:
    # Noted, not raised: a person corrects all expressions of a source at once.
    try:
        return checked(sql, columns, condition=condition)
    except Unusable as error:
        parts.problems.append((place, f"{sql!r} {error}"))
        return None
