"""Fetches one file: asks the API for its address, downloads it at once, and keeps it if it is what was named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncd.activity.media.folder import Folder, Writing
from syncd.activity.store.media import Item
from syncd.core.activity.instants import day_of
from syncd.core.activity.media.naming import Named, file_name, is_same_type, type_of
from syncd.core.activity.media.trying import Cause, cause_of_api, cause_of_file, failed, kept
from syncd.errors import TargetMoved, TargetRefused, TargetUnavailable
from syncd.rest import Client, Downloaded, Downloads

_ANSWERED = (403, 404, 410)
_FRESH = 2  # addresses: one may expire, or be refused, before it is used


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a try: the columns to store. ``cause``: why it failed; ``size``: bytes that were kept."""

    columns: dict[str, Any]
    cause: Cause | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Fetching:
    """What it takes. ``client``: of ``GET /media/ID``; ``most``: the bytes of one file; ``clock``: Unix seconds."""

    client: Client
    downloads: Downloads
    folder: Folder
    most: int
    clock: Callable[[], float]

    def fetch(self, item: Item) -> Fetched:
        """Try to fetch a file.

        Raises:
            AccessDenied, TargetUnavailable, TargetMoved: the API answers nothing.
            OSError: the file cannot be written.
            Stopped: the process was asked to stop.

        """
        cause: Cause | None = None
        for _ in range(_FRESH):
            named, cause = self._ask(item.media_id)
            if named is None:
                break
            with self.folder.begin() as writing:
                done, cause = self._download(item, named, writing)
                if cause is None:
                    return self._kept(item, named, done, writing)
            if cause != "denied":
                break
        return self._failed(item, cause or "odd")

    def _ask(self, media_id: str) -> tuple[Named | None, Cause | None]:
        """Return what the API says of a file, or why it says nothing."""
        # The store holds ids of letters, digits, - and _ only, so an id is one part of the path.
        try:
            answer = self.client.request("GET", f"/media/{media_id}", returned=_ANSWERED)
        except TargetMoved:
            raise
        except TargetRefused as refused:
            return None, cause_of_api(refused.status) or "odd"
        if cause := cause_of_api(answer.status):
            return None, cause
        named = Named.of(answer.body, media_id)
        return named, None if named else "odd"

    def _download(self, item: Item, named: Named, writing: Writing) -> tuple[Downloaded, Cause | None]:
        """Write the file; return what came, and why it is not kept."""
        try:
            done = self.downloads.fetch(named.url, writing.file, at_most=self.most)
        except TargetRefused as refused:
            return Downloaded(refused.status), cause_of_file(refused.status) or "denied"
        except TargetUnavailable:
            return Downloaded(0), "broken"
        if cause := cause_of_file(done.status):
            return done, cause
        if done.size == 0:
            return done, "empty"
        if any(size and size != done.size for size in (item.size, named.size)):
            return done, "size"
        return done, None if is_same_type(named.content_type, done.content_type) else "type"

    def _kept(self, item: Item, named: Named, done: Downloaded, writing: Writing) -> Fetched:
        now = self.clock()
        content_type = named.content_type or type_of(item.content_type)
        name = file_name(item.media_id, content_type, named.format, item.filename)
        path = writing.keep(day_of(now if item.at is None else item.at), name)
        step = kept(item.attempts)
        columns = {
            "state": step.state,
            "attempts": step.attempts,
            "next_try": step.next_try,
            "reason": step.reason,
            "path": path,
            "sha256": done.sha256,
            "size": done.size,
            "content_type": content_type or None,
            "duration": item.duration if named.duration is None else named.duration,
            "fetched": now,
        }
        return Fetched(columns, size=done.size)

    def _failed(self, item: Item, cause: Cause) -> Fetched:
        step = failed(item.attempts, cause, self.clock())
        columns = {
            "state": step.state,
            "attempts": step.attempts,
            "next_try": step.next_try,
            "reason": step.reason,
        }
        return Fetched(columns, cause)
