"""The words of the commands: each takes its options, imports the module that does the work, and returns an exit code.

What is slow to import is imported when a command uses it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from importlib import import_module
from itertools import takewhile
from typing import Annotated, Any

import typer
from typer import Option

from syncd import __version__
from syncd.commands import notify, rejects, state
from syncd.commands import options as takes
from syncd.commands.activity import group as activity
from syncd.commands.activity import webhook
from syncd.commands.activity.privacy import message
from syncd.commands.fields import fields
from syncd.commands.forget.options import ForgetOptions
from syncd.commands.groups.alone import group, show_help
from syncd.commands.options import Common, Config, Level, command
from syncd.commands.sandbox import sandbox
from syncd.report.exit_code import DONE, MEANINGS, code_of

app = typer.Typer(
    name="syncd",
    help=(
        "Keep a company's contacts in its Vocatech phone system equal to what its own systems say.\n\n"
        f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = group("About the configuration file.")
# The modules of these groups are light to import, unlike those of most commands, so that they have their own words.
app.add_typer(config_app, name="config")
app.add_typer(rejects.app, name="rejects")
app.add_typer(notify.app, name="notify")
app.add_typer(state.app, name="state")
app.add_typer(activity.app, name="activity")
app.add_typer(webhook.app, name="webhook")
app.add_typer(message.app, name="message")


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    *,
    config: Config = None,
    log_level: Level = None,
    version: Annotated[bool, Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """What every command takes; its docstring is not shown, the application's help is."""
    # Kept for the command that follows, which takes the same options.
    context.obj = Common(config, log_level)
    if version:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        show_help(context)


def _add(name: str, options: type, room: str = "") -> None:
    """Add the command ``name``: the function ``name`` of the module ``syncd.commands.<room><name>`` carries it out."""

    def carry_out(common: Common, given: object) -> int:
        code: int = getattr(import_module(f"syncd.commands.{room}{name}"), name)(common.config, given)
        return code

    # The docstring of the options is the text of --help.
    carry_out.__doc__ = options.__doc__
    command(app, name, options)(carry_out)


# --help lists the commands in this order.
_add("run", takes.RunOptions)
_add("apply", takes.ApplyOptions)


@command(app)
def daemon(
    common: Common,
    *,
    check: Annotated[bool, Option("--check", help="Read the configuration, say when what would run, and end.")] = False,
    json: Annotated[bool, Option("--json", help="With --check: print one JSON object.")] = False,
) -> int:
    """Run the sources at the times of their schedules, each in a process of its own. SIGHUP reads the file again."""
    from syncd.commands import daemon as commands

    if check:
        return commands.check(common.config, as_json=json)
    # Refused: whoever asks for JSON would wait for it for ever.
    if json:
        raise typer.BadParameter("--json is for --check: a daemon prints nothing")
    return commands.serve(common.config, common.log_level)


_add("check", takes.CheckOptions)
_add("status", takes.StatusOptions)
_add("reconcile", takes.ReconcileOptions)
command(app)(fields)
_add("approve", takes.ApproveOptions)
_add("number", takes.NumberOptions, "callers.")
_add("undo", takes.UndoOptions)
_add("explain", takes.ExplainOptions)
_add("history", takes.HistoryQuery)
_add("whois", takes.WhoisOptions, "callers.")
_add("forget", ForgetOptions)


@command(app)
def receive(common: Common) -> int:
    """Receive webhooks and store each before it is answered, until a signal ends it. SIGHUP reads the file again."""
    from syncd.commands.activity.receive import receive as become

    return become(common.config, common.log_level)


def _in_known_time(function: Callable[..., int]) -> Callable[..., int]:
    """Let a command without the common options look at the time zone too."""

    @wraps(function)
    def called(**options: Any) -> int:
        from syncd.surroundings.zone import check_zone

        check_zone()
        return function(**options)

    return called


@config_app.command("schema")
@_in_known_time
def config_schema() -> int:
    """Print the JSON Schema of the configuration, by which editors complete and check it."""
    from json import dumps

    from syncd.config import json_schema

    typer.echo(dumps(json_schema(), indent=2, ensure_ascii=False))
    return DONE


app.command()(_in_known_time(sandbox))


@app.command()
@_in_known_time
def demo() -> int:
    """Show in a minute what syncd does, with invented contacts and a target on this machine."""
    from syncd.demo.play import run_demo

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

        # The words are looked at by hand, since the error may have ended the command before Typer read them.
        if "--json" in takewhile(lambda word: word != "--", sys.argv[1:] if arguments is None else arguments):
            print_json_error(error)
        say_error(message_of(error))
        return code_of(error)
    return code if isinstance(code, int) else DONE


def _unread() -> int:
    """Drop what is still printed, since nobody reads stdout any more (``syncd … | head``): that is no error."""
    from syncd.report.streams import silence_stdout

    silence_stdout()
    return DONE
