"""The options of the commands, and how a function becomes a command that takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., int])

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The configuration; else $SYNCD_CONFIG, ./syncd.yaml or /etc/syncd/syncd.yaml."
    ),
]
Level = Annotated[
    str | None,
    typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error; else $SYNCD_LOG_LEVEL, or info."),
]
OneSource = Annotated[str | None, typer.Argument(metavar="SOURCE", help="One source; all, if none is named.")]
Sources = Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Which sources; all, if none is named.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another run of the source to end.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command takes; None where an option is not given."""

    config: Path | None = None
    log_level: str | None = None


# --help lists the options in the order of the fields.
@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of ``syncd run``."""

    sources: Sources = None
    dry_run: DryRun = False
    as_json: Json = False
    changes: Annotated[
        Path | None,
        typer.Option("--changes", metavar="FILE", help="Write every change to a .csv, .jsonl or .parquet file."),
    ] = None
    full: Annotated[bool, typer.Option("--full", help="Read everything, also what has not changed.")] = False
    wait: Wait = False
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --dry-run: exit with 10 when there are changes.")
    ] = False


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """The options of ``syncd reconcile``."""

    sources: Sources = None
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what differs, as the sources' reconcile: says.")
    ] = False
    as_json: Json = False
    wait: Annotated[bool, typer.Option("--wait", help="With --repair: wait for a run of the source to end.")] = False


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """The options of ``syncd undo``."""

    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as syncd history shows it.")]
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Only these sources of it; all, if none is named.")
    ] = None
    dry_run: DryRun = False
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="DIGEST", help="Let exactly this list pass its gates, this once."),
    ] = None
    as_json: Json = False
    wait: Wait = False


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The options of ``syncd history``. ``since``: ``7d``, or a date or time of ISO 8601 (UTC, if it has no zone)."""

    source: OneSource = None
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The changes of this run.")] = None
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="The changes of this contact.")] = None
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="Since 2h, 7d or 2026-03-31 (UTC).")] = (
        None
    )
    as_json: Json = False


def common_options(context: typer.Context, config: Path | None, log_level: str | None) -> Common:
    """Return the common options; an option behind the command counts before the same option in front of it."""
    # The root and each group have left theirs there.
    before: Common = context.obj
    return Common(config or before.config, log_level or before.log_level)


def prepared(context: typer.Context, config: Path | None = None, log_level: str | None = None) -> Common:
    """Return the common options after the logs were set up."""
    # structlog is slow to import, and ``--help`` logs nothing.
    from syncd.log import configure, level_of

    common = common_options(context, config, log_level)
    configure(level_of(common.log_level))
    return common


def command(group: typer.Typer, name: str | None = None, takes: type | None = None) -> Callable[[Command], Command]:
    """Register a function as a command that also takes ``--config`` and ``--log-level``.

    The function gets the :class:`Common` options as its first argument, after the logs were set up; then an object of
    the class ``takes`` whose fields are its options, or else each of its own options.
    """

    def register(function: Command) -> Command:
        def called(context: typer.Context, *, config: Config = None, log_level: Level = None, **own: Any) -> int:
            common = prepared(context, config, log_level)
            return function(common, takes(**own)) if takes else function(common, **own)

        own = list(inspect.signature(takes or function, eval_str=True).parameters.values())[0 if takes else 1 :]
        # Typer reads the options of a command off its signature, so the two signatures are joined.
        first, *last, _ = inspect.signature(called, eval_str=True).parameters.values()
        called.__signature__ = inspect.Signature([first, *own, *last])  # type: ignore[attr-defined]
        # The docstring is the text of --help.
        called.__doc__ = function.__doc__
        group.command(name or function.__name__)(called)
        return function

    return register
