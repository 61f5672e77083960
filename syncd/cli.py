"""The commands, thin: each takes its options, imports what carries it out, and returns an exit code.

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
notify_app = typer.Typer(help="Who is told what.", rich_markup_mode=None)
rejects_app = typer.Typer(help="Contacts that the target refused.", rich_markup_mode=None)
app.add_typer(config_app, name="config")
app.add_typer(rejects_app, name="rejects")
app.add_typer(notify_app, name="notify")

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
OneSource = Annotated[str | None, typer.Argument(metavar="SOURCE", help="One source; all, if none is named.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    *,
    config: Config = None,
    log_level: Level = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """What every command takes; its docstring is not shown, the application's help is."""
    context.obj = {"config": config, "log_level": log_level}
    if version:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from syncd.report.endings import say

        say(f"{context.get_help()}\n")
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


@app.command()
def daemon(
    context: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Read the configuration, say when what would run, and end.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --check: print one JSON object.")] = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Run the sources at the times of their schedules, each in a process of its own. SIGHUP reads the file again."""
    path = prepared(context, config, log_level)
    from syncd.commands import daemon as commands

    if check:
        return commands.check(path, as_json=json)
    if json:
        raise typer.BadParameter("--json is for --check: a daemon prints nothing")
    return commands.serve(path, log_level or context.obj["log_level"])


@app.command()
def check(
    context: typer.Context,
    *,
    prove: Annotated[
        bool, typer.Option("--prove", help="Try damaged copies of each source: does a gate hold what they would do?")
    ] = False,
    json: Json = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Check the configuration, the key, the fields, and each source with its rows, up to 100,000. Writes nothing."""
    path = prepared(context, config, log_level)
    from syncd.commands.check import check as carry_out

    return carry_out(path, prove=prove, as_json=json)


@app.command()
def status(
    context: typer.Context,
    *,
    json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="One line for a monitor; exit with 0 if all is well, else with 3.")
    ] = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Show each source's last run and what waits, and what is left of the key's limits. Asks the target nothing."""
    path = prepared(context, config, log_level)
    from syncd.commands.status import status as carry_out

    return carry_out(path, as_json=json, check=check)


@app.command()
def reconcile(
    context: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Which sources; all, if none is named.")
    ] = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what differs, as the sources' reconcile: says.")
    ] = False,
    json: Json = False,
    wait: Annotated[bool, typer.Option("--wait", help="With --repair: wait for a run of the source to end.")] = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Read the target back and show what is missing, edited or extra there. Without --repair it changes nothing."""
    path = prepared(context, config, log_level)
    from syncd.commands.reconcile import Wish
    from syncd.commands.reconcile import reconcile as carry_out

    return carry_out(Wish(tuple(sources or ()), repair, json, wait), path)


@app.command()
def fields(context: typer.Context, *, json: Json = False, config: Config = None, log_level: Level = None) -> int:
    """List the company's contact fields and their flags."""
    path = prepared(context, config, log_level)
    from syncd.commands.fields import fields as carry_out

    return carry_out(path, as_json=json)


@app.command()
def approve(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source whose changes are held.")],
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="The list's digest, as run and status show it.")],
    *,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Let the held changes that DIGEST names go on, once and exactly as listed."""
    path = prepared(context, config, log_level)
    from syncd.commands.decide import approve as carry_out

    return carry_out(path, source, digest)


@app.command()
def undo(  # noqa: PLR0913 (the command's options)
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as syncd history shows it.")],
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Only these sources of it; all, if none is named.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")] = False,
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="DIGEST", help="Let exactly this list pass its gates, this once."),
    ] = None,
    json: Json = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another run of the source to end.")] = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Take back what a run changed, deleted and created; what cannot be taken back is named."""
    path = prepared(context, config, log_level)
    from syncd.commands.decide import pasted
    from syncd.commands.undo import Order
    from syncd.commands.undo import undo as carry_out

    approved = frozenset(map(pasted, approve or ()))
    return carry_out(Order(run, tuple(sources or ()), approved, dry_run, json, wait), path)


@app.command()
def explain(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The contact's key in it.")],
    *,
    json: Json = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Show one contact's way from its row to the target, and what the next run would do with it, and why."""
    path = prepared(context, config, log_level)
    from syncd.commands.explain import explain as carry_out

    return carry_out(path, source, key, as_json=json)


@app.command()
def history(
    context: typer.Context,
    source: OneSource = None,
    *,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The changes of this run.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The changes of this contact.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Since 2h, 7d or 2026-03-31 (UTC).")
    ] = None,
    json: Json = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """List the runs, the newest first; with --run or --key every change, field by field."""
    path = prepared(context, config, log_level)
    from syncd.commands.history import Question
    from syncd.commands.history import history as carry_out

    return carry_out(path, Question(source, run, key, since), as_json=json)


@rejects_app.callback(invoke_without_command=True)
def rejects(context: typer.Context, *, config: Config = None, log_level: Level = None) -> int | None:
    """Contacts that the target refused: list them (also without a word), write them to a file, or send them again."""
    context.obj = {"config": config or context.obj["config"], "log_level": log_level or context.obj["log_level"]}
    return None if context.invoked_subcommand else rejects_list(context)


@rejects_app.command("list")
def rejects_list(
    context: typer.Context,
    source: OneSource = None,
    *,
    json: Json = False,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """List them, with the target's reasons."""
    path = prepared(context, config, log_level)
    from syncd.commands.decide import list_rejects

    return list_rejects(path, source, as_json=json)


@rejects_app.command("retry")
def rejects_retry(
    context: typer.Context, source: OneSource = None, *, config: Config = None, log_level: Level = None
) -> int:
    """Let the next run send them again."""
    path = prepared(context, config, log_level)
    from syncd.commands.decide import retry_rejects

    return retry_rejects(path, source)


@rejects_app.command("export")
def rejects_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .jsonl or .parquet file.")],
    source: OneSource = None,
    *,
    config: Config = None,
    log_level: Level = None,
) -> int:
    """Write them to a file, with the target's reasons and what was sent."""
    path = prepared(context, config, log_level)
    from syncd.commands.decide import export_rejects

    return export_rejects(path, file, source)


@notify_app.command("test")
def notify_test(context: typer.Context, *, config: Config = None, log_level: Level = None) -> int:
    """Send a test to everybody whom the configuration names, and show what became of it."""
    path = prepared(context, config, log_level)
    from syncd.commands.notify import test

    return test(path)


@notify_app.command("send")
def notify_send(context: typer.Context, *, config: Config = None, log_level: Level = None) -> int:
    """Tell what began or ended and nobody was told of yet; runs and the daemon do it by themselves."""
    path = prepared(context, config, log_level)
    from syncd.commands.notify import send

    return send(path)


@config_app.command("schema")
def config_schema() -> int:
    """Print the JSON Schema of the configuration, by which editors complete and check it."""
    from json import dumps

    from syncd.config import json_schema

    typer.echo(dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


@app.command()
def sandbox(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Where it listens; 0 takes a free one.  [default: 8088; of HubSpot 8089]"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Keep the contacts in this file; else in memory.")
    ] = None,
    limits: Annotated[
        str | None,
        typer.Option(
            "--limits",
            metavar="LIMITS",
            help=(
                "The key's request windows, or none.  "
                "[default: 60/1m,1000/1h,20000/1d; of HubSpot a free account's, 100/10s,250000/1d]"
            ),
        ),
    ] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option("--dialect", metavar="NAME=VALUE", help="How it behaves where the guide leaves it open."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="How many invented contacts a new company has.")
    ] = 0,
    key: Annotated[
        str | None,
        typer.Option("--key", help="The key that it takes.  [default: sandbox-key; of HubSpot pat-na1-sandbox]"),
    ] = None,
    hubspot: Annotated[
        bool, typer.Option("--hubspot", help="Serve a HubSpot account instead, to read contacts from.")
    ] = False,
) -> int:
    """Serve a Vocatech contacts API on this machine, to rehearse with; or a HubSpot account."""
    from syncd.commands.rehearse import serve_sandbox

    return serve_sandbox(
        port=port, data=data, limits=limits, dialects=dialect or (), seed=seed, key=key, hubspot=hubspot
    )


@app.command()
def demo() -> int:
    """Show in a minute what syncd does, with invented contacts and a target on this machine."""
    from syncd.demo import run_demo

    return run_demo(main) or 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (or the process's own) name, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream has it
    try:
        code: Any = app(args=None if arguments is None else list(arguments), prog_name="syncd", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as done:
        code = _unread() if isinstance(done.__context__, BrokenPipeError) else done.code
    except (BrokenPipeError, ConnectionResetError):
        code = _unread()
    except BaseException as error:  # noqa: BLE001 (the last one to see it tells of it)
        from syncd.report.endings import code_of, message_of, print_error, say_error

        if _wants_json(sys.argv[1:] if arguments is None else arguments):
            print_error(error)
        say_error(message_of(error))
        return code_of(error)
    return code if isinstance(code, int) else 0


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether stdout is to hold one JSON object: an error too then, whatever it kept from being read."""
    options = takewhile(lambda each: each != "--", arguments)
    return "--json" in options


def _unread() -> int:
    """Nobody reads stdout any more (``syncd … | head``): that is no error."""
    from syncd.report.endings import silence_stdout

    silence_stdout()
    return 0
