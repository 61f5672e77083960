"""The commands, thin: each takes its options, imports what carries it out, and returns an exit code.

What is slow to import is imported when a command uses it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd import __version__

app = typer.Typer(
    name="syncd",
    help=(
        "Keep a company's contacts in its Vocatech phone system equal to what its own systems say.\n\n"
        "Exit codes: 0 done; 1 a defect of syncd; 2 configuration or usage; 3 done, but something waits for a person; "
        "4 temporary, try again; 5 another run holds the source."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="About the configuration file.", rich_markup_mode=None)
rejects_app = typer.Typer(help="Contacts that the target refused.", rich_markup_mode=None)
app.add_typer(config_app, name="config")
app.add_typer(rejects_app, name="rejects")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration; else $SYNCD_CONFIG, ./syncd.yaml or /etc/syncd/syncd.yaml.",
        show_default=False,
    ),
]
Level = Annotated[
    str | None,
    typer.Option(
        "--log-level",
        metavar="LEVEL",
        help="debug, info, warning or error; else $SYNCD_LOG_LEVEL, or info.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    *,
    config: Config = None,
    log_level: Level = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    context.obj = {"config": config, "log_level": log_level}
    if version:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def prepared(context: typer.Context, config: Path | None = None, log_level: str | None = None) -> Path | None:
    """Set the logs up and return the configuration's path: options after the command go before those before it."""
    from syncd.log import configure, level_of

    configure(level_of(log_level or context.obj["log_level"]))
    chosen: Path | None = config or context.obj["config"]
    return chosen


@app.command()
def run(  # noqa: PLR0913 (the command's options)
    context: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Which sources; all, if none is named.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")] = False,
    json: Json = False,
    changes: Annotated[
        Path | None,
        typer.Option("--changes", metavar="FILE", help="Write every change to a .csv, .jsonl or .parquet file."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, also what has not changed.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another run of the source to end.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --dry-run: exit with 10 when there are changes.")
    ] = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Read the sources, compare them with what was sent last, and push what changed."""
    path = prepared(context, config, log_level)
    from syncd.commands.run import Wish
    from syncd.commands.run import run as carry_out

    wish = Wish(tuple(sources or ()), dry_run, json, changes, full, wait, exit_code)
    return carry_out(wish, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (or the process's own) name, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
    try:
        code: Any = app(args=None if arguments is None else list(arguments), prog_name="syncd", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as done:
        code = done.code
    except BaseException as error:  # noqa: BLE001 (the last one to see it tells of it)
        from syncd.commands.endings import ended_by

        return ended_by(error)
    return code if isinstance(code, int) else 0
