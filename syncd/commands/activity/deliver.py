"""``syncd activity deliver``: calls and messages go to the sinks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.given import require_store
from syncd.commands.options import DeliverOptions
from syncd.commands.running import error_of, finished, progress
from syncd.commands.settings import activity_of, loaded, needed_sinks
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.delivering.book import Book
    from syncd.activity.delivering.report import SinkReport

EVER = 7 * 86_400.0
"""Seconds for which ``--wait`` waits."""

HEAD = ("sink", "kind", "key", "id")
"""The first columns of a file of changes."""


@dataclass(slots=True)
class Delivered:
    """What was delivered so far. ``run``: the name of the run; None before it began."""

    run: str | None = None
    reports: list[SinkReport] = field(default_factory=list)
    book: Book | None = None


def deliver(config: Path | None, options: DeliverOptions) -> int:
    """Deliver, print the report, and return the exit code."""
    if options.stay:
        from syncd.commands.activity.staying import stay

        return stay(config, options)
    done = Delivered()
    ended = error_of(partial(_work, config, options, done))
    return finished(partial(_print, options, done, ended), done.reports, ended)


def _work(config: Path | None, options: DeliverOptions, done: Delivered, stopping: threading.Event) -> None:
    settings = loaded(config, keyless=True)
    sinks = needed_sinks(settings, options.sinks or ())
    require_store(settings)
    from syncd.activity.deliver import deliver as deliver_all
    from syncd.activity.delivering.book import Book
    from syncd.activity.delivering.session import open_deliveries

    done.book = Book()
    with ExitStack() as stack:
        watcher = stack.enter_context(progress())
        if options.changes is not None:
            from syncd.activity.delivering.file import writing
            from syncd.commands.written_file import check_written

            named = f"--changes {options.changes}"
            check_written(options.changes, named, HEAD, "no file of changes", settings)
            done.book.write = stack.enter_context(writing(options.changes, named))
        wait = EVER if options.wait else 0.0
        session = stack.enter_context(
            open_deliveries(settings, dry_run=options.dry_run, wait=wait, stopping=stopping, watcher=watcher)
        )
        session.book, done.run = done.book, session.run
        # What was pulled alone has no contacts yet, and each of its records would have to be written twice.
        if not options.dry_run:
            from syncd.activity.attributing.work import Attributing, policy_of

            policy = policy_of(settings, activity_of(settings))
            Attributing(policy, session.store, session.state, halt_if_asked=session.halt_if_asked).run()
        deliver_all(session, sinks, done.reports)


def _print(options: DeliverOptions, done: Delivered, error: BaseException | None, code: int) -> None:
    if options.as_json:
        sinks = [each.to_json() for each in done.reports]
        head = {"run": done.run, "dry_run": options.dry_run, "exit": code}
        print_json({**head, "sinks": sinks, "error": None, **error_json(error)})
        return
    show(done.reports, done.book, dry_run=options.dry_run, whole="; --changes FILE writes them all")


def show(reports: Sequence[SinkReport], book: Book | None, *, dry_run: bool, whole: str = "") -> None:
    """Write what was delivered, or would be, sink by sink. ``whole``: how all changes are seen, such as an option."""
    from syncd.activity.delivering.screen import show_deliveries
    from syncd.report.screen import Screen

    show_deliveries(Screen(), reports, book, dry_run=dry_run, whole=whole)
