"""``syncd state restore``: puts a backup in the place of the state, and says what the next run reads back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.running import Report, reported
from syncd.commands.settings import loaded
from syncd.commands.state.asking import agreed, can_ask, list_forecast
from syncd.commands.state.backup import backup_json, holds
from syncd.core.company.identity import Company, other_company
from syncd.core.wording import listed
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen
    from syncd.state.hand.backup import Backup


def restore(config: Path | None, file: Path, *, yes: bool, as_json: bool) -> int:
    """Restore the backup, print what that means, and return the exit code."""

    def work(_stopping: threading.Event) -> Report:
        settings = loaded(config, keyless=True)
        return _restored(settings, file.absolute(), yes=yes, as_json=as_json)

    return reported(work, _show, as_json=as_json, happened=_happened)


def _restored(settings: Settings, file: Path, *, yes: bool, as_json: bool) -> Report:
    from syncd.daemon.lock import Lock
    from syncd.state.hand.backup import look_at
    from syncd.state.hand.restore import condition_of, require_free, require_known
    from syncd.state.hand.restore import restore as put_back

    if file.exists() and settings.state.exists() and file.samefile(settings.state):
        raise ConfigError(f"{file}: this is the state file itself; name a backup")
    backup = look_at(file)
    require_known(backup)
    condition = condition_of(settings.state)
    now = look_at(settings.state) if condition == "whole" else None
    _require_same_company(backup, now.company if now else None, settings)
    found: Report = {"restored": False, "state": str(settings.state), "condition": condition, **backup_json(backup)}
    lock = Lock()
    # A daemon would begin a run at any moment.
    lock.take(str(settings.state))
    try:
        if condition == "whole":
            require_free(settings.state, time.time())
        if not yes and can_ask(as_json=as_json) and not _asked(found, condition):
            return {**found, "kept": None, "read_back": None}
        done = put_back(file, settings.state, condition)
    finally:
        lock.release()
    contacts = sum((now or backup).contacts.values())
    listing = list_forecast(settings, max(contacts, sum(backup.contacts.values())))
    read_back = {"sources": [*settings.sources], **listing}
    return {**found, "restored": True, "kept": None if done.kept is None else str(done.kept), "read_back": read_back}


def _asked(found: Report, condition: str) -> bool:
    from syncd.report.screen import Screen

    Screen().line(f"Backup: {found['file']}: {holds(found)}")
    kept = " The state of now is kept beside it." if condition != "missing" else ""
    return agreed(f"Put it in the place of {found['state']}?{kept}")


def _require_same_company(backup: Backup, now: Company | None, settings: Settings) -> None:
    key = settings.target.api_key
    configured = settings.target.base_url
    if why := other_company(backup.company, now, configured, None if key.missing else key.reveal()):
        raise ConfigError(
            f"{backup.path}: this backup is another company's: {why}, and the configuration names {configured}. "
            "Restore it with the configuration of that company. If only the key was rotated since, give this command "
            "the key of that time: the next run proves by the contacts that it is the same company"
        )


def _happened(found: Report) -> Iterator[str]:
    if not found["restored"]:
        yield "not_confirmed"


def _show(screen: Screen, found: Report) -> None:
    if not found["restored"]:
        screen.line("Nothing was changed.")
        return
    screen.line(f"Restored: {found['state']} is what {found['file']} says: {holds(found)}")
    if found["kept"]:
        screen.line(f"The state of before is kept: {found['kept']}")
    back = found["read_back"]
    sources = listed(back["sources"]) or "none"
    screen.line("Read back by the next run:", hanging=2)
    screen.line(f"each source, whole: {sources}", indent=2)
    twice = "twice, if a source has contacts that the backup does not know"
    screen.line(f"the target's list, to find out what has happened since ({back['text']}; {twice})", indent=2)
    screen.line("Contacts that syncd has made since the backup are adopted: it deletes them later only with")
    screen.line("deletes: {adopted: true}.")
    screen.line("See first what the next run does: syncd run --dry-run")
