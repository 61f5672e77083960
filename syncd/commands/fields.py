"""``syncd fields``: the target's fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from syncd.commands.options import Common, Json
from syncd.commands.settings import loaded
from syncd.report.error_text import say_error
from syncd.report.exit_code import code_for
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.core.schema import Field

HEAD = ("id", "field", "flags")


def fields(common: Common, *, json: Json = False) -> int:
    """List the company's contact fields and their flags."""
    from syncd.core.schema import problems_with
    from syncd.run.session import open_session

    # A dry run's session opens the state read-only, so that no state file is made.
    with open_session(loaded(common.config), dry_run=True) as session:
        schema = session.target.fields()
    # Unusable fields are printed too: a person who sets them up wants to see what there is already.
    if json:
        print_json({"fields": [dataclasses.asdict(field) for field in schema.fields]})
    elif schema.fields:
        from syncd.report.screen import Screen

        screen = Screen()
        screen.table(HEAD, [(str(field.id), field.name, flags(field)) for field in schema.fields])
        screen.line(f"Contacts are told apart by: {', '.join(schema.match) or 'nothing'}.")
    problems = problems_with(schema)
    for problem in problems:
        say_error(problem)
    return code_for(unusable_fields=problems)


def flags(field: Field) -> str:
    """Return the flags of a field as text, such as ``match, phone``."""
    named = {"match": field.is_match, "phone": field.is_phone, "integration": field.is_integration}
    return ", ".join(name for name, is_set in named.items() if is_set)
