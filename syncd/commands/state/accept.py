"""``syncd state accept``: gives the state file to the company of the configured key."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.running import error_of, finished, opened
from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.errors import ConfigError
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.accept import Accepted


def accept(config: Path | None, *, as_json: bool) -> int:
    """Accept the company, print what was found, and return the exit code."""
    done: list[Accepted] = []
    error = error_of(partial(_accept, config, done))
    return finished(partial(_print, done, error, as_json=as_json), (), error)


def _accept(config: Path | None, done: list[Accepted], stopping: threading.Event) -> None:
    from syncd.accept import accept as accept_company
    from syncd.state.place import is_there

    settings = loaded(config)
    if not is_there(settings.state):
        raise ConfigError(f"{settings.state}: there is no state file yet, so there is nothing to accept: run syncd run")
    with opened(settings, stopping, dry_run=False, wait=False) as session:
        done.append(accept_company(session))


def _print(done: list[Accepted], error: BaseException | None, code: int, *, as_json: bool) -> None:
    from syncd.watch.status import company_json

    if as_json:
        found = [
            {
                "company": company_json(each.company),
                "contacts": {"known": each.known, "found": each.found, "moved": each.moved, "there": each.there},
            }
            for each in done
        ]
        print_json({"exit": code, **(found[0] if found else {}), **error_json(error)})
        return
    from syncd.report.screen import Screen

    screen = Screen()
    for each in done:
        screen.line(f"The state belongs to the company at {each.company.address} (key {each.company.fingerprint}).")
        moved = f", {each.moved:,} of them under another id" if each.moved else ""
        lost = each.known - each.found
        anew = f" The next run makes the other {counted(lost, 'contact')} anew." if lost else ""
        are = "is" if each.found == 1 else "are"
        screen.line(f"{each.found:,} of {counted(each.known, 'known contact')} {are} there{moved}.{anew}")
