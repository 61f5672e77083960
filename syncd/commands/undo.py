"""``syncd undo``: takes back what a run did, source by source."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.history import unknown_run
from syncd.commands.run import Ran, Wish, concluded, reporting, shown_progress
from syncd.commands.settings import chosen_sources, loaded
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.state import State


@dataclass(frozen=True, slots=True)
class Order:
    """What ``syncd undo`` was asked for. ``approved``: digests of held lists that may go on."""

    run: str
    sources: Sequence[str] = ()
    approved: frozenset[str] = frozenset()
    dry_run: bool = False
    as_json: bool = False
    wait: bool = False


def undo(order: Order, config: Path | None) -> int:
    """Undo, print the report, return the exit code."""
    wish = Wish(order.sources, dry_run=order.dry_run, as_json=order.as_json, wait=order.wait)
    return concluded(wish, partial(_undo, order, config))


def _undo(order: Order, config: Path | None, ran: Ran, stopping: threading.Event) -> None:
    from syncd.report.source_report import SourceReport
    from syncd.run.session import open_session
    from syncd.undo import undo_source

    settings = loaded(config)
    chosen_sources(settings, order.sources)
    with (
        shown_progress() as watcher,
        open_session(settings, dry_run=order.dry_run, stopping=stopping, watcher=watcher) as session,
    ):
        session.wait = order.wait
        sources = _sources_of(session.state, settings, order)
        ran.run, ran.left = session.run, [source.name for source in sources]
        for source in sources:
            session.halt_if_asked()
            ran.left.remove(source.name)
            report = SourceReport(source.name, dry_run=session.dry_run, undoes=order.run)
            reporting(ran, report, partial(undo_source, session, source, report, order.approved))
    _tell_unused(ran, order.approved)


def _tell_unused(ran: Ran, approved: frozenset[str]) -> None:
    """Warn of approvals that fit no list: it has become another one, or the digest is of something else."""
    plans = [report.plan for report in ran.reports if report.plan]
    lists = {each.digest for plan in plans for each in (*plan.held, *plan.opened)}
    for digest in sorted(approved - lists) if ran.reports else ():
        ran.reports[-1].warnings.append(f"--approve {digest}: this undo has no list of that digest that waits")


def _sources_of(state: State, settings: Settings, order: Order) -> list[Source]:
    """The sources that the run ran, in reverse: a later one may have taken over what an earlier one let go.

    Raises:
        ConfigError: there is no such run, or a source of it is not the one asked for, or no longer configured.
    """
    ran = [each["source"] for each in state.history.runs(run=order.run)]
    if not ran:
        raise ConfigError(unknown_run(order.run))
    wanted = [name for name in ran if name in order.sources or not order.sources]
    if not wanted:
        raise ConfigError(f"run {order.run} did not run {', '.join(order.sources)}; it ran {', '.join(ran)}")
    gone = [name for name in wanted if name not in settings.sources]
    if gone:
        raise ConfigError(
            f"the source {', '.join(gone)} of run {order.run} is no longer configured, so that its contacts cannot be "
            "looked after: name the sources to undo"
        )
    return [source for name, source in reversed(list(settings.sources.items())) if name in wanted]
