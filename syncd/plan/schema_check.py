"""Makes sure that the target's fields and a source's mapping fit, before anything is read."""

from __future__ import annotations

from syncd.config import Source
from syncd.core.schema import Schema, problems_of_mapping, problems_with
from syncd.errors import SchemaError
from syncd.plan.field_history import renames, settle_fields
from syncd.state import State
from syncd.target.contacts import Target


def usable_schema(target: Target, source: Source, state: State) -> Schema:
    """Return the target's fields, with the state speaking of them as the target does now.

    Raises:
        SchemaError: contacts of this source cannot be pushed with them; it says why, and what to do.
    """
    schema = target.fields()
    if found := problems_with(schema):
        raise SchemaError("\n".join(found))
    settle_fields(state, schema)
    need_mapped(schema, source, state)
    return schema


def need_mapped(schema: Schema, source: Source, state: State) -> None:
    """Make sure that the source's mapping and these fields fit.

    Raises:
        SchemaError: they do not; it names file, line and key of each.
    """
    if found := problems_of_mapping(schema, source.rules.mapping, renames(state, schema)):
        raise SchemaError("\n".join(source.placed(problem, field) for field, problem in found))
