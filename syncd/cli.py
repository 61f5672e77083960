"""The words of the commands: each takes its options, imports what carries it out, and returns an exit code.

What is slow to import is imported when a command uses it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd import __version__
from syncd.commands.options import (
    Common,
    Config,
    DryRun,
    Json,
    Level,
    OneSource,
    Sources,
    Wait,
    command,
    common_options,
    prepared,
)
from syncd.commands.sandbox import sandbox
from syncd.report.exit_code import DONE, MEANINGS, USAGE, code_of

app = typer.Typer(
    name="syncd",
    help=(
        "Keep a company's contacts in its Vocatech phone system equal to what its own systems say.\n\n"
        f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="About the configuration file.", rich_markup_mode=None)
notify_app = typer.Typer(help="Who is told what.", rich_markup_mode=None)
rejects_app = typer.Typer(help="Contacts that the target refused.", rich_markup_mode=None)
app.add_typer(config_app, name="config")
app.add_typer(rejects_app, name="rejects")
app.add_typer(notify_app, name="notify")


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    *,
    config: Config = None,
    log_level: Level = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """What every command takes; its docstring is not shown, the application's help is."""
    context.obj = Common(config, log_level)
    if version:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from syncd.report.streams import print_on_stderr

        print_on_stderr(f"{context.get_help()}\n")
        raise typer.Exit(USAGE)


@command(app)
def run(
    common: Common,
    sources: Sources = None,
    *,
    dry_run: DryRun = False,
    json: Json = False,
    changes: Annotated[
        Path | None,
        typer.Option("--changes", metavar="FILE", help="Write every change to a .csv, .jsonl or .parquet file."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, also what has not changed.")] = False,
    wait: Wait = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --dry-run: exit with 10 when there are changes.")
    ] = False,
) -> int:
    """Read the sources, compare them with what was sent last, and push what changed."""
    from syncd.commands.run import RunOptions
    from syncd.commands.run import run as carry_out

    return carry_out(RunOptions(sources or (), dry_run, json, wait, changes, full, exit_code), common.config)


@command(app)
def daemon(
    common: Common,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Read the configuration, say when what would run, and end.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --check: print one JSON object.")] = False,
) -> int:
    """Run the sources at the times of their schedules, each in a process of its own. SIGHUP reads the file again."""
    from syncd.commands import daemon as commands

    if check:
        return commands.check(common.config, as_json=json)
    if json:
        raise typer.BadParameter("--json is for --check: a daemon prints nothing")
    return commands.serve(common.config, common.log_level)


@command(app)
def check(
    common: Common,
    *,
    prove: Annotated[
        bool, typer.Option("--prove", help="Try damaged copies of each source: does a gate hold what they would do?")
    ] = False,
    json: Json = False,
) -> int:
    """Check the configuration, the key, the fields, and each source with its rows, up to 100,000. Writes nothing."""
    from syncd.commands.check import check as carry_out

    return carry_out(common.config, prove=prove, as_json=json)


@command(app)
def status(
    common: Common,
    *,
    json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="One line for a monitor; exit with 0 if all is well, else with 3.")
    ] = False,
) -> int:
    """Show each source's last run and what waits, and what is left of the key's limits. Asks the target nothing."""
    from syncd.commands.status import status as carry_out

    return carry_out(common.config, as_json=json, check=check)


@command(app)
def reconcile(
    common: Common,
    sources: Sources = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what differs, as the sources' reconcile: says.")
    ] = False,
    json: Json = False,
    wait: Annotated[bool, typer.Option("--wait", help="With --repair: wait for a run of the source to end.")] = False,
) -> int:
    """Read the target back and show what is missing, edited or extra there. Without --repair it changes nothing."""
    from syncd.commands.reconcile import ReconcileOptions
    from syncd.commands.reconcile import reconcile as carry_out

    return carry_out(ReconcileOptions(sources or (), repair, json, wait), common.config)


@command(app)
def fields(common: Common, *, json: Json = False) -> int:
    """List the company's contact fields and their flags."""
    from syncd.commands.fields import fields as carry_out

    return carry_out(common.config, as_json=json)


@command(app)
def approve(
    common: Common,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source whose changes are held.")],
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="The list's digest, as run and status show it.")],
) -> int:
    """Let the held changes that DIGEST names go on, once and exactly as listed."""
    from syncd.commands.approve import approve as carry_out

    return carry_out(common.config, source, digest)


@command(app)
def undo(
    common: Common,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as syncd history shows it.")],
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Only these sources of it; all, if none is named.")
    ] = None,
    *,
    dry_run: DryRun = False,
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="DIGEST", help="Let exactly this list pass its gates, this once."),
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> int:
    """Take back what a run changed, deleted and created; what cannot be taken back is named."""
    from syncd.commands.approve import pasted
    from syncd.commands.undo import UndoOptions
    from syncd.commands.undo import undo as carry_out

    approved = frozenset(map(pasted, approve or ()))
    return carry_out(UndoOptions(sources or (), dry_run, json, wait, run=run, approved=approved), common.config)


@command(app)
def explain(
    common: Common,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The contact's key in it.")],
    *,
    json: Json = False,
) -> int:
    """Show one contact's way from its row to the target, and what the next run would do with it, and why."""
    from syncd.commands.explain import explain as carry_out

    return carry_out(common.config, source, key, as_json=json)


@command(app)
def history(
    common: Common,
    source: OneSource = None,
    *,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The changes of this run.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The changes of this contact.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Since 2h, 7d or 2026-03-31 (UTC).")
    ] = None,
    json: Json = False,
) -> int:
    """List the runs, the newest first; with --run or --key every change, field by field."""
    from syncd.commands.history import HistoryQuery
    from syncd.commands.history import history as carry_out

    return carry_out(common.config, HistoryQuery(source, run, key, since), as_json=json)


@rejects_app.callback(invoke_without_command=True)
def rejects(context: typer.Context, *, config: Config = None, log_level: Level = None) -> int | None:
    """Contacts that the target refused: list them (also without a word), write them to a file, or send them again."""
    context.obj = common_options(context, config, log_level)
    # A word that follows sets up the logs itself, since it may have its own --log-level.
    return None if context.invoked_subcommand else rejects_list(prepared(context))


@command(rejects_app, "list")
def rejects_list(common: Common, source: OneSource = None, *, json: Json = False) -> int:
    """List them, with the target's reasons."""
    from syncd.commands.rejects import list_rejects

    return list_rejects(common.config, source, as_json=json)


@command(rejects_app, "retry")
def rejects_retry(common: Common, source: OneSource = None) -> int:
    """Let the next run send them again."""
    from syncd.commands.rejects import retry_rejects

    return retry_rejects(common.config, source)


@command(rejects_app, "export")
def rejects_export(
    common: Common,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .jsonl or .parquet file.")],
    source: OneSource = None,
) -> int:
    """Write them to a file, with the target's reasons and what was sent."""
    from syncd.commands.rejects import export_rejects

    return export_rejects(common.config, file, source)


@command(notify_app, "test")
def notify_test(common: Common) -> int:
    """Send a test to everybody whom the configuration names, and show what became of it."""
    from syncd.commands.notify import test

    return test(common.config)


@command(notify_app, "send")
def notify_send(common: Common) -> int:
    """Tell what began or ended and nobody was told of yet; runs and the daemon do it by themselves."""
    from syncd.commands.notify import send

    return send(common.config)


@config_app.command("schema")
def config_schema() -> int:
    """Print the JSON Schema of the configuration, by which editors complete and check it."""
    from json import dumps

    from syncd.config import json_schema

    typer.echo(dumps(json_schema(), indent=2, ensure_ascii=False))
    return DONE


app.command()(sandbox)


@app.command()
def demo() -> int:
    """Show in a minute what syncd does, with invented contacts and a target on this machine."""
    from syncd.demo import run_demo

    return run_demo(main) or DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (or the process's own) name, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the stream's encoding lacks (LANG=C) must not end a run whose changes are made.
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
    try:
        code: Any = app(args=None if arguments is None else list(arguments), prog_name="syncd", standalone_mode=False)
        # Flushed here, while an error of stdout can still change the exit code.
        sys.stdout.flush()
    except SystemExit as done:
        # Typer turns a BrokenPipeError of a command into an exit with code 1.
        code = _unread() if isinstance(done.__context__, BrokenPipeError) else done.code
    except (BrokenPipeError, ConnectionResetError):
        code = _unread()
    except BaseException as error:  # noqa: BLE001 (nothing above sees it)
        from syncd.report.error_text import message_of, print_json_error, say_error

        if _wants_json(sys.argv[1:] if arguments is None else arguments):
            print_json_error(error)
        say_error(message_of(error))
        return code_of(error)
    return code if isinstance(code, int) else DONE


def _wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether stdout is to hold one JSON object, also if an error ends the command before it reads its options."""
    return "--json" in takewhile(lambda each: each != "--", arguments)


def _unread() -> int:
    """Drop what is still printed, since nobody reads stdout any more (``syncd … | head``): that is no error."""
    from syncd.report.streams import silence_stdout

    silence_stdout()
    return DONE
