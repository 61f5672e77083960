"""Makes sure that the target's fields and a source's mapping fit, before anything is read."""

from __future__ import annotations

from syncd.config import Source
from syncd.core.schema import Schema, problem_of_display, problems_of_mapping, problems_with
from syncd.errors import SchemaError
from syncd.plan.field_history import renames, settle_fields
from syncd.run.company import prove_company
from syncd.run.restored import catch_up
from syncd.run.session import Session
from syncd.state import State


def usable_schema(session: Session, source: Source) -> Schema:
    """Return the target's fields, which fit the source's mapping; settle the state as :func:`settled_schema` does.

    Raises:
        OtherCompany: the state belongs to another company than the target.
        SchemaError: contacts of this source cannot be pushed with them; it says why, and what to do.
    """
    schema = settled_schema(session)
    need_mapped(schema, source, session.state)
    return schema


def settled_schema(session: Session) -> Schema:
    """Return the target's fields, and make the state speak of them as the target does now.

    Raises:
        OtherCompany: the state belongs to another company than the target.
        SchemaError: no source's contacts can be pushed with them; it says why, and what to do.
    """
    schema = session.target.fields()
    # Before the state is touched: nothing in it may be renamed after the fields of another company.
    prove_company(session, schema)
    # Neither may fields rename anything that no push can use.
    if problems := problems_with(schema):
        raise SchemaError("\n".join(problems))
    if problem := display_problem(session, schema):
        raise SchemaError(problem)
    settle_fields(session.state, schema)
    session.schema = schema
    # A first load may take hours, and only its end learns the fields of its contacts.
    if not session.dry_run and session.state.facts.seen_fields.get() != schema.described():
        session.state.facts.seen_fields.set(schema.described())
    # By the current names, and before anything is decided by the ledger.
    catch_up(session, schema)
    return schema


def display_problem(session: Session, schema: Schema) -> str | None:
    """Return why the configured field cannot be the name that a phone shows, with its place; None if it can."""
    settings = session.settings
    problem = problem_of_display(schema, settings.target.display, renames(session.state, schema))
    return problem and f"{settings.where_is('target', 'display')}: {problem}"


def need_mapped(schema: Schema, source: Source, state: State) -> None:
    """Make sure that the source's mapping and these fields fit.

    Raises:
        SchemaError: they do not; it names file, line and key of each.
    """
    # If the mapping still has the former name of a field, the error names the new one.
    former = renames(state, schema)
    if problems := problems_of_mapping(schema, source.rules.mapping, former):
        raise SchemaError("\n".join(source.placed(problem, field) for field, problem in problems))
