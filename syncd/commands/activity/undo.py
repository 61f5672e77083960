"""``syncd undo RUN`` of a delivery: what the run made at the sinks is removed there, where they can."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.deliver import EVER, Delivered, show
from syncd.commands.options import UndoOptions
from syncd.commands.running import error_of, finished, progress
from syncd.commands.settings import existing_state, loaded
from syncd.errors import ConfigError, SyncdError
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.config import Settings, SinkSettings


def sinks_of(config: Path | None, run: str) -> list[str]:
    """Return the sinks to which a run delivered; none for a run of sources, or if that cannot be told."""
    # Whatever is wrong is reported by the undo of a run of sources.
    with suppress(SyncdError):
        settings = loaded(config)
        if settings.sinks:
            with existing_state(settings, read_only=True) as state:
                runs = state.history.runs(run=run) if state else ()
                return [each["source"] for each in runs if each["kind"] == "deliver"]
    return []


def undo_deliveries(config: Path | None, options: UndoOptions, sinks: Sequence[str]) -> int:
    """Undo what was delivered to these sinks, print the report, and return the exit code."""
    done = Delivered()
    ended = error_of(partial(_work, config, options, sinks, done))
    return finished(partial(_print, options, done, ended), done.reports, ended)


def _work(
    config: Path | None, options: UndoOptions, sinks: Sequence[str], done: Delivered, stopping: threading.Event
) -> None:
    settings = loaded(config, keyless=True)
    wanted = _chosen(settings, options, sinks)
    from syncd.activity.deliver import deliver
    from syncd.activity.delivering.session import open_deliveries
    from syncd.activity.delivering.undoing import undo_delivery

    wait = EVER if options.wait else 0.0
    with (
        progress() as watcher,
        open_deliveries(settings, dry_run=options.dry_run, wait=wait, stopping=stopping, watcher=watcher) as session,
    ):
        done.run = session.run
        deliver(session, wanted, done.reports, partial(undo_delivery, run=options.run))


def _chosen(settings: Settings, options: UndoOptions, sinks: Sequence[str]) -> list[SinkSettings]:
    asked = options.sources or sinks
    wanted = [name for name in sinks if name in asked]
    if not wanted:
        raise ConfigError(f"run {options.run} did not deliver to {', '.join(asked)}; it did to {', '.join(sinks)}")
    gone = [name for name in wanted if name not in settings.sinks]
    if gone:
        raise ConfigError(f"the sink {', '.join(gone)} of run {options.run} is no longer configured")
    return [settings.sinks[name] for name in wanted]


def _print(options: UndoOptions, done: Delivered, error: BaseException | None, code: int) -> None:
    if options.as_json:
        head = {"run": done.run, "undoes": options.run, "dry_run": options.dry_run, "exit": code}
        print_json({**head, "sinks": [each.to_json() for each in done.reports], "error": None, **error_json(error)})
        return
    show(done.reports, None, dry_run=options.dry_run)
