"""The options of ``syncd forget``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typer import Argument, Option

from syncd.commands.options import Json, Wait

_SOURCE = Argument(metavar="[SOURCE", help="The source of the contact.", show_default=False)
_KEY = Argument(metavar="KEY]", help="Its key there.", show_default=False)
_NUMBER = Option("--number", metavar="NUMBER", help="A number, written in any way: every contact loses it.")
_DRY_RUN = Option("--dry-run", help="Show what would go, and change nothing.")
_YES = Option("--yes", help="Do it without a question.")
_LIST = Option("--list", help="Show when something was forgotten and of which source, never whom.")
_ALLOW = Option("--allow", metavar="DIGEST", help="Let what has this digest come back.")
_APPROVE = Option("--approve", metavar="DIGEST", help="Let a number go from exactly the contacts of this list.")


@dataclass(frozen=True, slots=True)
class ForgetOptions:
    """Forget a contact, or a number, for good: at the target and here. No source sends it again."""

    source: Annotated[str | None, _SOURCE] = None
    key: Annotated[str | None, _KEY] = None
    number: Annotated[str | None, _NUMBER] = None
    dry_run: Annotated[bool, _DRY_RUN] = False
    approve: Annotated[list[str] | None, _APPROVE] = None
    yes: Annotated[bool, _YES] = False
    listed: Annotated[bool, _LIST] = False
    allow: Annotated[str | None, _ALLOW] = None
    as_json: Json = False
    wait: Wait = False
