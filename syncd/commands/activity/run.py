"""``syncd activity run``: all the work on calls and messages that is due, as cron and the daemon start it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.options import ActivityRunOptions
from syncd.commands.running import error_of, finished, progress
from syncd.commands.settings import activity_of, loaded
from syncd.core.wording import counted
from syncd.errors import ConfigError, SourceBusy, Stopped
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.run import ActivityRun
    from syncd.config import Settings
    from syncd.report.screen import Screen

UNITS = {"size": "bytes"}
"""What a number counts, where its name in ``--json`` does not say so."""


def run(config: Path | None, options: ActivityRunOptions) -> int:
    """Do what is due, print what was done, and return the exit code."""
    if options.events:
        if options.dry_run:
            raise ConfigError("--events stores what it merges: leave out --dry-run")
        from syncd.commands.activity.merging import merge

        return merge(config, options)
    if options.stay:
        raise ConfigError("--stay is for --events: add it")
    from syncd.activity.run import ActivityRun

    done, budget, settings = ActivityRun(), dict[str, float](), list["Settings"]()
    ended = error_of(partial(_work, config, options, done, budget, settings))
    error = done.error if ended is None else ended
    code = finished(partial(_print, options, done, budget, settings, error), done.delivered, error)
    # The daemon looks for alarms by itself; whoever has stopped the command does not wait for a server.
    tells = not (options.dry_run or isinstance(ended, Stopped | KeyboardInterrupt | SourceBusy))
    if tells and settings and settings[0].notify.tells:
        from syncd.watch.notify import after_run

        after_run(settings[0], good=False, clock=time.time)
    return code


def _work(
    config: Path | None,
    options: ActivityRunOptions,
    done: ActivityRun,
    budget: dict[str, float],
    settings: list[Settings],
    stopping: threading.Event,
) -> None:
    found = loaded(config)
    activity_of(found)
    settings.append(found)
    from syncd.activity.run import run_activity
    from syncd.activity.session import open_activity
    from syncd.commands.activity.pull import foresee

    with (
        progress() as watcher,
        open_activity(found, dry_run=options.dry_run, stopping=stopping, watcher=watcher) as session,
    ):
        run_activity(session, done, forecast=partial(foresee, session, budget))


def _print(
    options: ActivityRunOptions,
    done: ActivityRun,
    budget: dict[str, float],
    settings: Sequence[Settings],
    error: BaseException | None,
    code: int,
) -> None:
    if options.as_json:
        forecast = {"reports": {"requests": done.pulled.forecast, "seconds": round(budget.get("seconds", 0.0), 1)}}
        head: dict[str, Any] = {"dry_run": options.dry_run, "exit": code, "forecast": forecast}
        print_json({**head, **done.to_json(), "error": None, **error_json(error)})
        return
    # Of a configuration that cannot be read, or a server that is not there, only the error says something.
    if error is None or done.merged.events or done.pulled.requests or done.delivered:
        from syncd.report.screen import Screen

        _show(Screen(), options, done, _foreseen(done, settings[0]) if options.dry_run else [])


def _foreseen(done: ActivityRun, settings: Settings) -> list[str]:
    """Return what a run would store and then deliver, in a sentence for each kind: a dry run stores nothing."""
    rules = {name: sink.rules for name, sink in settings.sinks.items()}
    takers = {
        "call": [name for name, each in rules.items() if each.calls],
        "message": [name for name, each in rules.items() if each.messages],
    }
    found = []
    for kind, sinks in takers.items():
        taken = next(each for name, each in done.pulled.taken.items() if name == kind)
        parts = ((taken.new, "new "), (taken.changed, "changed "))
        what = " and ".join(counted(count, word + kind) for count, word in parts if count)
        if what and sinks:
            found.append(f"{what} would be stored, and then delivered to {', '.join(sinks)} once settled")
    if done.merged.waiting and rules:
        what = counted(done.merged.waiting, "received event")
        found.append(f"{what} would be merged first; what they tell of is delivered once settled")
    return found


def _show(screen: Screen, options: ActivityRunOptions, done: ActivityRun, foreseen: Sequence[str]) -> None:
    waiting = f", {done.merged.waiting:,} wait" if done.merged.waiting else ""
    screen.line(f"received: {counted(done.merged.events, 'event')} merged{waiting}")
    from syncd.commands.activity.days import show_days

    show_days(screen, done.pulled.days)
    for kind, taken in done.pulled.taken.items():
        screen.line(f"{kind}s: {taken.new:,} new, {taken.changed:,} changed, {taken.unchanged:,} as known")
    attributed, files, removed = done.attributed.to_json(), done.media.to_json(), done.retention.to_json()
    for what, counts in (("contacts", attributed), ("files", files), ("removed", removed)):
        if shown := ", ".join(
            f"{count:,} {UNITS.get(name, name)}" for name, count in counts.items() if count and isinstance(count, int)
        ):
            screen.line(f"{what}: {shown}")
    if done.delivered:
        from syncd.activity.delivering.screen import show_deliveries

        nothing = "nothing of what is stored" if foreseen else "nothing to do"
        show_deliveries(screen, done.delivered, dry_run=options.dry_run, nothing=nothing)
    for text in foreseen:
        screen.line(text, hanging=2)
    if options.dry_run:
        screen.line("Dry run: nothing was stored.")
    screen.line((counted(done.pulled.requests, "request"), "dim"))
