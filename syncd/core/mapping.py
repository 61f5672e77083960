"""Rows and rules make contacts, or say why not.

:func:`compile` checks the rules against the source's columns and the target's fields, all at once;
:meth:`Mapping.apply` turns one page of rows into contacts with a few frame expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from syncd.core import phones, text
from syncd.core.casing import title
from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, UNIT, WARNING
from syncd.core.mapping_check import MappingError, check
from syncd.core.rules import AllOf, First, Rule, SourceRules, Sql, Template, Value
from syncd.core.rules import Column as OneColumn
from syncd.core.schema import Schema
from syncd.core.sql import Expression, Unusable

__all__ = ["Mapping", "MappingError", "compile"]


def compile(rules: SourceRules, columns: Sequence[str], schema: Schema) -> Mapping:  # noqa: A001 - as in re.compile
    """Check ``rules`` and make them ready for pages whose columns are ``columns``.

    Raises:
        MappingError: they do not fit; it holds every problem with its place.

    """
    expressions = check(rules, columns, schema)
    phone_fields = [name for name in rules.mapping if name in schema.phones]
    return Mapping(rules, expressions, frozenset(phone_fields))
