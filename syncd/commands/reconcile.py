"""``syncd reconcile``: compares the target with what it answered last, and repairs it if asked to."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.options import ReconcileOptions
from syncd.commands.running import error_of, finished, opened
from syncd.commands.settings import loaded, needed_sources
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.report.drift_report import Reconciled


def reconcile(config: Path | None, options: ReconcileOptions) -> int:
    """Compare, print what was found, and return the exit code."""
    from syncd.report.drift_report import Reconciled

    found = Reconciled(repair=options.repair)
    error = error_of(partial(_carry_out, config, options, found))
    return finished(partial(_print, options, found, error), found.sources, error)


def _carry_out(config: Path | None, options: ReconcileOptions, found: Reconciled, stopping: threading.Event) -> None:
    # Imported here, where the signals are handled already: it takes a while.
    from syncd.reconcile import reconcile as carry_out
    from syncd.state.place import is_there

    settings = loaded(config)
    sources = needed_sources(settings, options.sources or ())
    # Before the first run nothing is known, and only to look at that no state file is made.
    dry_run = not is_there(settings.state) and not options.repair
    with opened(settings, stopping, dry_run=dry_run, wait=options.wait) as session:
        carry_out(session, sources, found)


def _print(options: ReconcileOptions, found: Reconciled, error: BaseException | None, code: int) -> None:
    if not options.as_json:
        from syncd.report.drift_screen import show_drift
        from syncd.report.screen import Screen

        show_drift(Screen(), found)
        return
    foreign = {"extra_foreign": len(found.foreign), "foreign_ids": found.foreign}
    target = {"contacts": found.there, **foreign, "shared_numbers": found.shared}
    head = {"run": found.run, "repair": found.repair, "exit": code, "requests": found.sent, "target": target}
    # There is an error if not all sources could be compared.
    print_json({**head, "sources": [source.to_json() for source in found.sources], **error_json(error)})
