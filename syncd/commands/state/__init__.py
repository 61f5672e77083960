"""``syncd state``: the state file in a person's hands. The words of its commands; each has a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from syncd.commands.groups.alone import group
from syncd.commands.options import Common, Json, command

app = group("Look after the state file.")

_Yes = Annotated[bool, Option("--yes", help="Do it without a question.")]


@command(app, "check")
def state_check(common: Common, *, json: Json = False) -> int:
    """Is the state file whole, how large is it, what is kept in it, and of which company? Changes nothing."""
    from syncd.commands.state.check import check

    return check(common.config, as_json=json)


@command(app, "accept")
def state_accept(common: Common, *, json: Json = False) -> int:
    """Say that this key's company is the state's: the same company, emptied or restored from a backup."""
    from syncd.commands.state.accept import accept

    return accept(common.config, as_json=json)


@command(app, "backup")
def state_backup(
    common: Common,
    file: Annotated[Path, Argument(metavar="FILE", help="The backup; it becomes readable by its owner only.")],
    *,
    force: Annotated[bool, Option("--force", help="Replace an earlier backup of this name.")] = False,
    json: Json = False,
) -> int:
    """Write a copy of the state file, beside a running daemon, and prove that it is whole."""
    from syncd.commands.state.backup import backup

    return backup(common.config, file, force=force, as_json=json)


@command(app, "restore")
def state_restore(
    common: Common,
    file: Annotated[Path, Argument(metavar="FILE", help="The backup.")],
    *,
    yes: _Yes = False,
    json: Json = False,
) -> int:
    """Put a backup in the place of the state, keep the state of now beside it, and say what will be read back."""
    from syncd.commands.state.restore import restore

    return restore(common.config, file, yes=yes, as_json=json)


@command(app, "compact")
def state_compact(common: Common, *, json: Json = False) -> int:
    """Remove what nobody needs any more, and give free room of the file back to the disk."""
    from syncd.commands.state.compact import compact

    return compact(common.config, as_json=json)


@command(app, "reset")
def state_reset(
    common: Common,
    source: Annotated[str, Argument(metavar="SOURCE", help="The source.")],
    *,
    ledger: Annotated[bool, Option("--ledger", help="Forget its contacts: the next run adopts them anew.")] = False,
    cursor: Annotated[bool, Option("--cursor", help="Forget where its next read begins: it is a whole one.")] = False,
    history: Annotated[bool, Option("--history", help="Forget its past changes: none can be undone.")] = False,
    yes: _Yes = False,
    json: Json = False,
) -> int:
    """Forget a part of what the state knows of a source; without --yes it says first what that costs, and asks."""
    from syncd.commands.state.reset import reset

    kinds = {"ledger": ledger, "cursor": cursor, "history": history}
    return reset(common.config, source, [kind for kind, wanted in kinds.items() if wanted], yes=yes, as_json=json)
