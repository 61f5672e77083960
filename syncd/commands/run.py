"""``syncd run``: one run of some or all sources."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

from syncd.commands.options import RunOptions
from syncd.commands.running import Ran, concluded, opened, run_each
from syncd.commands.settings import loaded, needed_sources
from syncd.errors import ConfigError, Stopped
from syncd.report.exit_code import BROKEN_OFF, GOOD


def run(config: Path | None, options: RunOptions) -> int:
    """Run, print the report, and return the exit code."""
    ran = Ran()
    code = concluded(options, ran, partial(_run, config, options, ran))
    # Whoever has asked the command to stop does not wait for the server of a notification.
    stopped = code == BROKEN_OFF or isinstance(ran.error, Stopped)
    settings = None if options.dry_run or stopped else ran.settings
    if settings is not None and (settings.notify.tells or settings.notify.heartbeat):
        from syncd.watch.notify import after_run

        after_run(settings, good=code in GOOD and ran.error is None, clock=time.time)
    return code


def _run(config: Path | None, options: RunOptions, ran: Ran, stopping: threading.Event) -> None:
    if options.exit_code and not options.dry_run:
        raise ConfigError("--exit-code says whether a dry run finds changes: add --dry-run")
    if options.plan and not options.dry_run:
        raise ConfigError("--plan writes the plan of a dry run: add --dry-run")
    settings = ran.settings = loaded(config)
    sources = needed_sources(settings, options.sources or ())

    # What is slow to import is imported here, where the signals are handled already.
    from syncd.commands.written_file import CALLERS, CHANGES, check_plan, check_written
    from syncd.report.changes_file import callers_file, write_changes
    from syncd.report.plan_file import keep_plan
    from syncd.sync import run_source

    if options.changes is not None:
        beside = callers_file(options.changes)
        check_written(options.changes, f"--changes {options.changes}", CHANGES, "no file of changes", settings)
        check_written(beside, f"--changes {options.changes}: {beside}", CALLERS, "no file of callers", settings)
    if options.plan is not None:
        check_plan(options.plan, f"--plan {options.plan}", settings)
    with opened(settings, stopping, dry_run=options.dry_run, wait=options.wait) as session:
        session.full = options.full
        run_each(session, sources, ran, partial(run_source, session))
        if options.plan is not None:
            keep_plan(options.plan, session, ran.reports)
    if options.changes is not None:
        write_changes(options.changes, ran.reports)
