"""``syncd undo``: takes back what a run did, source by source."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.approve import pasted
from syncd.commands.history import unknown_run
from syncd.commands.options import UndoOptions
from syncd.commands.running import Ran, concluded, opened, run_each
from syncd.commands.settings import chosen_sources, loaded
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.state import State


def undo(config: Path | None, options: UndoOptions) -> int:
    """Undo, print the report, and return the exit code."""
    from syncd.commands.activity.undo import sinks_of, undo_deliveries

    if sinks := sinks_of(config, options.run):
        return undo_deliveries(config, options, sinks)
    ran = Ran()
    return concluded(options, ran, partial(_undo, config, options, ran))


def _undo(config: Path | None, options: UndoOptions, ran: Ran, stopping: threading.Event) -> None:
    # Imported here, where the signals are handled already: it takes a while.
    from syncd.commands.state.asking import need_state
    from syncd.undo import undo_source

    settings = loaded(config)
    need_state(settings)
    chosen_sources(settings, options.sources or ())
    approved = frozenset(map(pasted, options.approve or ()))
    with opened(settings, stopping, dry_run=options.dry_run, wait=options.wait) as session:
        sources = _sources_of(session.state, settings, options)
        run_each(session, sources, ran, partial(undo_source, session, approved=approved), undoes=options.run)
    _warn_of_unused(ran, approved)


def _warn_of_unused(ran: Ran, approved: frozenset[str]) -> None:
    """Warn of approvals that fit no list: the list has changed since, or the digest is of something else."""
    plans = [report.plan for report in ran.reports if report.plan]
    lists = {each.digest for plan in plans for each in (*plan.held, *plan.opened)}
    for digest in sorted(approved - lists) if ran.reports else ():
        ran.reports[-1].warnings.append(f"--approve {digest}: this undo has no list of that digest that waits")


def _sources_of(state: State, settings: Settings, options: UndoOptions) -> list[Source]:
    """Return the sources of the run that is undone, in reverse order.

    Raises:
        ConfigError: there is no such run, it did not run a source that is asked for, or a source is not configured.
    """
    # The state knows which sources a run had; the configuration may have changed since.
    ran = [each["source"] for each in state.history.runs(run=options.run)]
    if not ran:
        raise ConfigError(unknown_run(options.run))
    asked = options.sources or ran
    wanted = [name for name in ran if name in asked]
    if not wanted:
        raise ConfigError(f"run {options.run} did not run {', '.join(asked)}; it ran {', '.join(ran)}")
    gone = [name for name in wanted if name not in settings.sources]
    if gone:
        raise ConfigError(
            f"the source {', '.join(gone)} of run {options.run} is no longer configured, so that its contacts cannot "
            "be looked after: name the sources to undo"
        )
    # In reverse: a later source may have taken over a contact that an earlier one let go.
    return [source for name, source in reversed(list(settings.sources.items())) if name in wanted]
