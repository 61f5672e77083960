"""``syncd activity pull``: reads the lists of calls and messages."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe_requests
from syncd.commands.activity.given import span_option, unusable
from syncd.commands.options import PullOptions
from syncd.commands.running import error_of, finished, progress
from syncd.commands.settings import loaded
from syncd.core.activity.days.windows import Days, window
from syncd.core.activity.instants import day_of
from syncd.core.wording import counted
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.pull import Pulled
    from syncd.activity.session import ActivitySession


def pull(config: Path | None, options: PullOptions) -> int:
    """Read what is due, or the given days, and print what was found."""
    from syncd.activity.pull import Pulled

    found, budget = Pulled(), dict[str, float]()
    ended = error_of(partial(_work, config, options, found, budget))
    error = found.error if ended is None else ended
    return finished(partial(_print, options, found, budget, error), (), error)


def days_of(text: str) -> Days:
    """Return the days that the text means; until today, if it names no last day, and none that no zone has begun.

    Raises:
        ConfigError: it is of another form, its days are in the wrong order, or it names no first day that has begun.
    """
    span, now = span_option("--days", text), time.time()
    last = min(span.last or day_of(now), window(now).last)
    if span.first is None or span.first > last:
        raise unusable("--days", text)
    return Days(span.first, last)


def _work(
    config: Path | None,
    options: PullOptions,
    found: Pulled,
    budget: dict[str, float],
    stopping: threading.Event,
) -> None:
    # A mistyped option is reported before anything is opened.
    days = days_of(options.days) if options.days is not None else None
    settings = loaded(config)
    from syncd.activity.pull import pulled
    from syncd.activity.recover import recover
    from syncd.activity.session import open_activity

    with (
        progress() as watcher,
        open_activity(settings, dry_run=options.dry_run, stopping=stopping, watcher=watcher) as session,
    ):
        if days is None:
            recover(session)
        pulled(session, found, days, forecast=partial(foresee, session, budget))


def foresee(session: ActivitySession, budget: dict[str, float], requests: int) -> None:
    """Note in ``budget`` how many ``seconds`` a pull will take; on a terminal, tell it if that is long."""
    left = max(0, requests - session.reports.sent)
    budget["seconds"] = session.reports_budget.forecast(left)
    # A first pull takes an hour: whoever started it wants to know that.
    if left > 60 and sys.stderr.isatty():
        from syncd.report.streams import print_on_stderr

        print_on_stderr(f"{describe_requests(left, budget['seconds'])}\n")


def _print(
    options: PullOptions, found: Pulled, budget: dict[str, float], error: BaseException | None, code: int
) -> None:
    if options.as_json:
        forecast = {"reports": {"requests": found.forecast, "seconds": round(budget.get("seconds", 0.0), 1)}}
        head: dict[str, Any] = {"dry_run": options.dry_run, "exit": code, "forecast": forecast}
        print_json({**head, **found.to_json(), "error": None, **error_json(error)})
        return
    if error is not None and not found.requests:
        return
    from syncd.commands.activity.days import show_days
    from syncd.report.screen import Screen

    screen = Screen()
    show_days(screen, found.days)
    for kind, taken in found.taken.items():
        one = f"{kind}s: {taken.new:,} new, {taken.changed:,} changed, {taken.unchanged:,} as known"
        screen.line(one)
    if options.dry_run:
        screen.line("Dry run: nothing was stored.")
    screen.line((counted(found.requests, "request"), "dim"))
