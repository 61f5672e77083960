"""``syncd activity forget``: erases all that is kept of a number, for good."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.activity.given import existing_store
from syncd.commands.options import ActivityForgetOptions
from syncd.commands.running import Report, reported
from syncd.commands.settings import activity_of, loaded
from syncd.core.activity.numbers import canonical
from syncd.core.wording import counted

if TYPE_CHECKING:
    from syncd.report.screen import Screen


def forget(config: Path | None, options: ActivityForgetOptions) -> int:
    """Erase, print what went, and return the exit code."""

    def work(_: threading.Event) -> Report:
        from syncd.activity import erasing
        from syncd.activity.opening import region_of
        from syncd.state.leaving.forgotten import Forgotten

        settings = loaded(config, keyless=True)
        region = region_of(settings)
        number = canonical(options.number, region)
        own = {canonical(each, region) for each in settings.own_numbers}
        with existing_store(settings, read_only=options.dry_run) as store:
            erasing.refuse_own(store, number, own)
            forgotten = Forgotten(settings.state)
            done = erasing.forget(store, activity_of(settings), forgotten, number, dry_run=options.dry_run)
        return {"dry_run": options.dry_run, **done.to_json()}

    return reported(work, _show, as_json=options.as_json)


def _show(screen: Screen, found: Report) -> None:
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
