"""The story of fetching: what is wanted, newest first, ten files at a time, within the share of the request windows."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.media.fetching import Fetched, Fetching
from syncd.activity.media.folder import Folder, folders, unusable
from syncd.activity.media.removing import remove_old
from syncd.activity.session import ActivitySession
from syncd.activity.store.media import Item
from syncd.config.activity import Media
from syncd.core.activity.media.keeping import Limits, fetched_from
from syncd.errors import SyncdError, TargetError, TargetRefused
from syncd.rest import TARGET, Bounds, Downloads

AT_ONCE = 10
BATCH = 50
PATIENCE = 90.0
"""Seconds for which requests may wait for the windows; what takes longer waits for the next run."""

FORBIDDEN = 10
"""After so many refusals and no file, the key is taken to be one that may not read media."""


@dataclass(slots=True)
class MediaReport:
    """What a run did with recordings and attachments, as counts.

    ``fetched``, ``size``: files that were kept, and their bytes. ``gone``: the API has them no longer. ``refused``,
    ``failed``: by cause, files that may not be fetched, and that are tried again. ``waiting``: files that are due and
    were left for the next run. ``removed``: old ones that made room. ``errors``: what ended it early, by kind.
    """

    fetched: int = 0
    size: int = 0
    gone: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    removed: int = 0
    errors: dict[str, SyncdError] = field(default_factory=dict)

    @property
    def error(self) -> SyncdError | None:
        """The first error."""
        return next(iter(self.errors.values()), None)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it, without its errors."""
        names = ("fetched", "size", "gone", "refused", "failed", "waiting", "removed")
        return {name: getattr(self, name) for name in names}

    def count(self, fetched: Fetched) -> None:
        """Count what became of one file."""
        state = fetched.columns["state"]
        if fetched.cause is None:
            self.fetched += 1
            self.size += fetched.size
        elif state == "gone":
            self.gone += 1
        else:
            counts = self.refused if state == "refused" else self.failed
            counts[fetched.cause] = counts.get(fetched.cause, 0) + 1


def fetch_media(session: ActivitySession, awaited: Collection[str] = frozenset()) -> MediaReport:
    """Fetch the files that are due, of the kinds that are configured. Nobody else may fetch meanwhile: see ``leased``.

    ``awaited``: the owners whose delivery is still awaited; their files are not removed to make room.

    Raises:
        AccessDenied: the key is refused.
        StateError: the store cannot be used.
        Stopped: the process was asked to stop.

    """
    report = MediaReport()
    if session.dry_run:
        return report
    # The next run looks at the lists, and waits for the end of this one.
    until = session.clock() + session.activity.pull.every
    target = session.settings.target
    for kind, wanted in folders(session.activity):
        bounds = Bounds(target.timeout, target.deadline, max_answer=wanted.at_most)
        with Downloads(failures=TARGET, bounds=bounds, stopping=session.stopping) as downloads:
            folder = Folder(wanted.folder)
            fetching = Fetching(session.media, downloads, folder, wanted.at_most, session.clock)
            try:
                folder.prepare()
                _Run(session, kind, wanted, fetching, report, awaited, until).run()
            except TargetError as error:
                report.errors[kind] = error
            except OSError as error:
                report.errors[kind] = unusable(error, kind, wanted.folder)
    return report


@dataclass(slots=True)
class _Run:
    """One kind of files.

    ``until``: when no more are begun, in Unix seconds. ``ends``: is set once one file has shown that the others would
    fail too.
    """

    session: ActivitySession
    kind: str
    wanted: Media
    fetching: Fetching
    report: MediaReport
    awaited: Collection[str]
    until: float
    ends: threading.Event = field(default_factory=threading.Event)
    forbidden: int = 0

    def run(self) -> None:
        media = self.session.store.media
        media.release(self.kind)
        try:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="media") as pool:
                now = self.session.clock()
                # What fails is tried again later than now, so no file comes twice.
                while batch := media.due(now, BATCH, self.kind, since := self._since(now)):
                    self.session.halt_if_asked()
                    affordable = batch[: self._affordable(len(batch))]
                    if not affordable or self.session.clock() >= self.until:
                        self.report.waiting += media.count_due(now, self.kind, since)
                        return
                    media.begin([item.media_id for item in affordable])
                    self._finish([pool.submit(self._one, item) for item in affordable])
        finally:
            media.release(self.kind)

    def _since(self, now: float) -> float:
        """Make room; return how old a file may be that is fetched."""
        removed = remove_old(self.session, self.kind, self.wanted, self.awaited)
        self.report.removed += removed.files
        room = self.session.store.media.room(self.kind)
        return fetched_from(room, Limits(self.wanted.keep, self.wanted.at_most), now)

    def _affordable(self, count: int) -> int:
        """Return for how many of ``count`` requests there is room soon."""
        while count and self.session.media_budget.forecast(count) > PATIENCE:
            count //= 2
        return count

    def _one(self, item: Item) -> Fetched | None:
        """Fetch one file and store what became of it; None if a file before it has ended the run."""
        if self.ends.is_set():
            return None
        try:
            fetched = self.fetching.fetch(item)
            self.session.store.media.change(item.media_id, **fetched.columns)
        except BaseException:
            self.ends.set()
            raise
        return fetched

    def _finish(self, begun: list[Future[Fetched | None]]) -> None:
        """Count what became of files; raise the first error once none is being fetched any more."""
        wait(begun)
        errors = [error for each in begun if (error := each.exception())]
        for fetched in [each.result() for each in begun if not each.exception()]:
            if fetched:
                self.report.count(fetched)
                self.forbidden += fetched.cause == "forbidden"
        for error in errors:
            raise error
        if self.forbidden >= FORBIDDEN and not self.report.fetched:
            raise TargetRefused(
                "Vocatech refuses all recordings and attachments: let the key of target.api_key read them",
                status=403,
            )
