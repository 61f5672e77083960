"""The sink ``files``: a folder with one file for each day of calls, and one for each day of messages."""

from __future__ import annotations

import errno
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from connectors.day_files.days import BEGUN, FOLDERS, DayFile, Record, identity_of
from connectors.day_files.failures import explained
from connectors.day_files.options import DayFilesOptions
from syncd.errors import SinkUnavailable
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, SinkRules, Wants, record_of

_MODES = {"owner": (0o700, 0o600), "group": (0o750, 0o640)}
"""The modes of folders and of files."""


class DayFiles(Sink):
    """Writes the file of a day whole, so that a reader sees the old one or the new one.

    A row that the file has and the day has not stays: the store may have removed it as old. :meth:`erase` removes rows.
    """

    OPTIONS = DayFilesOptions

    def __init__(self, name: str, options: Options, rules: SinkRules) -> None:
        super().__init__(name, options, rules)
        self._options = cast(DayFilesOptions, options)
        self._root = self._options.folder
        self._folder_mode, self._file_mode = _MODES[self._options.readers]
        self._cancelled = threading.Event()
        self._swept: set[Path] = set()

    def wants(self) -> Wants:
        return Wants(days=True, erases=True, compares=False)

    def check(self) -> list[Note]:
        if not self._root.is_dir():
            with explained(self._root):
                # Other things than a folder are refused here, and a link that leads nowhere.
                if os.path.lexists(self._root):
                    raise NotADirectoryError(errno.ENOTDIR, "not a folder")
                _require_writable(self._root.parent)
            return [Note(f"{self._root}: this folder is not there yet; the first delivery makes it", good=True)]
        for place in (self._root, *(self._root / folder for folder in FOLDERS.values())):
            if place == self._root or os.path.lexists(place):
                with explained(place):
                    _require_writable(place)
        return [Note(f"{self._root}: can be written", good=True)]

    def prepare(self) -> list[Note]:
        was_there = self._root.is_dir()
        for kind in FOLDERS.values():
            self._make(self._root / kind)
        return [] if was_there else [Note(f"{self._root}: made", good=True)]

    def render(self, row: Row) -> Mapping[str, Any]:
        return record_of(row, self.rules.calls)

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        days: dict[DayFile, list[Item]] = defaultdict(list)
        for item in items:
            days[DayFile.of(self._root, item.kind, item.day, self._options.format)].append(item)
        return [outcome for day, of_day in days.items() for outcome in self._write_day(day, of_day)]

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        named = {each: DayFile.named_in(self._root, each) for each in remote_ids}
        self._remove(filter(None, named.values()))
        return [each for each, found in named.items() if found is not None]

    def cancel(self) -> None:
        self._cancelled.set()

    def _write_day(self, day: DayFile, items: Sequence[Item]) -> list[Outcome]:
        self._stop_if_cancelled()
        before: dict[str, Record] = {}
        if any(item.change != "unchanged" for item in items) or not day.path.exists():
            self._make(day.path.parent)
            before = day.rows()
            self._merge(day, before, items)
        return [
            Outcome(item.identity, "accepted", day.remote_id(identity), was_there=identity in before)
            for item in items
            for identity in [identity_of(item.fields)]
        ]

    def _merge(self, day: DayFile, before: Mapping[str, Record], items: Sequence[Item]) -> None:
        rows: dict[str, Record] = dict(before)
        for item in items:
            identity = identity_of(item.fields)
            # What is unchanged stays as the file has it: the store may have dropped its texts since.
            if item.change != "unchanged" or identity not in before:
                rows[identity] = item.fields
        if rows != before:
            day.write(rows, self._file_mode)
        # A call whose day was corrected; only now, since it must not be in no file.
        found = (DayFile.named_in(self._root, item.remote_id) for item in items if item.remote_id)
        self._remove((other, identity) for other, identity in filter(None, found) if other != day)

    def _remove(self, named: Iterable[tuple[DayFile, str]]) -> None:
        days: dict[DayFile, set[str]] = defaultdict(set)
        for day, identity in named:
            days[day].add(identity)
        for day, gone in days.items():
            self._stop_if_cancelled()
            with explained(self._root):
                # Without the folder nobody knows what is in the files.
                self._root.stat()
            before = day.rows()
            rows = {identity: row for identity, row in before.items() if identity not in gone}
            if rows != before:
                self._sweep(day.path.parent)
                day.write(rows, self._file_mode)

    def _make(self, folder: Path) -> None:
        for place in (self._root, folder):
            with explained(place):
                if not place.is_dir():
                    # Not the folders around it: they may be a disk that is not mounted now.
                    place.mkdir()
                    place.chmod(self._folder_mode)
        self._sweep(folder)

    def _sweep(self, folder: Path) -> None:
        """Remove what a process left that was ended in the middle of a file."""
        if folder not in self._swept:
            for left in folder.glob(f"{BEGUN}*"):
                with suppress(OSError):
                    left.unlink()
            self._swept.add(folder)

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise SinkUnavailable(f"{self._root}: the delivery was stopped", in_doubt=False)


def _require_writable(place: Path) -> None:
    place.stat()
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a folder")
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, "read-only")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "may not be written")
