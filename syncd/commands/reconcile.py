"""``syncd reconcile``: what the target holds, beside what it last answered; and, if it is asked for, the repair."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.run import interruptible, placed, shown_progress
from syncd.commands.settings import chosen_sources, loaded
from syncd.report.endings import code_of, message_of, say_error, silence_stdout

if TYPE_CHECKING:
    from syncd.report.drift_report import Reconciled


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``syncd reconcile`` was asked for."""

    sources: Sequence[str] = ()
    repair: bool = False
    as_json: bool = False
    wait: bool = False


def reconcile(wish: Wish, config: Path | None) -> int:
    """Compare, print what was found, return the exit code."""
    from syncd.report.drift_report import Reconciled

    found, error = Reconciled(repair=wish.repair), None
    stopping = threading.Event()
    with interruptible(stopping):
        try:
            _carry_out(wish, config, found, stopping)
        except (Exception, KeyboardInterrupt) as ended:  # noqa: BLE001 (whatever it is, what was found is printed)
            error = ended
    code = _code(found, error)
    try:
        _print(wish, found, error, code)
    except BrokenPipeError:
        silence_stdout()
    for source in found.sources:
        if source.error is not None and source.error is not error:
            say_error(placed(source.source, source.error))
    if error is not None:
        say_error(message_of(error))
    return code


def _carry_out(wish: Wish, config: Path | None, found: Reconciled, stopping: threading.Event) -> None:
    from syncd.reconcile import reconcile as carry_out
    from syncd.run.session import open_session
    from syncd.state.place import is_there

    settings = loaded(config)
    sources = chosen_sources(settings, wish.sources)
    unused = not is_there(settings.state)  # then nothing is known, and no file is made to say so
    with (
        shown_progress() as watcher,
        open_session(settings, dry_run=unused and not wish.repair, stopping=stopping, watcher=watcher) as session,
    ):
        session.wait = wish.wait
        carry_out(session, sources, found)


def _code(found: Reconciled, error: BaseException | None) -> int:
    from syncd.report.source_report import gravest

    return gravest([source.exit_code for source in found.sources]) if error is None else code_of(error)


def _print(wish: Wish, found: Reconciled, error: BaseException | None, code: int) -> None:
    if wish.as_json:
        sys.stdout.write(json.dumps(as_json(found, error, code), ensure_ascii=False) + "\n")
    else:
        from syncd.report.drift_screen import show_drift
        from syncd.report.screen import Screen

        show_drift(Screen(), found)
    sys.stdout.flush()


def as_json(found: Reconciled, error: BaseException | None, code: int) -> dict[str, Any]:
    """The one object that ``--json`` prints; ``error`` is there when nothing, or not all, could be compared."""
    told: dict[str, Any] = {
        "run": found.run,
        "repair": found.repair,
        "exit": code,
        "requests": found.sent,
        "target": {
            "contacts": found.there,
            "extra_foreign": len(found.foreign),
            "foreign_ids": found.foreign,
            "shared_numbers": found.shared,
        },
        "sources": [source.to_json() for source in found.sources],
    }
    if error is not None:
        told["error"] = {"kind": type(error).__name__, "exit": code, "message": message_of(error)}
    return told
