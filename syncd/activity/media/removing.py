"""Removes the files of recordings and attachments that are old, or more than their folder may hold."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from syncd.activity.media.folder import Folder
from syncd.activity.session import ActivitySession
from syncd.config.activity import Media
from syncd.core.activity.media.keeping import Limits, too_many

_TOGETHER = 100


class Removed(NamedTuple):
    """How many files were removed, and their bytes."""

    files: int = 0
    size: int = 0

    def plus(self, files: int, size: int) -> Removed:
        return Removed(self.files + files, self.size + size)


def remove_old(session: ActivitySession, kind: str, wanted: Media, awaited: Collection[str] = frozenset()) -> Removed:
    """Remove files of a kind by age and by size, except those of ``awaited`` owners (``call:ID``).

    Raises:
        OSError: a file is there and cannot be removed.

    """
    media, folder, removed = session.store.media, Folder(wanted.folder), Removed()
    room = media.room(kind)
    old = too_many(media.kept(kind), room.total, Limits(wanted.keep, wanted.at_most), session.clock(), awaited)
    while page := list(islice(old, _TOGETHER)):
        # The file first: a row without its file is removed once more, a file without its row never would be.
        for each in page:
            if each.path:
                folder.remove(each.path)
        media.expire([each.media_id for each in page])
        removed = removed.plus(len(page), sum(each.size for each in page))
    return removed
