"""Erases all that is kept of a number, and keeps it away: what lists, deliveries and replays say of it leaves nothing.

The number's salted digest is written first, to the file beside the state. So a process that is ended in the middle, or
a store from a backup, is brought in line by the next one that opens the store: see :func:`sweep`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.activity.media.folder import Folder, folders, unusable
from syncd.activity.store.leaving.erasing import Traces
from syncd.activity.store.store import ActivityStore
from syncd.config.activity import Activity
from syncd.core.activity.attribution.decision import Contact
from syncd.core.activity.facts import FORGOTTEN
from syncd.core.activity.numbers import LONGEST_EXTENSION
from syncd.errors import ConfigError
from syncd.state.leaving.forgotten import KEY, Forgotten


@dataclass(slots=True)
class Erased:
    """What was erased of a number, or in a dry run would be: how many of each.

    ``records``: of its calls and messages, by sink; they are still there. ``copies``: older copies of the store that
    were removed.
    """

    calls: int = 0
    messages: int = 0
    files: int = 0
    events: int = 0
    records: dict[str, int] = field(default_factory=dict)
    copies: list[Path] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        names = ("calls", "messages", "files", "events")
        sinks = [{"sink": sink, "records": count} for sink, count in sorted(self.records.items())]
        shown = {name: getattr(self, name) for name in names}
        return {**shown, "sinks": sinks, "copies": [str(copy) for copy in self.copies]}


def refuse_own(store: ActivityStore, number: str, own: Iterable[str]) -> None:
    """Make sure that a number is somebody else's.

    Raises:
        ConfigError: it is an extension, or the company's own.
    """
    if len(number) <= LONGEST_EXTENSION:
        raise ConfigError("NUMBER: this is no phone number: write it with its area code, such as +1 212 555 0101")
    if number in own or store.erasing.is_own(number):
        raise ConfigError("this is a number of the company itself: all calls would go; nothing was erased")


def forget(
    store: ActivityStore, activity: Activity, forgotten: Forgotten, number: str, *, dry_run: bool = False
) -> Erased:
    """Erase what is kept of a number (digits), and what will come of it; with ``dry_run`` only count.

    Raises:
        StateError: the store, or the file of what was forgotten, cannot be written.
        SyncdError: a recording or an attachment cannot be removed; the same command goes on.
    """
    traces = store.erasing.traces(number)
    if not dry_run:
        forgotten.add_number(number, store.clock())
    return _erase(store, activity, number, traces, dry_run=dry_run)


def forget_contact(store: ActivityStore, contact: Contact, *, dry_run: bool = False) -> int:
    """Let no call and no message be a contact's any more; return how many name it.

    Raises:
        StateError: the store cannot be written.
    """
    left = store.attributions.without(contact)
    if left and not dry_run:
        store.attributions.put_erased(left)
    return len(left)


def sweep(store: ActivityStore, activity: Activity, forgotten: Forgotten) -> None:
    """Erase what the store has of forgotten numbers; there is nothing to do unless one of both was exchanged."""
    if not forgotten or store.facts.get(FORGOTTEN) == forgotten.stamp:
        return
    for number in list(filter(forgotten.has_number, set(store.erasing.numbers()))):
        _erase(store, activity, number, store.erasing.traces(number))
    # The store may be erased already, and its copies not: the command was ended in between.
    newest = max((each.at for each in forgotten.entries() if each.what != KEY), default=0.0)
    _remove_copies(copy for copy in store.copies() if copy.exists() and copy.stat().st_mtime <= newest)
    store.facts.set(FORGOTTEN, forgotten.stamp)


def _erase(store: ActivityStore, activity: Activity, number: str, traces: Traces, *, dry_run: bool = False) -> Erased:
    done = Erased(
        calls=len(traces.keys["call"]),
        messages=len(traces.keys["message"]),
        events=len(traces.events),
        records=dict(store.erasing.at_sinks(traces)),
        copies=store.copies(),
    )
    places = {kind: Folder(wanted.folder) for kind, wanted in folders(activity)}
    for item in store.media.files_of(traces.owners()):
        done.files += 1
        if item.path and not dry_run:
            _remove(places, item.kind, item.path)
    if not dry_run:
        store.erasing.erase(number, traces)
        _remove_copies(done.copies)
    return done


def _remove_copies(copies: Iterable[Path]) -> None:
    """Remove copies from before a migration, which would keep what was erased."""
    for copy in copies:
        copy.unlink(missing_ok=True)


def _remove(places: dict[str, Folder], kind: str, path: str) -> None:
    if kind not in places:
        raise ConfigError(
            f"activity.{kind}s is not configured any more, so its file {path} cannot be removed: configure its folder, "
            "and run the command again"
        )
    try:
        places[kind].remove(path)
    except OSError as error:
        raise unusable(error, kind, places[kind].root) from error
