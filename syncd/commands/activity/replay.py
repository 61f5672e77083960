"""``syncd activity replay``: the stored events once more through the merge; the target is asked nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.deliver import Delivered, show
from syncd.commands.activity.given import existing_store, within_option
from syncd.commands.options import ActivityReplayOptions
from syncd.commands.running import error_of, finished
from syncd.commands.settings import chosen_sinks, loaded
from syncd.core.wording import counted
from syncd.errors import ConfigError, Stopped
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.replay import Replayed
    from syncd.config import Settings, SinkSettings


def replay(config: Path | None, options: ActivityReplayOptions) -> int:
    """Merge the stored events again, and print what that changed."""
    from syncd.activity.replay import Replayed

    found, delivered = Replayed(), Delivered()
    error = error_of(partial(_work, config, options, found, delivered))
    return finished(partial(_print, options, found, delivered, error), delivered.reports, error)


def _work(
    config: Path | None,
    options: ActivityReplayOptions,
    found: Replayed,
    delivered: Delivered,
    stopping: threading.Event,
) -> None:
    from syncd.activity.replay import EVER, Replay

    within = EVER if options.events is None else within_option("--events", options.events)
    settings = loaded(config, keyless=True)
    sinks = [] if options.sink is None else chosen_sinks(settings, [options.sink])

    def halt_if_asked() -> None:
        if stopping.is_set():
            raise Stopped("asked to stop; what was merged is kept, and the same command does the rest")

    with existing_store(settings, read_only=options.dry_run) as store:
        work = Replay(store, found, within, options.dry_run, halt_if_asked)
        if options.rebuild:
            work.rebuild()
        else:
            work.merge()
    if sinks:
        _deliver(settings, sinks, options, delivered, within, stopping)


def _deliver(
    settings: Settings,
    sinks: Sequence[SinkSettings],
    options: ActivityReplayOptions,
    delivered: Delivered,
    within: tuple[float, float],
    stopping: threading.Event,
) -> None:
    """Plan everything of these days again for the sinks, and deliver what passes the gates."""
    from syncd.activity.deliver import deliver
    from syncd.activity.delivering.book import Book
    from syncd.activity.delivering.one_sink import deliver_to
    from syncd.activity.delivering.session import open_deliveries

    delivered.book = Book()
    with open_deliveries(settings, dry_run=options.dry_run, stopping=stopping) as session:
        session.book, delivered.run = delivered.book, session.run
        deliver(session, sinks, delivered.reports, partial(deliver_to, within=within))


def _print(
    options: ActivityReplayOptions, found: Replayed, delivered: Delivered, error: BaseException | None, code: int
) -> None:
    if options.as_json:
        head = {"dry_run": options.dry_run, "rebuild": options.rebuild, "exit": code}
        sinks = {} if options.sink is None else {"sinks": [each.to_json() for each in delivered.reports]}
        print_json({**head, **found.to_json(), **sinks, "error": None, **error_json(error)})
        return
    # Of a sink or a store that is not there, only the error says something.
    if isinstance(error, ConfigError) and not found.events:
        return
    from syncd.report.screen import Screen

    screen = Screen()
    emptied = f"; {found.emptied:,} have no content any more" if found.emptied else ""
    screen.line(f"events: {counted(found.events, 'event')} merged again{emptied}")
    for kind, taken in found.taken.items():
        screen.line(f"{kind}s: {taken.new:,} new, {taken.changed:,} changed, {taken.unchanged:,} as they were")
    if delivered.reports:
        show(delivered.reports, delivered.book, dry_run=options.dry_run)
    if options.dry_run:
        screen.line("Dry run: nothing was stored.")
