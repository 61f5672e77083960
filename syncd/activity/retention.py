"""Removes what is old: files, the deliveries as they came, texts, and whole calls and messages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from syncd.activity.media.folder import Folder, folders, unusable
from syncd.activity.media.removing import remove_old
from syncd.activity.session import ActivitySession
from syncd.core.activity.observations import Kind
from syncd.errors import SyncdError

_KINDS: tuple[Kind, ...] = ("call", "message")


@dataclass(slots=True)
class RetentionReport:
    """How many of each were removed.

    ``files``, ``size``: recordings and attachments, and their bytes. ``events``: deliveries. ``texts``, ``activities``:
    calls and messages that lost their texts, or all but their ids. ``errors``: folders that could not be cleared, by
    kind.
    """

    files: int = 0
    size: int = 0
    events: int = 0
    texts: int = 0
    activities: int = 0
    errors: dict[str, SyncdError] = field(default_factory=dict)

    @property
    def error(self) -> SyncdError | None:
        """The first error."""
        return next(iter(self.errors.values()), None)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it, without its errors."""
        return {name: count for name, count in asdict(self).items() if name != "errors"}


def retain(session: ActivitySession, awaited: Collection[str] = frozenset()) -> RetentionReport:
    """Remove what is kept for long enough. Nobody else may pull or fetch meanwhile: see ``leased``.

    ``awaited``: calls and messages whose delivery is still awaited (``call:ID``, ``message:CHANNEL:ID``); they and
    their files stay. An event that is not merged yet stays too.

    Raises:
        StateError: the store cannot be used.
        Stopped: the process was asked to stop.

    """
    report = RetentionReport()
    if session.dry_run:
        return report
    _remove_activities(session, report, awaited)
    _remove_files(session, report, awaited)
    _remove_texts(session, report)
    _remove_events(session, report)
    return report


def _remove_activities(session: ActivitySession, report: RetentionReport, awaited: Collection[str]) -> None:
    keep, activities = session.activity.keep.activity, session.store.activities
    if keep is None:
        return
    for kind in _KINDS:
        for keys in activities.old(kind, session.clock() - keep, awaited):
            session.halt_if_asked()
            # Without their rows nothing would ever remove the files.
            if not _clear(session, report, [f"{kind}:{key}" for key in keys]):
                break
            activities.remove(kind, keys)
            report.activities += len(keys)


def _clear(session: ActivitySession, report: RetentionReport, owners: list[str]) -> bool:
    """Remove the files of these owners; return False if one could not be removed."""
    places = {kind: Folder(wanted.folder) for kind, wanted in folders(session.activity)}
    for item in session.store.media.files_of(owners):
        # A folder that is no longer configured is the person's.
        if item.path and item.kind in places:
            try:
                places[item.kind].remove(item.path)
            except OSError as error:
                report.errors[item.kind] = unusable(error, item.kind, places[item.kind].root)
                return False
            report.files += 1
            report.size += item.size or 0
    return True


def _remove_files(session: ActivitySession, report: RetentionReport, awaited: Collection[str]) -> None:
    for kind, wanted in folders(session.activity):
        session.halt_if_asked()
        try:
            removed = remove_old(session, kind, wanted, awaited)
        except OSError as error:
            report.errors[kind] = unusable(error, kind, wanted.folder)
        else:
            report.files += removed.files
            report.size += removed.size


def _remove_texts(session: ActivitySession, report: RetentionReport) -> None:
    keep = session.activity.keep.text
    if keep is None:
        return
    before = session.clock() - keep
    for kind in _KINDS:
        session.halt_if_asked()
        report.texts += session.store.activities.drop_texts(kind, before)
    # A delivery as it came holds its text too.
    session.store.events.drop_bytes(before)


def _remove_events(session: ActivitySession, report: RetentionReport) -> None:
    keep = session.activity.keep.events
    if keep is not None:
        session.halt_if_asked()
        report.events += session.store.events.drop(session.clock() - keep)
