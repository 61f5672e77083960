"""``syncd state check``: is the state file whole, how large is it, and what is kept in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.running import Report, reported
from syncd.commands.settings import loaded
from syncd.commands.state.asking import need_state
from syncd.commands.status import shown_time
from syncd.core.activity.instants import iso
from syncd.core.company.identity import Company, fingerprint
from syncd.core.wording import counted, sized
from syncd.state.database import HEAD
from syncd.watch.status import company_json

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen
    from syncd.state.hand.check import Checked, OtherFile


def check(config: Path | None, *, as_json: bool) -> int:
    """Look, print what was found, and return the exit code."""

    def work(_stopping: threading.Event) -> Report:
        from syncd.state.hand.check import check_state

        settings = loaded(config, keyless=True)
        need_state(settings)
        store = settings.activity.store if settings.activity else None
        return _report(check_state(settings.state, [*settings.sources], store, time.time()), settings)

    return reported(work, _show, as_json=as_json, happened=_happened)


def _happened(found: Report) -> Iterator[str]:
    if found["problems"]:
        yield "state_problem"


def _report(found: Checked, settings: Settings) -> Report:
    company = found.company
    is_same, note = _key_of(company, settings)
    return {
        "state": str(found.path),
        "version": found.version,
        "knows": HEAD,
        "mode": f"{found.mode:04o}",
        "size": found.size,
        "log": found.log,
        "free": found.free,
        "whole": not found.faults,
        "faults": found.faults,
        "company": company_json(company),
        "same_key": is_same,
        "sources": [
            {**each, "oldest_change": None if each["oldest_change"] is None else iso(each["oldest_change"])}
            for each in found.sources
        ],
        "requests": found.requests,
        "running": found.running,
        "restored": None if found.restored is None else iso(found.restored),
        "backups": [{**each, "at": iso(each["at"])} for each in found.backups],
        "copies": [str(path) for path in found.copies],
        "activity": _other(found.store),
        "forgotten": _other(found.forgotten),
        "problems": found.problems,
        "notes": [*found.notes, *note],
    }


def _other(file: OtherFile | None) -> dict[str, Any] | None:
    if file is None:
        return None
    entries = {} if file.entries is None else {"entries": file.entries}
    return {"file": str(file.path), "size": file.size, "whole": not file.faults, "faults": file.faults, **entries}


def _key_of(company: Company | None, settings: Settings) -> tuple[bool | None, list[str]]:
    """Return whether the configured key is the company's, None if nobody can tell, and what there is to say of it."""
    key = settings.target.api_key
    if company is None or company.fingerprint is None or key.missing:
        return None, []
    if fingerprint(key.reveal(), company.salt) == company.fingerprint:
        return True, []
    return False, ["the configured key is not the one of the last run: the next run proves first whose it is"]


def _show(screen: Screen, found: Report) -> None:
    beside = f", and a log of {sized(found['log'])}" if found["log"] else ""
    free = f", {sized(found['free'])} of it free" if found["free"] else ""
    screen.line(
        f"State: {found['state']}, {sized(found['size'])}{free}{beside}, version {found['version'] or 'unknown'}"
    )
    company = found["company"]
    if company:
        key = f" (key {company['fingerprint']})" if company["fingerprint"] else ""
        proved = f", proved {shown_time(company['proved_at'])}" if company["proved_at"] else ""
        screen.line(f"Company: {company['address']}{key}{proved}")
    if found["sources"]:
        head = ("source", "contacts", "unknown", "rejected", "missing", "held", "changes", "since", "runs", "next read")
        screen.table(head, [_row(each) for each in found["sources"]])
    _show_files(screen, found)
    for note in found["notes"]:
        screen.line("note: ", note, hanging=2)
    for problem in found["problems"]:
        screen.line(("problem: ", "bold red"), problem, hanging=2)
    if not found["problems"]:
        screen.line("The state is whole.")


def _show_files(screen: Screen, found: Report) -> None:
    for what, name in (("Activity store", "activity"), ("Forgotten", "forgotten")):
        if each := found[name]:
            entries = f", {counted(each['entries'], 'entry', 'entries')}" if "entries" in each else ""
            screen.line(f"{what}: {each['file']}, {sized(each['size'])}{entries}")
    for path in found["copies"]:
        screen.line(f"Copy: {path}")
    there = [each for each in found["backups"] if each["there"]]
    if there:
        screen.line(f"Newest backup: {there[-1]['path']} of {shown_time(there[-1]['at'])}")


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    numbers = (f"{each[name]:,}" for name in ("contacts", "pending", "rejected", "missing", "held", "changes"))
    since = (each["oldest_change"] or "-")[:10]
    name = each["source"] if each["configured"] else f"{each['source']} (not configured)"
    return (name, *numbers, since, f"{each['runs']:,}", "from the last one" if each["cursor"] else "whole")
