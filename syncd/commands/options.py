"""Options that several commands take, and how a command gets those that all of them take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

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
Sources = Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Which sources; all, if none is named.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another run of the source to end.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command takes; None where an option is not given."""

    config: Path | None = None
    log_level: str | None = None


Command = TypeVar("Command", bound=Callable[..., int])


def common_options(context: typer.Context, config: Path | None, log_level: str | None) -> Common:
    """Return the common options; an option behind the command counts before the same option in front of it."""
    before: Common = context.obj
    return Common(config or before.config, log_level or before.log_level)


def prepared(context: typer.Context, config: Path | None = None, log_level: str | None = None) -> Common:
    """Return the common options after the logs were set up."""
    # structlog is slow to import, and ``--help`` logs nothing.
    from syncd.log import configure, level_of

    common = common_options(context, config, log_level)
    configure(level_of(common.log_level))
    return common


def command(group: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Register a function as a command that also takes ``--config`` and ``--log-level``.

    The function gets the :class:`Common` options as its first argument, after the logs were set up.
    """

    def register(function: Command) -> Command:
        def called(context: typer.Context, *, config: Config = None, log_level: Level = None, **own: Any) -> int:
            return function(prepared(context, config, log_level), **own)

        # Typer reads a command's options off its signature, so that both signatures are joined; --help keeps their order.
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        first, *last, _ = inspect.signature(called, eval_str=True).parameters.values()
        called.__signature__ = inspect.Signature([first, *own, *last])  # type: ignore[attr-defined]
        called.__doc__ = function.__doc__
        group.command(name or function.__name__)(called)
        return function

    return register
