"""``syncd activity forget``: erases all that is kept of a number, for good, and what sinks were sent of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.given import existing_store
from syncd.commands.options import ActivityForgetOptions
from syncd.commands.running import Report, reported
from syncd.commands.settings import activity_of, loaded
from syncd.core.activity.instants import iso
from syncd.core.activity.numbers import canonical
from syncd.core.wording import counted
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen


def forget(config: Path | None, options: ActivityForgetOptions) -> int:
    """Erase, print what went, and return the exit code."""
    if sum((options.number is not None or options.sinks, options.listed, options.allow is not None)) != 1:
        raise ConfigError("write one of: NUMBER, --sinks (with or without NUMBER), --list, --allow DIGEST")

    def work(stopping: threading.Event) -> Report:
        settings = loaded(config, keyless=True)
        activity_of(settings)
        if options.listed or options.allow is not None:
            return allowed(settings, options.allow, again="syncd activity forget --list")
        found: Report = {"dry_run": options.dry_run, "at_sinks": []}
        if options.number is not None:
            found |= of_number(settings, options.number, dry_run=options.dry_run)
        if options.sinks and not options.dry_run:
            found["at_sinks"] = _at_sinks(settings, stopping)
        return found

    return reported(work, _show, as_json=options.as_json, happened=_happened)


def of_number(settings: Settings, text: str, *, dry_run: bool) -> Report:
    """Erase the calls and messages of a number, written in any way, and return what was erased.

    Raises:
        ConfigError: it is no number of somebody else, or there is no store.
        SyncdError: as :func:`syncd.activity.erasing.forget`.
    """
    from syncd.activity import erasing
    from syncd.activity.opening import region_of
    from syncd.state.leaving.forgotten import Forgotten

    region = region_of(settings)
    number = canonical(text, region)
    own = {canonical(each, region) for each in settings.own_numbers}
    with existing_store(settings, read_only=dry_run) as store:
        erasing.refuse_own(store, number, own)
        forgotten = Forgotten(settings.state)
        return erasing.forget(store, activity_of(settings), forgotten, number, dry_run=dry_run).to_json()


def _at_sinks(settings: Settings, stopping: threading.Event) -> list[Report]:
    from syncd.activity.delivering.erasure import erase_at
    from syncd.activity.delivering.session import open_deliveries

    with open_deliveries(settings, stopping=stopping) as session:
        return [erase_at(session, each).to_json() for each in settings.sinks.values()]


def allowed(settings: Settings, allow: str | None, *, again: str) -> Report:
    """Return what is forgotten, never whom, after what has the digest ``allow`` may come back; None: nothing may.

    ``again``: the command that shows the digests.

    Raises:
        ConfigError: nothing has this digest.
    """
    from syncd.state.leaving.forgotten import Forgotten

    forgotten = Forgotten(settings.state)
    if allow is not None and not forgotten.allow(allow.strip().lower()):
        raise ConfigError(f"nothing was forgotten under this digest: {again} shows the digests")
    rows = [
        {"what": each.what, "digest": each.digest, "at": iso(each.at), "source": each.source or None}
        for each in forgotten.entries()
    ]
    return {"forgotten": rows, **({} if allow is None else {"allowed": allow})}


def _happened(found: Report) -> Iterator[str]:
    for each in found.get("at_sinks", ()):
        if each["error"]:
            yield "not_delivered"
        if each["held"]:
            yield "held"


def _show(screen: Screen, found: Report) -> None:
    if "forgotten" in found:
        show_file(screen, found)
        return
    if "calls" in found:
        _show_here(screen, found)
    for each in found["at_sinks"]:
        _show_sink(screen, each)


def _show_here(screen: Screen, found: Report) -> None:
    what = ", ".join(
        counted(found[name], one) for name, one in (("calls", "call"), ("messages", "message"), ("files", "file"))
    )
    screen.line(f"{'Would be erased' if found['dry_run'] else 'Erased'}: {what}.")
    for each in found["sinks"]:
        records = counted(each["records"], "record")
        screen.line(f"{each['sink']}: {records} of them there; --sinks erases them too, where the sink can.")
    if found["dry_run"]:
        screen.line("Dry run: nothing was erased.")
    else:
        screen.line("The number stays away: what lists, deliveries and backups say of it leaves nothing here.")


def _show_sink(screen: Screen, each: Report) -> None:
    name = each["sink"]
    for held in each["held"]:
        screen.line(f"{name}: held: {held['detail']}")
        screen.line(f"to let exactly these go on: syncd approve {name} {held['digest']}", indent=4)
        screen.line("then: syncd activity forget --sinks", indent=4)
    if each["erased"]:
        screen.line(f"{name}: {counted(each['erased'], 'record')} erased.")
    if each["left"]:
        screen.line(f"{name}: to be erased there by hand: {', '.join(each['left'])}")
    if each["error"]:
        screen.line(f"{name}: {each['error']}")


def show_file(screen: Screen, found: Report) -> None:
    """Show what :func:`allowed` returned."""
    if "allowed" in found:
        screen.line(f"Allowed: {found['allowed'].strip().lower()}.")
        screen.line("What it names may come back: a contact with the next run, calls by the next pull of their days.")
    if found["forgotten"]:
        from syncd.commands.status import shown_time

        rows = [
            (each["what"], each["digest"], shown_time(each["at"]), each["source"] or "-") for each in found["forgotten"]
        ]
        screen.table(("what", "digest", "since", "source"), rows)
    else:
        screen.line("Nothing else is forgotten." if "allowed" in found else "Nothing is forgotten.")
