"""``syncd activity replay``: the stored events once more through the merge; the target is asked nothing."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.given import existing_store, within_option
from syncd.commands.options import ActivityReplayOptions
from syncd.commands.running import error_of, finished
from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.errors import Stopped
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.replay import Replayed


def replay(config: Path | None, options: ActivityReplayOptions) -> int:
    """Merge the stored events again, and print what that changed."""
    from syncd.activity.replay import Replayed

    found = Replayed()
    error = error_of(partial(_work, config, options, found))
    return finished(partial(_print, options, found, error), (), error)


def _work(config: Path | None, options: ActivityReplayOptions, found: Replayed, stopping: threading.Event) -> None:
    from syncd.activity.replay import EVER, Replay

    within = EVER if options.events is None else within_option("--events", options.events)
    settings = loaded(config, keyless=True)

    def halt_if_asked() -> None:
        if stopping.is_set():
            raise Stopped("asked to stop; what was merged is kept, and the same command does the rest")

    with existing_store(settings, read_only=options.dry_run) as store:
        work = Replay(store, found, within, options.dry_run, halt_if_asked)
        if options.rebuild:
            work.rebuild()
        else:
            work.merge()


def _print(options: ActivityReplayOptions, found: Replayed, error: BaseException | None, code: int) -> None:
    if options.as_json:
        head = {"dry_run": options.dry_run, "rebuild": options.rebuild, "exit": code}
        print_json({**head, **found.to_json(), "error": None, **error_json(error)})
        return
    from syncd.report.screen import Screen

    screen = Screen()
    emptied = f"; {found.emptied:,} have no content any more" if found.emptied else ""
    screen.line(f"events: {counted(found.events, 'event')} merged again{emptied}")
    for kind, taken in found.taken.items():
        screen.line(f"{kind}s: {taken.new:,} new, {taken.changed:,} changed, {taken.unchanged:,} as they were")
    if options.dry_run:
        screen.line("Dry run: nothing was stored.")
