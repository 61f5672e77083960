"""``syncd rejects``: lists the contacts that the target refused, writes them to a file, or sends them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from syncd.commands.options import Common, Config, Json, Level, OneSource, command, common_options, prepared
from syncd.commands.settings import chosen_sources, existing_state, loaded
from syncd.core.wording import counted, shown_key
from syncd.report.exit_code import DONE
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.state import State

app = typer.Typer(help="Contacts that the target refused.", rich_markup_mode=None)

# written_file.py knows an earlier export by these columns.
_HEAD = ("source", "key", "reason", "at")


@app.callback(invoke_without_command=True)
def rejects(context: typer.Context, *, config: Config = None, log_level: Level = None) -> int | None:
    """Contacts that the target refused: list them (also without a word), write them to a file, or send them again."""
    context.obj = common_options(context, config, log_level)
    # A word that follows sets up the logs itself, since it may have its own --log-level.
    return None if context.invoked_subcommand else rejects_list(prepared(context))


@command(app, "list")
def rejects_list(common: Common, source: OneSource = None, *, json: Json = False) -> int:
    """List them, with the target's reasons."""
    settings = loaded(common.config, keyless=True)
    found = _of_each(settings, source, lambda state, name: state.ledger.rejected(name))
    rows = [(name, shown_key(key), reason) for name, (key, reason) in found]
    if json:
        print_json({"rejected": [dict(zip(_HEAD, row, strict=False)) for row in rows]})
        return DONE
    from syncd.report.screen import Screen

    screen = Screen()
    if rows:
        screen.table(_HEAD[:3], rows)
        screen.line(f"{counted(len(rows), 'contact')}, sent again when they change, or after syncd rejects retry.")
    else:
        screen.line("No contact is rejected.")
    return DONE


@command(app, "retry")
def rejects_retry(common: Common, source: OneSource = None) -> int:
    """Let the next run send them again."""
    settings = loaded(common.config)
    sources = chosen_sources(settings, [source] if source else [])
    with existing_state(settings) as state:
        total = sum(state.ledger.retry_rejected(each.name) for each in sources) if state else 0
    from syncd.report.screen import Screen

    sent = f"{counted(total, 'contact')} will be sent again by the next run."
    Screen().line(sent if total else "No contact is rejected.")
    return DONE


@command(app, "export")
def rejects_export(
    common: Common,
    file: Annotated[Path, Argument(metavar="FILE", help="A .csv, .jsonl or .parquet file.")],
    source: OneSource = None,
) -> int:
    """Write them to a file, with the target's reasons and what was sent."""
    import polars as pl

    from syncd.commands.written_file import check_written
    from syncd.report.screen import Screen
    from syncd.report.table_file import write_table
    from syncd.watch.status import iso

    settings = loaded(common.config, keyless=True)
    chosen_sources(settings, [source] if source else [])
    check_written(file, str(file), _HEAD, "no export of rejected contacts", settings)
    rows = [
        {"source": name, "key": shown_key(key), "reason": reason, "at": iso(at)}
        | {f"fields.{field}": value for field, value in sent.items()}
        for name, (key, reason, at, sent) in _of_each(settings, source, lambda state, name: state.ledger.refused(name))
    ]
    # A contact has the fields that were mapped when it was sent, so the columns are those of all contacts together.
    columns = [*_HEAD, *sorted({column for row in rows for column in row if "." in column})]
    write_table(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)), file, str(file))
    Screen().line(f"{counted(len(rows), 'rejected contact')} written to {file}.")
    return DONE


def _of_each(
    settings: Settings, source: str | None, contacts: Callable[[State, str], Iterable[Any]]
) -> list[tuple[str, Any]]:
    """Return the contacts of one source, or of all, each with the name of its source."""
    sources = chosen_sources(settings, [source] if source else [])
    # Read-only: it works for a person who may read the state file but not write it, and beside a run.
    with existing_state(settings, read_only=True) as state:
        return [(each.name, found) for each in sources for found in (contacts(state, each.name) if state else ())]
