"""``syncd fields``: the target's fields."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.settings import loaded
from syncd.report.endings import say_error

if TYPE_CHECKING:
    from syncd.core.schema import Field, Schema

HEAD = ("id", "field", "flags")


def fields(config: Path | None, *, as_json: bool) -> int:
    """Ask the target for its fields and print them; returns 2 if contacts cannot be pushed with them."""
    from syncd.core.schema import problems_with
    from syncd.run.session import open_session

    with open_session(loaded(config), dry_run=True) as session:
        schema = session.target.fields()
    if as_json:
        found = {"fields": [dataclasses.asdict(field) for field in schema.fields]}
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    elif schema.fields:
        _show(schema)
    problems = problems_with(schema)
    for problem in problems:
        say_error(problem)
    return 2 if problems else 0


def _show(schema: Schema) -> None:
    from syncd.report.screen import Screen

    screen = Screen()
    screen.table(HEAD, [(str(field.id), field.name, flags(field)) for field in schema.fields])
    screen.line(f"Contacts are told apart by: {', '.join(schema.match) or 'nothing'}.")


def flags(field: Field) -> str:
    """``match, phone`` and the like."""
    named = {"match": field.is_match, "phone": field.is_phone, "integration": field.is_integration}
    return ", ".join(name for name, is_set in named.items() if is_set)
