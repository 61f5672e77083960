"""Compiles the mapping of a source for the columns that the source has."""

from __future__ import annotations

from syncd.config import Source
from syncd.core.mapping import compiler
from syncd.core.schema import Schema
from syncd.errors import ConfigError


def contact_mapping(source: Source, columns: list[str], schema: Schema) -> compiler.Mapping:
    """Return the source's mapping for these columns.

    Raises:
        ConfigError: it names columns or fields that do not exist, with file, line and key of each.
    """
    # The compiler knows no files: the source tells the line of each key.
    try:
        return compiler.compile(source.rules, columns, schema)
    except compiler.MappingError as error:
        raise ConfigError(*(f"{source.where_is(*key)}: {problem}" for key, problem in error.problems)) from None
