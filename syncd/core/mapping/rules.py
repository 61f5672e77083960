"""Whether a source's rules fit its columns and the target's fields; every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.core.mapping.missing_column import no_column
from syncd.core.mapping.phone_text import known_region
from syncd.core.mapping.sql import Expression, Unusable, checked, columns_of
from syncd.core.mapping.text import Piece, Slot, template
from syncd.core.schema import Schema
from syncd.core.settings.rules import AllOf, Column, First, Origin, SourceRules, Sql, Template
from syncd.core.wording import nearest

Problem = tuple[tuple[str, ...], str]
"""Where in a source's configuration (``("mapping", "Phone")``), and what is wrong there."""


class MappingError(ValueError):
    """The rules cannot be used with these columns, fields or rows; ``problems`` holds every place."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(f"{'.'.join(path)}: {message}" for path, message in problems))
        self.problems = problems


@dataclass(slots=True)
class Parsed:
    """What the rules hold, in the form in which it is used; ``sql`` and ``templates`` by field."""

    where: Expression | None = None
    sql: dict[str, Expression] = field(default_factory=dict)
    templates: dict[str, list[Piece]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parsed(rules: SourceRules, columns: Sequence[str], schema: Schema) -> Parsed:
    """Check and parse ``rules``.

    Raises:
        MappingError: they do not fit; it holds all problems.

    """
    found = Parsed(problems=[*_key(rules, columns), *_require(rules), *_regions(rules, columns)])
    if rules.where is not None:
        found.where = _expression(found, ("where",), rules.where, columns, condition=True)
    for name, rule in rules.mapping.items():
        found.problems += _field(name, rule.origin, schema)
        _origin(found, name, rule.origin, columns)
    if found.problems:
        raise MappingError(*found.problems)
    return found


def mentioned(rules: SourceRules) -> frozenset[str]:
    """Every column that ``rules`` name, whether the source has it or not; what cannot be parsed names none."""
    found = {*rules.key, *([rules.phones.region_column] if rules.phones.region_column else [])}
    if rules.where is not None:
        found |= columns_of(rules.where)
    for rule in rules.mapping.values():
        found |= named(rule.origin)
    return frozenset(found)


def named(origin: Origin) -> set[str]:
    """Every column that one origin names."""
    if isinstance(origin, Column):
        return {origin.name}
    if isinstance(origin, AllOf | First):
        return set(origin.names)
    if isinstance(origin, Sql):
        return columns_of(origin.expression)
    if isinstance(origin, Template):
        with suppress(ValueError):
            return {piece.name for piece in template(origin.text) if isinstance(piece, Slot)}
    return set()


def _missing(names: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in columns:
            yield no_column(name, columns)


def _key(rules: SourceRules, columns: Sequence[str]) -> Iterator[Problem]:
    if not rules.key:
        yield ("key",), "names no column"
    for message in _missing(rules.key, columns):
        yield ("key",), message


def _require(rules: SourceRules) -> Iterator[Problem]:
    for name in rules.require:
        if name not in rules.mapping:
            yield ("require",), f"the field {name!r} is not mapped{nearest(name, rules.mapping)}"


def _regions(rules: SourceRules, columns: Sequence[str]) -> Iterator[Problem]:
    place = ("phones", "region")
    if known_region(rules.phones.region) is None:
        yield place, f"{rules.phones.region!r} is no country's ISO 3166 code, as US or GB"
    if rules.phones.region_column is not None:
        for message in _missing([rules.phones.region_column], columns):
            yield place, message


def _field(name: str, origin: Origin, schema: Schema) -> Iterator[Problem]:
    place = ("mapping", name)
    if name.startswith("@"):
        yield place, "names that begin with '@' are reserved"
    elif name not in schema.names:
        yield place, f"the target has no field {name!r}{nearest(name, schema.names)}"
    elif isinstance(origin, AllOf) and name not in schema.phones:
        yield place, "a list of columns is for phone fields only; {first: [...]} takes the first that is not empty"
    if isinstance(origin, AllOf | First) and not origin.names:
        yield place, "names no column"


def _origin(found: Parsed, name: str, origin: Origin, columns: Sequence[str]) -> None:
    """Parse where a field comes from into ``found``, with what is wrong with it."""
    place = ("mapping", name)
    names: Sequence[str] = ()
    if isinstance(origin, Column):
        names = [origin.name]
    elif isinstance(origin, AllOf | First):
        names = origin.names
    elif isinstance(origin, Sql):
        expression = _expression(found, place, origin.expression, columns)
        if expression:
            found.sql[name] = expression
    elif isinstance(origin, Template):
        try:
            found.templates[name] = template(origin.text)
        except ValueError as error:
            found.problems.append((place, f"{origin.text!r}: {error}"))
        names = [piece.name for piece in found.templates.get(name, []) if isinstance(piece, Slot)]
    found.problems += [(place, message) for message in _missing(list(dict.fromkeys(names)), columns)]


def _expression(
    found: Parsed, place: tuple[str, ...], sql: str, columns: Sequence[str], *, condition: bool = False
) -> Expression | None:
    try:
        return checked(sql, columns, condition=condition)
    except Unusable as error:
        found.problems.append((place, f"{sql!r} {error}"))
        return None
