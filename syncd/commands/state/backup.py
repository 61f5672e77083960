"""``syncd state backup``: writes a copy of the state file, beside a running daemon."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.running import Report, reported
from syncd.commands.settings import loaded
from syncd.commands.state.asking import need_state
from syncd.commands.status import shown_time
from syncd.core.activity.instants import iso
from syncd.core.wording import counted, sized
from syncd.watch.status import company_json

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen
    from syncd.state.hand.backup import Backup


def backup(config: Path | None, file: Path, *, force: bool, as_json: bool) -> int:
    """Write the backup, print what it holds, and return the exit code."""

    def work(_stopping: threading.Event) -> Report:
        from syncd.state.hand.backup import back_up

        settings = loaded(config, keyless=True)
        need_state(settings)
        now = time.time()
        spared = [settings.path, *_others(settings)]
        made = back_up(settings.state, file, now=now, force=force, spared=spared)
        return {**backup_json(made), "at": iso(now), "not_in_it": [str(path) for path in _others(settings)]}

    return reported(work, _show, as_json=as_json)


def backup_json(made: Backup) -> dict[str, Any]:
    """Return what a backup holds, as JSON."""
    run, began = made.until or (None, None)
    return {
        "file": str(made.path),
        "size": made.size,
        "version": made.version,
        "company": company_json(made.company),
        "contacts": made.contacts,
        "until": None if began is None else {"run": run, "started": iso(began)},
    }


def holds(found: dict[str, Any]) -> str:
    """Say what a backup holds, for people."""
    contacts = sum(found["contacts"].values())
    until = found["until"]
    newest = f", until run {until['run']} of {shown_time(until['started'])}" if until else ", and no run"
    return f"{counted(contacts, 'contact')} of {counted(len(found['contacts']), 'source')}{newest}"


def _others(settings: Settings) -> list[Path]:
    """Return the files that syncd keeps beside the state."""
    from syncd.state.leaving.forgotten import Forgotten

    store = settings.activity.store if settings.activity else None
    return [path for path in (store, Forgotten(settings.state).path) if path and path.exists()]


def _show(screen: Screen, found: Report) -> None:
    screen.line(f"Backup: {found['file']}, {sized(found['size'])}: {holds(found)}")
    for path in found["not_in_it"]:
        screen.line(f"Not in it: {path}")
    screen.line(f"To put it back: syncd state restore {found['file']}")
