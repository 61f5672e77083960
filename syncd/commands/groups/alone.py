"""A group of commands, such as ``syncd state``: alone, it prints its help as ``syncd`` alone does."""

from __future__ import annotations

import typer

from syncd.report.exit_code import USAGE


def group(help_: str) -> typer.Typer:
    """Return a group for commands; ``help_``: what it is about, for ``--help``."""
    app = typer.Typer(help=help_, rich_markup_mode=None)

    @app.callback(invoke_without_command=True)
    def alone(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            show_help(context)

    return app


def show_help(context: typer.Context) -> None:
    """Print the help of a group that was called without a command.

    Raises:
        typer.Exit: always, with the code of a wrong call.
    """
    from syncd.report.streams import print_on_stderr

    print_on_stderr(f"{context.get_help()}\n")
    raise typer.Exit(USAGE)
